"""Confirmation: is a point that won a search better, or was it lucky?

Owns the answer to that: the tables and the words. The test is `repeated`'s, the runs come from `repetitions`. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from tuned.analyses.answer import Answer
from tuned.analyses.comparing import repeated
from tuned.analyses.comparing.repeated import Compared, Configuration
from tuned.analyses.comparing.repetitions import confirmed, equal_repetitions
from tuned.analyses.comparing.variance import data_variance, metric_variance, search_variance, seed_variance
from tuned.analyses.examples.example_scores import scores_of
from tuned.analyses.intervals import mean_of
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Column, Table
from tuned.analyses.verdict import Verdict
from tuned.core.final import alike
from tuned.protocol import FOLDS_PREFIX

_COLUMNS = (
    Column("configuration", "count"),
    Column("decision"),
    Column("role"),
    Column("runs", "count"),
    Column("failed", "count"),
    Column("search", "number", "in the search"),
    Column("mean", "number"),
    Column("sem", "number"),
    Column("effect", "number", "better by"),
    Column("interval", "interval"),
)
ROUNDING = 1e-12
"""Share of a result below which the mean of equal results may differ from it."""
OUTCOMES = {"adopt": "adopted", "baseline": "baseline", "undecided": "undecided", "reject": "undecided"}


def confirm(question: Question) -> Answer:
    """The confirmation of a study's best trials by their repetitions.

    Options:
        against: Number of the baseline; default: as `confirmed` has it.

    Raises:
        InvalidInput: No repetition has given a result, or that trial was not repeated.
    """
    question.allow("against")
    study = question.study
    against = None if question.options.get("against") is None else int(question.number("against", 0))
    compared = confirmed(study, against)
    winner = repeated.chosen(compared, study.sign)
    found = [c.configuration for c in compared]
    same = repeated.all_alike(found)
    deviations = _deviations(study, found)
    return Answer(
        verdicts=tuple(_verdicts(study, compared, winner)),
        tables=(_table(study, compared), _variance_table(study, deviations)),
        figures={
            "winner": winner.configuration.number,
            "outcome": OUTCOMES[winner.decision],
            "why": why(study, compared, winner),
            "reference": compared[0].configuration.number,
            "open": repeated.still_open(compared, study.sign),
            "tried": max(c.configuration.tried for c in compared),
            "configurations": [_figure(c, same) for c in compared],
            "variance": {name: _square(value) for name, value in deviations.items()},
        },
    )


def why(study: StudyData, compared: Sequence[Compared], winner: Compared) -> str:
    """Why this configuration is the one to use, in one line: adopted, or undecided, or that the baseline stays."""
    baseline, own = compared[0].configuration, winner.configuration
    seeds = f"over {len(own.runs)} seeds"
    if repeated.all_alike([c.configuration for c in compared]) and winner.decision != "adopt":
        return f"undecided: {alike.REASON}"
    if winner is compared[0]:
        rejected = [c for c in compared[1:] if c.decision == "reject"]
        if len(rejected) == len(compared) - 1 and rejected:
            failing = [c.configuration for c in rejected if c.configuration.fails_beside(baseline)]
            if not failing:
                return f"no other one is as good {seeds}"
            named = ", ".join(f"trial {c.number} in {c.failed} of {c.tried}" for c in failing)
            others = "" if len(failing) == len(rejected) else ", and no other one is as good"
            return f"repetitions fail of {named}{others}"
        return f"its mean is the best {seeds}, and the repetitions show of no other one that it is better"
    if not baseline.runs:
        return f"trial {baseline.number} gave no result in {baseline.failed} repetitions ({baseline.reason})"
    effect = winner.effect
    if effect is None or not np.isfinite(effect.low + effect.high):
        return f"undecided: its mean is the best {seeds}, too few to say more"
    where = f" in {study.objective.metric}" if len(study.spec.objectives) > 1 else ""
    by = f"{effect.mean:.4g}{where} ({effect.low:.4g} .. {effect.high:.4g})"
    better = f"better than trial {baseline.number} by {by} {seeds}"
    return better if winner.decision == "adopt" else f"undecided: {better}"


def _figure(compared: Compared, same: bool) -> dict[str, object]:
    c, effect = compared.configuration, compared.effect
    own = mean_of(c.values)
    return {
        "number": c.number,
        "runs": len(c.runs),
        "failed": c.failed,
        "searched": c.searched,
        "mean": own.mean,
        "sem": None if same else own.sem,
        "effect": None if effect is None else effect.mean,
        "interval": None if effect is None else [effect.low, effect.high],
        "decision": compared.decision,
    }


def _verdicts(study: StudyData, compared: Sequence[Compared], winner: Compared) -> list[Verdict]:
    baseline, own = compared[0].configuration, winner.configuration
    word = {"adopt": "is confirmed and adopted", "baseline": "stays"}.get(winner.decision, "is final, not adopted")
    same = repeated.all_alike([c.configuration for c in compared])
    found = [
        Verdict(
            "info",
            "confirm.winner",
            f"trial {own.number} {word}: {why(study, compared, winner)}",
            {"mean": mean_of(own.values).mean, "runs": len(own.runs)},
            about=f"{study.name}/{own.number}",
            trials=(own.number,),
        )
    ]
    undecided = [c for c in compared if c.decision == "undecided" and c.effect is not None]
    twins = [c for c in undecided if c.configuration.same_as(baseline)]
    undecided = [c for c in undecided if c not in twins]
    if twins and not same:
        named = ", ".join(str(c.configuration.number) for c in twins)
        found.append(
            Verdict(
                "info",
                "confirm.equal",
                f"trial {baseline.number} and {named} give the same under every seed: they differ in nothing that "
                "counts",
                {"seeds": baseline.tried},
                about=study.name,
                trials=tuple(c.configuration.number for c in twins),
            )
        )
    if undecided and not same:
        numbers = tuple(c.configuration.number for c in undecided)
        spread = max(c.effect.high - c.effect.low for c in undecided if c.effect is not None)
        found.append(
            Verdict(
                "warn",
                "confirm.undecided",
                f"{len(undecided)} of {len(compared) - 1} candidates cannot be told from trial {baseline.number} yet",
                {"widest interval": spread, "seeds": baseline.tried},
                "more seeds narrow the intervals",
                f"tunectl confirm {study.name} --top {len(compared) - 1} --seeds 5 --against {baseline.number}",
                about=study.name,
                trials=numbers,
            )
        )
    if same:
        found.append(equal_repetitions(study.name, sum(len(c.configuration.values) for c in compared)))
    found += [_fails(study, c.configuration) for c in compared if c.configuration.failed]
    found += _traded(study, baseline.number, own.number)
    lucky = _luck(compared, study.sign)
    if lucky is not None:
        number, excess = lucky
        found.append(
            Verdict(
                "info",
                "confirm.luck",
                f"trial {number} was better in the search than it is: {excess:.3g} of its result was luck",
                {"excess": excess},
                "report the mean over seeds, never the search's best value",
                about=f"{study.name}/{number}",
                trials=(number,),
            )
        )
    return found


def _fails(study: StudyData, c: Configuration) -> Verdict:
    return Verdict(
        "warn",
        "confirm.fails",
        f"trial {c.number} failed in {c.failed} of {c.tried} repetitions: {c.reason}",
        {"failed": c.failed, "tried": c.tried},
        "a configuration that fails more often than the baseline is not adopted",
        f"tunectl trials {study.name} --filter 'stage=confirm state:fail'",
        about=f"{study.name}/{c.number}",
        trials=(c.number,),
    )


def _traded(study: StudyData, baseline: int, winner: int) -> Iterator[Verdict]:
    """The winner's losses in objectives after the first one, by which alone it was chosen."""
    lost = []
    for objective in study.spec.objectives[1:]:
        runs = [t for t in study.repeated if objective.metric in t.values]
        old, new = (mean_of([t.values[objective.metric] for t in runs if t.retry_of == n]) for n in (baseline, winner))
        if old.n and new.n and objective.sign * new.mean > objective.sign * old.mean:
            lost.append(f"{objective.metric} {new.mean:.4g} in place of {old.mean:.4g}")
    if lost:
        yield Verdict(
            "warn",
            "confirm.traded",
            f"trial {winner} was chosen by {study.objective.metric} alone, and is worse than trial {baseline} in the "
            f"rest: {', '.join(lost)}",
            {"objectives": len(study.spec.objectives)},
            "choose among the trials that no other one beats, with the trade in mind",
            f"tunectl best {study.name}",
            about=f"{study.name}/{winner}",
            trials=(winner, baseline),
        )


