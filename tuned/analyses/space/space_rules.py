"""Verdicts on a search space by itself. Owns `space.same`, `space.steps`, `space.lr-linear` and `space.batch`."""

from __future__ import annotations

from collections.abc import Iterable

from tuned.analyses.naming import is_batch_size, is_learning_rate, is_quality
from tuned.analyses.study_data import StudyData
from tuned.analyses.verdict import Verdict
from tuned.core.names import is_step_count

DECADE = 10.0
LEAST_TRIALS, SPREAD, SAME = 4, 1.5, 0.25
"""Trials and spread of values that show a length; how far steps for each unit of it may differ."""


def space_rules(study: StudyData) -> Iterable[Verdict]:
    """All of them; those that look at names alone judge from the first trial on."""
    yield from _same(study)
    for parameter in study.space.tunable:
        if _sets_length(study, parameter.name):
            yield _step_count(study, parameter.name)
        if is_learning_rate(parameter.name):
            yield from _rate_scale(study, parameter.name)
        if is_batch_size(parameter.name) and is_quality(study.objective.metric):
            yield _batch(study, parameter.name)


def _same(study: StudyData) -> Iterable[Verdict]:
    """Results that are equal to the last digit at every point: warn, the parameters may not reach the code.

    Where the curves behind them differ the trials do, by their points or by their seeds: then the metric is too coarse.
    """
    metrics = [o.metric for o in study.spec.objectives]
    results = {tuple(t.values.get(metric) for metric in metrics) for t in study.ranked}
    points = {tuple(sorted((name, str(value)) for name, value in t.params.items())) for t in study.ranked}
    if len(results) != 1 or len(points) < LEAST_TRIALS:
        return
    equal = f"All {len(study.ranked)} results are equal to the last digit, at {len(points)} points"
    evidence = {"points": len(points), "results": len(study.ranked)}
    differs = _differing(study)
    if not differs:
        yield Verdict(
            "warn", "space.same", f"{equal}: nothing that is varied has moved {' or '.join(metrics)}.", evidence,
            "See that the code uses its parameters: print in it what it trains with. If it does, the metric is too "
            "coarse.", f"tunectl show {study.name}/best --command",
        )  # fmt: skip
        return
    values = {float(v) for t in study.ranked for v in t.curve(study.objective.metric).finite.values}
    yield Verdict(
        "warn", "space.same",
        f"{equal}, though {differs} went differently: {' and '.join(metrics)} "
        f"{'has' if len(metrics) == 1 else 'have'} not told one trial from another so far.",
        evidence | {"values": len(values)},
        "Where more trials do not differ either, measure on more examples, or search by a finer metric, such as the "
        "validation loss.", f"tunectl metrics {study.name}/best", differs,
    )  # fmt: skip


def _differing(study: StudyData) -> str:
    """A metric whose curves are not the same in all ranked trials: an objective, or its training twin.

    Other metrics are not looked at: those of the clock, such as examples a second, differ in any case.
    """
    for name in dict.fromkeys(n for o in study.spec.objectives for n in (o.metric, o.train) if n):
        curves = [trial.curve(name) for trial in study.ranked]
        if len({(c.steps.tobytes(), c.values.tobytes()) for c in curves}) > 1:
            return name
    return ""


def _sets_length(study: StudyData, name: str) -> bool:
    """Whether a parameter is how long trials are: their last steps tell, and only as long as these do not, its name.

    A name alone means different things: `n_steps` of a reinforcement learner is the length of its rollouts.
    """
    pairs = [(float(t.params[name]), t.last_step) for t in study.full if _is_count(t.params.get(name)) and t.last_step]
    values = [value for value, _ in pairs]
    if len(pairs) < LEAST_TRIALS or max(values) < SPREAD * min(values):
        return is_step_count(name)
    ratios = sorted(step / value for value, step in pairs)
    middle = ratios[len(ratios) // 2]
    return all(middle * (1 - SAME) <= ratio <= middle * (1 + SAME) for ratio in ratios)


def _is_count(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 1


def _step_count(study: StudyData, name: str) -> Verdict:
    """[25] The number of training steps is never tuned: warn, by the trials' last steps, before them by its name.

    More steps hardly ever hurt the best checkpoint, so a search over them learns that longer is better and makes every
    other comparison unequal.
    """
    longest = study.parameter(name).numeric_ends[1] if study.parameter(name).kind != "bool" else 1.0
    return Verdict(
        "warn", "space.steps",
        f"The number of training steps ({name}) is part of the search: trials of unequal length are compared.",
        {"longest": longest},
        "Fix it, keep the best checkpoint of each trial, and read the length off where those lie.",
        f"tunectl space {study.name} --fix {name}={longest:g}", name,
    )  # fmt: skip


def _rate_scale(study: StudyData, name: str) -> Iterable[Verdict]:
    """[13, 26] A learning rate is searched on a logarithmic scale: warn when its ends are a decade or more apart.

    On a linear scale nine tenths of the trials fall into the top decade.
    """
    p = study.parameter(name)
    if p.kind not in ("float", "int") or p.log:
        return
    low, high = p.numeric_ends
    if low > 0 and high / low < DECADE:
        return
    new_low = low if low > 0 else high * 1e-4
    command = f"tunectl space {study.name} --set {name}.low={new_low:g} --set {name}.log=true"
    yield Verdict(
        "warn", "space.lr-linear",
        f"{name} is searched on a linear scale from {low:g} to {high:g}: nine of ten trials lie above {high / 10:g}.",
        {"low": low, "high": high}, "Search it on a logarithmic scale.",
        command if low <= 0 else f"tunectl space {study.name} --set {name}.log=true", name,
    )  # fmt: skip


def _batch(study: StudyData, name: str) -> Verdict:
    """[2] Batch size decides about speed, not about how good a model can get: info, never an alarm.

    By the names of the parameter and of the objective.
    """
    return Verdict(
        "info", "space.batch",
        f"{name} is tuned for {study.objective.metric}: with the other parameters tuned alike, the batch size changes "
        "how fast training is, not how good it gets.",
        {}, "Choose the largest batch that still raises throughput, fix it, and tune the rest for it.",
        f"tunectl probe-batch {study.name} --param {name}", name,
    )  # fmt: skip
