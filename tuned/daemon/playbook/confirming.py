"""The transactions of a confirmation: its repetitions become trials of the stage `confirm`, round by round.

Owns the queueing of repetitions. All of it runs in the writer's thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from storage import queries, repository
from storage.repository import NewTrial, trial_seed
from tuned.core.errors import InvalidInput
from tuned.core.feasibility import no_result
from tuned.core.final.confirming import candidates, further_seeds, interleaved
from tuned.core.playbook.spec import CONFIRM_STAGE
from tuned.core.playbook.steps import Step
from tuned.core.states import TERMINAL
from tuned.core.study import SEARCH, Study
from tuned.core.study.baseline import baseline_trial
from tuned.core.trials.trial import Trial

LOOKED_AT = 200
"""The best trials among which different points are looked for."""


def begin_confirmation(conn: Connection, study: Study, step: Step, now: float) -> Step:
    """Queue the first round of the repetitions that a step asks for.

    Raises:
        InvalidInput: There is nothing to confirm, or no such baseline.
    """
    baseline = _baseline(conn, study, step.options.get("against"))
    chosen = candidates(ranked(conn, study, LOOKED_AT), int(step.options.get("top", 3)), baseline)
    seeds = int(step.options.get("seeds", 5))
    result = {
        "trials": _queue(conn, study, ([baseline] if baseline else []) + chosen, seeds, now),
        "candidates": [trial.number for trial in chosen],
        "baseline": None if baseline is None else baseline.number,
        "seeds": seeds,
    }
    return replace(step, result={**step.result, **result})


def ranked(conn: Connection, study: Study, top: int) -> list[Trial]:
    """A study's best trials.

    Raises:
        InvalidInput: There is none, and why.
    """
    found = queries.best_trials(conn, study, top)
    if not found:
        search = [trial for trial in queries.trials(conn, study.id) if trial.stage == SEARCH]
        over = all(trial.state in TERMINAL for trial in search)
        raise no_result(study.name, search, study.spec.constraints, ended=over)
    return found


def continue_confirmation(
    conn: Connection, study: Study, step: Step, numbers: Sequence[int], looks: Sequence[int], now: float
) -> Step:
    """Queue a further round of those that cannot be told apart yet; nothing, when this look has been acted on.

    Args:
        conn: The write connection.
        study: As it is now.
        step: As it is now.
        numbers: The configurations: the one they are compared with, and those that are open.
        looks: All looks of this step at the repetitions, the present one last.
        now: Unix seconds.
    """
    if len(step.result.get("looks", ())) >= len(looks):
        return step
    done = int(step.result["seeds"])
    more = further_seeds(step.options, done)
    trials = [t for t in (queries.trial(conn, study.id, number) for number in numbers) if t is not None]
    result = {
        "trials": [*step.result["trials"], *_queue(conn, study, trials, more, now)],
        "seeds": done + more,
        "looks": list(looks),
    }
    listed = ", ".join(str(number) for number in numbers)
    why = f"round {len(looks) + 1}: {more} more seeds of trials {listed}, which are close"
    return replace(step, result={**step.result, **result}, why=why)


def _queue(conn: Connection, study: Study, configurations: Sequence[Trial], seeds: int, now: float) -> list[int]:
    before = {trial.seed for trial in queries.trials_of_stage(conn, study.id, CONFIRM_STAGE)}
    numbers: list[int] = []
    for repetition in interleaved(configurations, len(before), seeds):
        trial = repetition.trial
        new = NewTrial(
            params=trial.params,
            origin="confirm",
            why=f"repeats trial {trial.number} with seed {repetition.seed + 1} of the confirmation",
            rank=0,
            stage=CONFIRM_STAGE,
            retry_of=trial.number,
            seed=trial_seed(study.spec.search.seed, f"confirm/{repetition.seed}"),
        )
        numbers += repository.add_trials(conn, study.id, [new], now)
    return numbers


def _baseline(conn: Connection, study: Study, against: int | None) -> Trial | None:
    """The named trial, else the study's own baseline, whatever became of it in the search."""
    if against is None:
        return baseline_trial(study.spec, queries.own_trials(conn, study.id))
    found = queries.trial(conn, study.id, against)
    if found is None or found.stage != SEARCH:
        raise InvalidInput(
            "there is no such trial of the search",
            where=f"{study.name}/{against}",
            hint=f"see: tunectl trials {study.name}",
        )
    return found