def _luck(compared: Sequence[Compared], sign: float) -> tuple[int, float] | None:
    """The configuration whose result of the search lies furthest outside of its own repetitions."""
    found = []
    for c in (entry.configuration for entry in compared):
        own = mean_of(c.values)
        excess = sign * (own.mean - c.searched)
        spread, rounding = 2 * own.sem * np.sqrt(own.n), ROUNDING * abs(c.searched)
        if own.n > 1 and np.isfinite(excess) and excess > max(spread, rounding):
            found.append((c.number, float(excess)))
    return max(found, key=lambda entry: entry[1], default=None)


def _table(study: StudyData, compared: Sequence[Compared]) -> Table:
    rows = []
    same = repeated.all_alike([c.configuration for c in compared])
    for entry in compared:
        c, own = entry.configuration, mean_of(entry.configuration.values)
        role = "baseline" if entry.decision == "baseline" else "candidate"
        effect = None if entry.effect is None else entry.effect.mean
        interval = entry.effect.interval if entry.effect is not None and np.isfinite(entry.effect.sem) else None
        mean, sem = (own.mean, None if same else own.sem) if own.n else (None, None)
        rows.append((c.number, entry.decision, role, own.n, c.failed, c.searched, mean, sem, effect, interval))
    count = max(1, len(compared) - 1)
    comparisons = f"{count} comparison" + ("" if count == 1 else "s")
    note = (
        f"paired over seeds, variance pooled over all configurations; over {comparisons} and all rounds of seeds, a "
        f"decision is wrong in at most {repeated.ERROR:.0%} where nothing differs"
    )
    return Table("confirm", f"{study.objective.metric} over seeds", _COLUMNS, tuple(rows), (note,))


