"""Of two configurations, of one study or of two: is the second one better, worse, or can nobody say so yet?

Owns the choice of runs and the words. The test is `repeated`'s, as a confirmation uses it; where the two share too few
seeds to be paired it is Welch's interval over the runs of each. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from tuned.analyses.answer import Answer
from tuned.analyses.bounds import no_result
from tuned.analyses.comparing import repeated
from tuned.analyses.comparing.repeated import Compared, Configuration
from tuned.analyses.comparing.repetitions import configuration, configurations, confirmed, looks_of
from tuned.analyses.intervals import Mean, deviation, mean_of
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.verdict import Level, Verdict
from tuned.core.errors import InvalidInput
from tuned.core.final.alike import REASON
from tuned.core.playbook.spec import CONFIRM_STAGE
from tuned.core.ranking import whole

LEAST = 2
"""Runs of each from which there is an interval."""
_LEVELS: dict[str, Level] = {"adopt": "info", "reject": "info", "undecided": "warn"}


@dataclass(frozen=True, slots=True)
class _Side:
    study: StudyData
    runs: Configuration

    @property
    def name(self) -> str:
        return f"{self.study.name}/{self.runs.number}"


def pair(question: Question) -> Answer:
    """Two configurations: `baseline` of the study, `candidate` of the other study where there is one, else of the same.

    Options:
        baseline, candidate: Numbers of trials; default: the best one.

    Raises:
        InvalidInput: A trial does not exist, they are the same, or their objectives differ.
    """
    question.allow("baseline", "candidate")
    if len(question.others) > 1:
        raise InvalidInput("two configurations are compared at a time", where="other")
    study, other = question.study, question.others[0] if question.others else question.study
    if (study.objective.metric, study.objective.direction) != (other.objective.metric, other.objective.direction):
        ours, theirs = (f"{s.objective.direction} {s.objective.metric}" for s in (study, other))
        raise InvalidInput(f"{study.name} is to {ours}, and {other.name} to {theirs}", hint="compare like with like")
    one = _Side(study, _runs(study, question.options.get("baseline")))
    two = _Side(other, _runs(other, question.options.get("candidate")))
    if one.name == two.name:
        raise InvalidInput("both are the same trial", where=one.name, hint=f"tunectl trials {study.name} --sort value")
    compared, paired = _compared(one, two)
    same = repeated.all_alike([one.runs, two.runs])
    decision = "undecided" if same else compared.decision
    effect = None if same else compared.effect
    figures = _figures(one, two, decision, effect, paired=paired)
    figures["why"] = _why(one, two, decision, effect, same=same)
    figures["next"] = _next(one, two, decision, same=same)
    verdict = Verdict(
        _LEVELS[decision],
        f"verdict.{decision}",
        f"{decision}: {figures['why']}",
        {"runs": len(two.runs.runs), "baseline runs": len(one.runs.runs)},
        command=figures["next"],
        about=two.name,
        trials=(two.runs.number,),
    )
    return Answer((verdict,), figures=figures)


def _runs(study: StudyData, wanted: str | None) -> Configuration:
    """A configuration with the runs of its point; the one that it was chosen by counts where others are too few."""
    trial = _trial(study, wanted)
    again = [t for t in study.trials if t is not trial and _repeats(t, trial)]
    own = [t for t in again if t.stage == CONFIRM_STAGE] or again
    if sum(map(whole, own)) < LEAST:
        own = [trial, *again]
    return configuration(study, trial, own)


def _repeats(trial: TrialData, of: TrialData) -> bool:
    same = trial.retry_of == of.number or (bool(of.params) and trial.params == of.params)
    return same and trial.stage in (of.stage, CONFIRM_STAGE)  # a final model has other data


def _trial(study: StudyData, wanted: str | None) -> TrialData:
    if wanted is None:
        if not study.ranked:
            raise no_result(study)
        return study.ranked[0]
    found = next((t for t in study.trials if str(t.number) == wanted), None)
    if found is None:
        raise InvalidInput(
            "there is no such trial", where=f"{study.name}/{wanted}", hint=f"tunectl trials {study.name}"
        )
    if found.retry_of is None:
        return found
    return next((t for t in study.trials if t.number == found.retry_of), found)


def _compared(one: _Side, two: _Side) -> tuple[Compared, bool]:
    """The candidate beside the baseline, and whether their runs are paired over seeds."""
    if one.study is two.study and {one.runs.number, two.runs.number} <= {c.number for c in configurations(one.study)}:
        found = confirmed(one.study, one.runs.number)  # the answer of `confirm`, whatever else was repeated
        return next(c for c in found if c.configuration.number == two.runs.number), True
    looks = looks_of(one.study) if one.study is two.study else ()
    values = [*one.runs.runs.values(), *two.runs.runs.values()]
    _, compared = repeated.compare(one.runs, [two.runs], one.study.sign, looks, repeated.resolution(values))
    shared = len(one.runs.runs.keys() & two.runs.runs.keys())
    if shared >= LEAST or compared.decision != "undecided":
        return compared, shared >= LEAST
    effect = _unpaired(one, two, 1 + sum(look < two.runs.tried for look in looks))
    return replace(compared, effect=effect, decision=repeated.decide(effect)), False


def _unpaired(one: _Side, two: _Side, look: int) -> Mean:
    """The difference of the means with Welch's interval, in which no deviation is below the metric's resolution."""
    a, b = one.runs.values, two.runs.values
    n = min(len(a), len(b))
    mean = one.study.sign * float(a.mean() - b.mean()) if n else math.nan
    if n < LEAST:
        return Mean(mean, math.nan, -math.inf, math.inf, n)
    floor = repeated.resolution([*a, *b]) / math.sqrt(12)
    parts = [max(deviation(v, 1), floor) / math.sqrt(len(v)) for v in (a, b)]
    sem = math.hypot(*parts)
    if sem == 0:
        return Mean(mean, 0.0, -math.inf, math.inf, n)
    shares = [(part / sem) ** 4 / (len(v) - 1) for part, v in zip(parts, (a, b), strict=True)]
    reach = float(stats.t.ppf(1 - repeated.spent(look) / 2, 1 / sum(shares))) * sem
    return Mean(mean, sem, mean - reach, mean + reach, n)


def _figures(one: _Side, two: _Side, decision: str, effect: Mean | None, *, paired: bool) -> dict[str, Any]:
    known = effect is not None and np.isfinite(effect.low + effect.high)
    return {
        "decision": decision,
        "metric": one.study.objective.metric,
        "direction": one.study.objective.direction,
        "baseline": _side(one),
        "candidate": _side(two),
        "better_by": effect.mean if effect is not None and math.isfinite(effect.mean) else None,
        "interval": [effect.low, effect.high] if effect is not None and known else None,
        "paired": paired,
    }


def _side(side: _Side) -> dict[str, Any]:
    own = mean_of(side.runs.values)
    return {
        "trial": side.name,
        "runs": own.n,
        "failed": side.runs.failed,
        "mean": own.mean if own.n else None,
        "sem": own.sem if own.n > 1 else None,
    }


def _why(one: _Side, two: _Side, decision: str, effect: Mean | None, *, same: bool) -> str:
    if same:
        return REASON
    for side in (one, two):
        if side.runs.failed and not side.runs.runs:
            return f"{side.name} gave no result in {side.runs.failed} runs ({side.runs.reason})"
    if decision == "reject" and two.runs.fails_beside(one.runs):
        return f"{two.name} failed in {two.runs.failed} of {two.runs.tried} runs ({two.runs.reason})"
    runs = f"over {len(one.runs.runs)} and {len(two.runs.runs)} runs"
    if effect is None or not np.isfinite(effect.low + effect.high):
        return f"one run says nothing of the spread between runs: {runs}" if effect else f"no result to compare {runs}"
    if effect.mean == 0:
        return f"{two.name} and {one.name} have the same mean ({effect.low:.4g} .. {effect.high:.4g}) {runs}"
    word = "worse" if effect.mean < 0 else "better"
    sign = -1 if effect.mean < 0 else 1
    low, high = sorted((sign * effect.low, sign * effect.high))
    return f"{two.name} is {word} than {one.name} by {abs(effect.mean):.4g} ({low:.4g} .. {high:.4g}) {runs}"


def _next(one: _Side, two: _Side, decision: str, *, same: bool) -> str:
    """The command that narrows an interval; empty where nothing is left to do."""
    if decision != "undecided" or same:
        return ""
    if one.study is two.study and two.study.ranked and two.study.ranked[0].number == two.runs.number:
        return f"tunectl confirm {one.study.name} --top 1 --seeds 5 --against {one.runs.number} --wait"
    thin = min((two, one), key=lambda side: len(side.runs.runs))
    return f"tunectl enqueue {thin.study.name} --like {thin.name} --seeds 5"
