"""The repetitions that a study has: configurations with their runs and failures, and the baseline among them.

Owns how trials of the stage `confirm` become configurations. Pure; the test is `repeated`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tuned.analyses.comparing import repeated
from tuned.analyses.comparing.repeated import Compared, Configuration
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.verdict import Verdict
from tuned.core.errors import InvalidInput
from tuned.core.final.alike import REASON, REMEDY, alike
from tuned.core.playbook.spec import CONFIRM_STAGE
from tuned.core.ranking import whole
from tuned.core.states import NO_OUTCOME, TrialState
from tuned.core.study.baseline import baseline_trial


def configurations(study: StudyData) -> list[Configuration]:
    """The configurations that were repeated, by their number in the search."""
    by_number = {t.number: t for t in study.trials}
    runs: dict[int, list[TrialData]] = {}
    for trial in study.trials:
        if trial.stage == CONFIRM_STAGE and trial.retry_of in by_number:
            runs.setdefault(trial.retry_of, []).append(trial)
    return [configuration(study, by_number[number], own) for number, own in sorted(runs.items())]


def configuration(study: StudyData, trial: TrialData, runs: Sequence[TrialData]) -> Configuration:
    """A trial's configuration with its repetitions, of which only results and failures of its own count."""
    metric = study.objective.metric
    done = {t.seed: t.values.get(metric, np.nan) for t in runs if whole(t)}
    failed = [t.reason or t.failure for t in runs if t.state == TrialState.FAILED and t.failure not in NO_OUTCOME]
    results = {seed: value for seed, value in done.items() if np.isfinite(value)}
    searched = trial.values.get(metric, np.nan)
    return Configuration(trial.number, searched, results, len(failed), failed[-1] if failed else "")


def looks_of(study: StudyData) -> list[int]:
    """Repetitions of a configuration at each decision so far, by the steps of the study's playbook."""
    return [int(look) for step in study.steps if step["name"] == "confirm" for look in step["result"].get("looks", ())]


def confirmed(study: StudyData, against: int | None = None) -> list[Compared]:
    """The configurations that were repeated, compared: the baseline first, then the others as the search ranked them.

    Args:
        study: The study.
        against: Number of the baseline; None: the study's own (`tuned.core.study.baseline`) where it was repeated, else
            the configuration that was best in the search.

    Raises:
        InvalidInput: No repetition has given a result, and why; or that trial was not repeated.
    """
    found = configurations(study)
    if not any(c.runs for c in found):
        hint = f"tunectl confirm {study.name} --top 3 --seeds 5"
        broken = [c for c in found if c.failed]
        if broken:
            count = sum(c.failed for c in broken)
            raise InvalidInput(
                f"none of {count} repetitions gave a result, so nothing can be confirmed: {broken[-1].reason}",
                where=study.name,
                hint=f"see: tunectl trials {study.name} --filter 'stage=confirm'",
            )
        raise InvalidInput("no repetition has ended yet", where=study.name, hint=hint)
    baseline = _baseline(study, found, against)
    others = sorted((c for c in found if c is not baseline), key=lambda c: _place(study, c))
    step = repeated.resolution(study.outcome([*study.ranked, *study.repeated]))
    return repeated.compare(baseline, others, study.sign, looks_of(study), step)


def equal_rule(study: StudyData) -> Iterator[Verdict]:
    """Repetitions of a confirmation, or of points that were queued with several seeds, that are all alike."""
    groups: dict[tuple[str, int], dict[int, float]] = {}
    for trial in (*study.ranked, *study.repeated):
        of = (trial.stage, trial.retry_of or trial.number)
        groups.setdefault(of, {})[trial.seed] = trial.values[study.objective.metric]
    repeated_ones = [list(runs.values()) for runs in groups.values() if len(runs) > 1]
    if alike(repeated_ones):
        yield equal_repetitions(study.name, sum(map(len, repeated_ones)))


def equal_repetitions(name: str, count: int) -> Verdict:
    """The verdict on repetitions that are equal to the last digit, of which there are so many."""
    return Verdict(
        "warn", "confirm.same", REASON, {"repetitions": count}, REMEDY, f"tunectl show {name}/best --command", name
    )


def _place(study: StudyData, c: Configuration) -> tuple[float, int]:
    return (study.sign * c.searched if np.isfinite(c.searched) else np.inf, c.number)


def _baseline(study: StudyData, found: Sequence[Configuration], against: int | None) -> Configuration:
    own = baseline_trial(study.spec, study.trials)
    wanted = against if against is not None else own.number if own else None
    repeated_one = next((c for c in found if c.number == wanted), None)
    if repeated_one is not None:
        return repeated_one
    if against is not None:
        hint = f"tunectl confirm {study.name} --against {against}"
        raise InvalidInput(f"trial {against} was not repeated", where="against", hint=hint)
    return min(found, key=lambda c: _place(study, c))