def _square(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value * value) else value * value


def _deviations(study: StudyData, found: Sequence[Configuration]) -> dict[str, float | None]:
    """Standard deviation by source; in units of the largest result until the end, whose square may be no float."""
    results = study.outcome(study.full)
    size = max(float(np.abs(part).max(initial=0.0)) for part in (results, *(c.values for c in found))) or 1.0
    results = results / size
    seeds = None if repeated.all_alike(found) else seed_variance([c.values / size for c in found])
    variances = {
        "seed": seeds,
        "search": None if seeds is None else search_variance(results, seeds, study.sign < 0, study.spec.search.seed),
        "data": _data(study, study.repeated, size),
    }
    return {name: None if v is None else size * float(np.sqrt(v)) for name, v in variances.items()}


def _data(study: StudyData, trials: Sequence[TrialData], size: float) -> float | None:
    """From folds where there are some, else from predictions whose mean score is the reported result."""
    metric = study.objective.metric
    folds = [t.curve(FOLDS_PREFIX + metric).finite.values / size for t in trials]
    found = data_variance(folds)
    if found is not None:
        return found
    scores = [s for s in (scores_of(t.run_dir, t.values.get(metric, np.nan)) for t in trials) if s is not None]
    return float(np.mean([metric_variance(s / size) for s in scores])) if scores else None


def _variance_table(study: StudyData, deviations: dict[str, float | None]) -> Table:
    says = {
        "seed": "between runs of one configuration that differ in the seed",
        "search": "of the winner's true level between searches of this size",
        "data": "by which examples it is measured on",
    }
    whole = math.hypot(*(d for d in deviations.values() if d is not None))
    rows = tuple(
        (name, d, (d / whole) ** 2 if d is not None and whole > 0 else None, says[name])
        for name, d in deviations.items()
    )
    notes = []
    if deviations["data"] is None:
        notes.append("data: unknown without folds (trial.folds) or predictions (trial.save_predictions)")
    if deviations["seed"] is None:
        notes.append("seed, search: unknown without repetitions that differ")
    elif deviations["search"] is None:
        notes.append("search: unknown from fewer than 5 completed trials")
    columns = (Column("source"), Column("deviation", "number"), Column("share", "share"), Column("what"))
    return Table("variance", f"Where the spread of {study.objective.metric} comes from", columns, rows, tuple(notes))
