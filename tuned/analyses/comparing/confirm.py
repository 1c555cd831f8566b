"""Confirmation: is a point that won a search better, or was it lucky?

Owns the comparison of repeated runs: paired over seeds with the baseline's, one interval a configuration, and the word
on each: adopt, reject, undecided. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuned.analyses.answer import Answer
from tuned.analyses.comparing.variance import Floats, data_variance, metric_variance, search_variance, seed_variance
from tuned.analyses.examples.example_scores import scores_of
from tuned.analyses.intervals import Mean, mean_of
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Column, Table
from tuned.analyses.verdict import Verdict
from tuned.core.errors import InvalidInput
from tuned.core.states import WASTED
from tuned.protocol import FOLDS_PREFIX

LEVEL = 0.95
_COLUMNS = (
    Column("configuration", "count"),
    Column("role"),
    Column("runs", "count"),
    Column("search", "number", "in the search"),
    Column("mean", "number"),
    Column("sem", "number"),
    Column("effect", "number", "better by"),
    Column("interval", "interval"),
    Column("decision"),
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration and its repetitions: seed -> result."""

    number: int
    searched: float
    runs: dict[int, float]

    @property
    def values(self) -> Floats:
        """Its results, by seed."""
        return np.array([self.runs[seed] for seed in sorted(self.runs)], dtype=float)


@dataclass(frozen=True, slots=True)
class Compared:
    """A configuration beside the baseline.

    Attributes:
        effect: Mean of the paired differences, larger is better; its interval has the level that all comparisons
            together keep to (Bonferroni).
        decision: `adopt`, `reject`, `undecided`, or `baseline`.
    """

    configuration: Configuration
    effect: Mean | None
    decision: str


def decide(effect: Mean) -> str:
    """Adopt what is better for sure, reject what is worse for sure; else nobody can know yet."""
    if effect.n < 2 or not np.isfinite(effect.low + effect.high):
        return "undecided"
    if effect.low > 0:
        return "adopt"
    return "reject" if effect.high < 0 else "undecided"


def compare(
    baseline: Configuration, others: Sequence[Configuration], sign: float, level: float = LEVEL
) -> list[Compared]:
    """Each configuration against the baseline, over the seeds that both have run with.

    Args:
        baseline: What is in use today.
        others: The candidates.
        sign: 1 where smaller results are better, -1 where larger ones are.
        level: That all intervals hold together.
    """
    each = 1 - (1 - level) / max(1, len(others))
    found = [Compared(baseline, None, "baseline")]
    for other in others:
        both = sorted(baseline.runs.keys() & other.runs.keys())
        differences = [sign * (baseline.runs[seed] - other.runs[seed]) for seed in both]
        effect = mean_of(differences, each)
        found.append(Compared(other, effect, decide(effect)))
    return found


def configurations(study: StudyData) -> tuple[list[Configuration], int]:
    """The configurations that were repeated, by their number in the search, and how many repetitions failed."""
    metric, by_number, failed = study.objective.metric, {t.number: t for t in study.trials}, 0
    runs: dict[int, dict[int, float]] = {}
    for trial in study.trials:
        if trial.stage != "confirm" or trial.retry_of is None:
            continue
        own = runs.setdefault(trial.retry_of, {})
        value = trial.values.get(metric, np.nan)
        if trial.state == "completed" and np.isfinite(value):
            own[trial.seed] = value
        elif trial.state in WASTED:
            failed += 1
    found = [
        Configuration(number, by_number[number].values.get(metric, np.nan), own)
        for number, own in sorted(runs.items())
        if number in by_number
    ]
    return found, failed


def confirm(question: Question) -> Answer:
    """What the repetitions of a study's best trials say.

    Options:
        against: Number of the baseline; default: the study file's first point where it was repeated, else the
            configuration that was best in the search.

    Raises:
        InvalidInput: There are no repetitions.
    """
    question.allow("against")
    study = question.study
    found, failed = configurations(study)
    if not any(c.runs for c in found):
        raise InvalidInput(
            "no repetition has ended yet", where=study.name, hint=f"tunectl confirm {study.name} --top 3 --seeds 5"
        )
    baseline = _baseline(question, found)
    others = sorted((c for c in found if c is not baseline), key=lambda c: study.sign * c.searched)
    compared = compare(baseline, others, study.sign)
    winner = _winner(compared, study.sign)
    variance = _variance(study, found)
    notes = [f"{failed} repetitions failed and are left out"] if failed else []
    return Answer(
        verdicts=tuple(_verdicts(study, compared, winner)),
        tables=(_table(study, compared, tuple(notes)), _variance_table(study, variance)),
        figures={
            "winner": winner.configuration.number,
            "why": _why(winner, baseline),
            "configurations": [_figure(c) for c in compared],
            "variance": variance,
        },
    )


def _baseline(question: Question, found: Sequence[Configuration]) -> Configuration:
    study, named = question.study, question.options.get("against")
    if named is not None:
        number = int(question.number("against", 0))
        for configuration in found:
            if configuration.number == number:
                return configuration
        raise InvalidInput(f"trial {named} was not repeated", where="against", hint=f"tunectl confirm {study.name}")
    first = next((c for c in found if c.number == 1 and study.spec.search.points), None)
    return first or min(found, key=lambda c: study.sign * c.searched)


