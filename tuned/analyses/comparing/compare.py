"""`compare`: two studies with shared parameters, or the baseline of one with its best.

Owns how settings of one study are found in another, and the verdict whether its conclusions carry over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import stats

from tuned.analyses.answer import Answer
from tuned.analyses.bounds import no_result
from tuned.analyses.comparing.baseline import baseline_and_best
from tuned.analyses.groups import known, text_of
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData, TrialData, positions
from tuned.analyses.table import Cell, Column, Table
from tuned.analyses.verdict import Verdict
from tuned.core.errors import InvalidInput
from tuned.core.space import Parameter, Point, same_value
from tuned.core.space.text import typed_point
from tuned.core.states import WASTED

CLOSE = 0.1
"""Of each range, on its own scale, root mean square: settings that close count as the same."""
LEAST_PAIRS = 5
CARRIES_OVER, IN_PART = 0.7, 0.3
GOOD = 0.25
"""A study's best quarter: below it, another study's best setting is not among the good ones here."""


def compare(question: Question) -> Answer:
    """Study against study (`others`), or baseline against best when there is only one.

    Raises:
        InvalidInput: More than two studies, or none of them has a result.
    """
    question.allow()
    if len(question.others) > 1:
        raise InvalidInput("two studies are compared at a time", where="other")
    if not question.others:
        return baseline_and_best(question.study)
    old, new = question.study, question.others[0]
    for study in (old, new):
        if not study.ranked:
            raise no_result(study)
    shared = shared_parameters(old, new)
    verdicts = list(_verdicts(old, new, shared))
    notes = [] if shared else ["They share no parameter: nothing but the results can be compared."]
    if old.objective.metric != new.objective.metric:
        notes.append("Their objectives differ: the order of settings can be compared, results cannot.")
    only = [f"{s.name} alone has {', '.join(names)}." for s, names in _own(old, new) if names]
    tables = (_studies_table(old, new), *((_parameters_table(old, new, shared),) if shared else ()))
    return Answer(tuple(verdicts), tables, (*notes, *only))


def shared_parameters(old: StudyData, new: StudyData) -> tuple[Parameter, ...]:
    """Parameters that both studies tune, as the second one has them."""
    mine = {p.name for p in old.space.tunable}
    return tuple(p for p in new.space.tunable if p.name in mine)


def _own(old: StudyData, new: StudyData) -> Iterable[tuple[StudyData, list[str]]]:
    one, other = {p.name for p in old.space.tunable}, {p.name for p in new.space.tunable}
    yield old, sorted(one - other)
    yield new, sorted(other - one)


def distance(parameters: Sequence[Parameter], one: Point, other: Point) -> float:
    """Between two settings: root mean square over the parameters of how far apart they lie in their range.

    A choice without order that differs, and a parameter that is active in one alone, count as 1.
    """
    parts = []
    for parameter in parameters:
        if parameter.name not in one and parameter.name not in other:
            continue
        if parameter.name not in one or parameter.name not in other:
            parts.append(1.0)
            continue
        a, b = one[parameter.name], other[parameter.name]
        apart = np.diff(positions(parameter, [a, b]))[0]
        parts.append(float(abs(apart)) if np.isfinite(apart) else float(not same_value(a, b)))
    return float(np.sqrt(np.mean(np.square(parts)))) if parts else 0.0


def nearest_trial(
    parameters: Sequence[Parameter], point: Point, trials: Sequence[TrialData]
) -> tuple[TrialData, float]:
    """The trial whose settings are closest to a point, and how far they are."""
    found = min(trials, key=lambda trial: (distance(parameters, point, trial.params), trial.number))
    return found, distance(parameters, point, found.params)


def _pairs(old: StudyData, new: StudyData, shared: Sequence[Parameter]) -> list[tuple[TrialData, TrialData]]:
    """Settings tried in both: each trial of the old study with its closest one in the new, when that is close."""
    found = []
    for trial in old.ranked:
        other, apart = nearest_trial(shared, trial.params, new.ranked)
        if apart <= CLOSE:
            found.append((trial, other))
    return found


def _verdicts(old: StudyData, new: StudyData, shared: Sequence[Parameter]) -> Iterable[Verdict]:
    if not shared:
        return
    best = old.ranked[0]
    other, apart = nearest_trial(shared, best.params, new.ranked)
    rank, total = [trial.number for trial in new.ranked].index(other.number) + 1, len(new.ranked)
    lost = apart <= CLOSE and rank > max(1, GOOD * total)
    yield from _correlation(old, new, shared, lost=lost)
    if apart > CLOSE:
        point = typed_point({p.name: best.params[p.name] for p in shared if p.name in best.params})
        yield Verdict(
            "info",
            "compare.untried",
            f"The best setting of {old.name} (trial {best.number}) was not tried in {new.name}: the closest is "
            f"trial {other.number}, {apart:.0%} of the ranges away.",
            {"distance": apart, "closest": other.number},
            "Try it here.",
            f"tunectl enqueue {new.name} {point}",
            f"{old.name}/{best.number}",
            (other.number,),
        )
        return
    yield Verdict(
        "warn" if lost else "info",
        "compare.old-best",
        f"The best setting of {old.name} is rank {rank} of {total} in {new.name} (trial {other.number})"
        + (": tune again." if lost else ": it is among the good ones here, too."),
        {"rank": rank, "trials": total, "distance": apart},
        f"Take nothing over from {old.name} but its ranges." if lost else "",
        "",
        f"{new.name}/{other.number}",
        (other.number,),
    )


def _correlation(old: StudyData, new: StudyData, shared: Sequence[Parameter], *, lost: bool) -> Iterable[Verdict]:
    """Whether the order of settings carries over; where the old best is `lost` in the new study it does not at the top,
    which is where it matters.
    """
    pairs = _pairs(old, new, shared)
    if len(pairs) < LEAST_PAIRS:
        return
    a = old.sign * old.outcome([one for one, _ in pairs])
    b = new.sign * new.outcome([other for _, other in pairs])
    if not (np.ptp(a) and np.ptp(b)):
        return
    rho = float(stats.spearmanr(a, b).statistic)
    agree = "they carry over" if rho >= CARRIES_OVER else "they carry over in part" if rho > IN_PART else "they do not"
    if lost and rho > IN_PART:
        agree = "poor settings stay poor, but the best do not carry over"
    yield Verdict(
        "info",
        "compare.correlation",
        f"Of {len(pairs)} settings tried in both studies the order agrees with a rank correlation of {rho:.2f}: "
        f"{agree}.",
        {"rank_correlation": rho, "pairs": len(pairs)},
    )


def _studies_table(old: StudyData, new: StudyData) -> Table:
    columns = (Column("what"), Column("first", title=old.name), Column("second", title=new.name))
    rows: list[tuple[Cell, ...]] = [
        ("objective", *(f"{s.objective.direction} {s.objective.metric}" for s in (old, new)))
    ]
    for name, measure in (
        ("best", lambda s: s.ranked[0].values[s.objective.metric]),
        ("best trial", lambda s: s.ranked[0].number),
        ("median", lambda s: float(np.median(s.outcome(s.ranked)))),
        ("trials with a result", lambda s: len(s.ranked)),
        ("failed", lambda s: sum(t.state in WASTED for t in s.searched)),
        ("hours of trials", lambda s: sum(t.seconds or 0.0 for t in s.searched) / 3600),
    ):
        rows.append((name, measure(old), measure(new)))
    return Table("compare.studies", f"{old.name} and {new.name}", columns, tuple(rows))


def _parameters_table(old: StudyData, new: StudyData, shared: Sequence[Parameter]) -> Table:
    columns = (
        Column("parameter"), Column("range_first", title=f"range in {old.name}"),
        Column("range_second", title=f"range in {new.name}"), Column("best_first", title=f"best in {old.name}"),
        Column("best_second", title=f"best in {new.name}"), Column("trend_first", "number", f"trend in {old.name}"),
        Column("trend_second", "number", f"trend in {new.name}"),
    )  # fmt: skip
    rows = [
        (
            parameter.name,
            range_text(old.parameter(parameter.name)),
            range_text(parameter),
            known(old.ranked[0].params.get(parameter.name)),
            known(new.ranked[0].params.get(parameter.name)),
            trend(old, parameter.name),
            trend(new, parameter.name),
        )
        for parameter in shared
    ]
    note = "Trend: rank correlation of the value with the result; above 0, larger values are better."
    return Table("compare.parameters", "Shared parameters", columns, tuple(rows), (note,))


def range_text(parameter: Parameter) -> str:
    """A parameter's range in a few characters."""
    if parameter.kind in ("float", "int"):
        low, high = parameter.numeric_ends
        return f"{low:.4g} .. {high:.4g}" + (" log" if parameter.log else "")
    return ", ".join(text_of(value) for value in parameter.values)


def trend(study: StudyData, name: str) -> float | None:
    """Rank correlation of a parameter's position with how good the result is; None for what has no order."""
    trials = [trial for trial in study.ranked if name in trial.params]
    places = positions(study.parameter(name), [trial.params[name] for trial in trials])
    if len(trials) < LEAST_PAIRS or not np.isfinite(places).all() or not np.ptp(places):
        return None
    outcome = -study.sign * study.outcome(trials)
    return float(stats.spearmanr(places, outcome).statistic) if np.ptp(outcome) else None