def _winner(compared: Sequence[Compared], sign: float) -> Compared:
    """The best of those that are to be adopted; without one, the baseline: it needs no proof."""
    adopted = [c for c in compared if c.decision == "adopt"]
    return min(adopted, key=lambda c: sign * c.configuration.values.mean()) if adopted else compared[0]


def _why(winner: Compared, baseline: Configuration) -> str:
    if winner.effect is None:
        return f"no other one was better for sure over {len(baseline.runs)} seeds"
    effect = winner.effect
    return f"better than trial {baseline.number} by {effect.mean:.4g} ({effect.low:.4g} .. {effect.high:.4g})"


def _figure(compared: Compared) -> dict[str, object]:
    c, effect = compared.configuration, compared.effect
    own = mean_of(c.values)
    return {
        "number": c.number,
        "runs": len(c.runs),
        "searched": c.searched,
        "mean": own.mean,
        "sem": own.sem,
        "effect": None if effect is None else effect.mean,
        "interval": None if effect is None else [effect.low, effect.high],
        "decision": compared.decision,
    }


def _verdicts(study: StudyData, compared: Sequence[Compared], winner: Compared) -> list[Verdict]:
    baseline = compared[0].configuration
    found = [
        Verdict(
            "info",
            "confirm.winner",
            f"trial {winner.configuration.number} is confirmed: {_why(winner, baseline)}",
            {"mean": float(winner.configuration.values.mean()), "runs": len(winner.configuration.runs)},
            about=f"{study.name}/{winner.configuration.number}",
            trials=(winner.configuration.number,),
        )
    ]
    open_ = [c for c in compared if c.decision == "undecided" and c.effect is not None]
    if open_:
        numbers = tuple(c.configuration.number for c in open_)
        spread = max(c.effect.high - c.effect.low for c in open_ if c.effect is not None)
        found.append(
            Verdict(
                "warn",
                "confirm.undecided",
                f"{len(open_)} of {len(compared) - 1} candidates cannot be told from trial {baseline.number} yet",
                {"widest interval": spread, "seeds": len(baseline.runs)},
                "more seeds narrow the intervals",
                f"tunectl confirm {study.name} --top {len(compared) - 1} --seeds 5 --against {baseline.number}",
                about=study.name,
                trials=numbers,
            )
        )
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


def _luck(compared: Sequence[Compared], sign: float) -> tuple[int, float] | None:
    """The configuration whose result of the search lies furthest outside of its own repetitions."""
    found = []
    for c in (entry.configuration for entry in compared):
        own = mean_of(c.values)
        excess = sign * (own.mean - c.searched)
        if own.n > 1 and np.isfinite(excess) and excess > 2 * own.sem * np.sqrt(own.n):
            found.append((c.number, float(excess)))
    return max(found, key=lambda entry: entry[1], default=None)


def _table(study: StudyData, compared: Sequence[Compared], notes: tuple[str, ...]) -> Table:
    rows = []
    for entry in compared:
        c, own = entry.configuration, mean_of(entry.configuration.values)
        role = "baseline" if entry.effect is None else "candidate"
        effect = None if entry.effect is None else entry.effect.mean
        interval = None if entry.effect is None else entry.effect.interval
        rows.append((c.number, role, own.n, c.searched, own.mean, own.sem, effect, interval, entry.decision))
    count = max(1, len(compared) - 1)
    said = (
        f"paired over seeds; intervals hold together at {LEVEL:.0%}"
        + (f" ({count} comparisons, Bonferroni)" if count > 1 else ""),
    )
    return Table("confirm", f"{study.objective.metric} over seeds", _COLUMNS, tuple(rows), (*said, *notes))


def _variance(study: StudyData, found: Sequence[Configuration]) -> dict[str, float | None]:
    seeds = seed_variance([c.values for c in found])
    results = study.outcome(study.full)
    repeated = [t for t in study.trials if t.stage == "confirm" and t.state == "completed"]
    return {
        "seed": seeds,
        "search": search_variance(results, seeds, study.sign < 0, study.spec.search.seed),
        "data": _data(study, repeated),
    }


def _data(study: StudyData, trials: Sequence[TrialData]) -> float | None:
    """From folds where there are some, else from predictions whose mean score is the reported result."""
    metric = study.objective.metric
    folds = [t.curve(FOLDS_PREFIX + metric).finite.values for t in trials]
    found = data_variance(folds)
    if found is not None:
        return found
    scores = [s for s in (scores_of(t.run_dir, t.values.get(metric, np.nan)) for t in trials) if s is not None]
    return float(np.mean([metric_variance(s) for s in scores])) if scores else None


def _variance_table(study: StudyData, variance: dict[str, float | None]) -> Table:
    says = {
        "seed": "between runs of one configuration that differ in the seed",
        "search": "of the best value between searches of this size, beyond the seeds",
        "data": "by which examples it is measured on",
    }
    known = {name: value for name, value in variance.items() if value is not None}
    total = sum(known.values())
    rows = tuple(
        (name, None if v is None else float(np.sqrt(v)), v / total if v is not None and total > 0 else None, says[name])
        for name, v in variance.items()
    )
    notes = []
    if variance["data"] is None:
        notes.append("data: unknown without folds (trial.folds) or predictions (trial.save_predictions)")
    if variance["search"] is None:
        notes.append("search: unknown from fewer than 5 completed trials")
    columns = (Column("source"), Column("deviation", "number"), Column("share", "share"), Column("what"))
    return Table("variance", f"Where the spread of {study.objective.metric} comes from", columns, rows, tuple(notes))
