"""The gain from tuning: the baseline of a study beside its best. Owns that comparison."""

from __future__ import annotations

from tuned.analyses.answer import Answer
from tuned.analyses.bounds import no_result
from tuned.analyses.comparing.luck import honest
from tuned.analyses.comparing.repetitions import configurations, confirmed, equal_rule
from tuned.analyses.curves.twins import twin
from tuned.analyses.groups import known
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Cell, Column, Table
from tuned.analyses.verdict import Verdict
from tuned.core.errors import InvalidInput
from tuned.core.final.alike import REASON
from tuned.core.ranking import Ranking, Tier
from tuned.core.space import Value, same_value
from tuned.core.study.baseline import REMEDY, baseline_trial


def baseline_of(study: StudyData) -> TrialData:
    """The trial that ran the study's baseline.

    Raises:
        InvalidInput: The study file names no baseline, or that trial has no result to compare with.
    """
    found = baseline_trial(study.spec, study.trials)
    if found is None:
        what = "the study file names no baseline" if not study.spec.search.points else "the baseline has not run yet"
        raise InvalidInput(what, where=study.name, hint=REMEDY if not study.spec.search.points else "wait for it")
    tier = Ranking.of(study.spec).tier(found)
    if tier is Tier.WHOLE or (tier is Tier.CUT and not study.full):
        return found
    became = "was stopped early" if tier is Tier.CUT else f"is {found.state} and has no result that counts"
    reason = f": {found.reason}" if found.reason else ""
    raise InvalidInput(
        f"the baseline, trial {found.number}, {became}{reason}",
        where=study.name,
        hint=f"tunectl retry {study.name}/{found.number}",
    )


def baseline_and_best(study: StudyData) -> Answer:
    """The gain from tuning: the baseline beside the best, parameter by parameter."""
    if not study.ranked:
        raise no_result(study)
    baseline, best = baseline_of(study), study.ranked[0]
    columns = (
        Column("what"), Column("baseline", title=f"baseline, trial {baseline.number}"),
        Column("best", title=f"best, trial {best.number}"),
    )  # fmt: skip
    metric = study.objective.metric
    told = dict.fromkeys([*(o.metric for o in study.spec.objectives), *(c.metric for c in study.spec.constraints)])
    rows: list[tuple[Cell, ...]] = [(name, baseline.values.get(name), best.values.get(name)) for name in told]
    pairs = twin(study, baseline), twin(study, best)
    if pairs[0] is not None and pairs[1] is not None:
        rows.append((study.objective.train, pairs[0].train, pairs[1].train))
    rows.append(("seconds", *(None if t.seconds is None else round(t.seconds, 2) for t in (baseline, best))))
    rows += [
        (name, known(baseline.params.get(name)), known(best.params.get(name)))
        for name in study.space.names
        if not _same(baseline.params.get(name), best.params.get(name))
    ]
    gain = study.sign * (baseline.values[metric] - best.values[metric])
    share = f" ({gain / abs(baseline.values[metric]):.1%})" if baseline.values[metric] else ""
    verdict = Verdict(
        "info",
        "compare.baseline",
        _repeated(study, baseline, best)
        or f"Tuning has brought {metric} from {baseline.values[metric]:.4g} (trial {baseline.number}) to "
        f"{best.values[metric]:.4g} (trial {best.number}): better by {gain:.3g}{share}."
        if best.number != baseline.number
        else f"The baseline, trial {baseline.number}, is the best so far: {metric} {best.values[metric]:.4g}.",
        {"baseline": baseline.values[metric], "best": best.values[metric], "gain": gain},
        _beside(study, best, gain),
        trials=(best.number, baseline.number),
    )
    table = Table("compare.baseline", f"{study.name}: baseline and best", columns, tuple(rows))
    return Answer((verdict,), (table,))


def _repeated(study: StudyData, baseline: TrialData, best: TrialData) -> str:
    """The gain over the baseline by the repetitions of both, which are no luck of the search; empty without them."""
    if any(equal_rule(study)) or not _both(study, baseline, best):
        return ""
    own = {c.configuration.number: c for c in confirmed(study, baseline.number)}
    metric, effect = study.objective.metric, own[best.number].effect
    results = [own[trial.number].configuration.values for trial in (baseline, best)]
    means = [float(values.mean()) for values in results]
    shown = f"{metric} {means[0]:.4g} (trial {baseline.number}) and {means[1]:.4g} (trial {best.number})"
    apart = "" if effect is None else f": better by {effect.mean:.4g} ({effect.low:.4g} .. {effect.high:.4g})"
    if effect is not None and len(results[0]) != len(results[1]) and effect.n == min(map(len, results)):
        apart += " over the seeds that both ran with"
    if own[best.number].decision != "adopt":
        return f"It is not shown that tuning has brought anything: further seeds give {shown}{apart}."
    return f"Tuning has brought, by the means over further seeds, {shown}{apart}."


def _both(study: StudyData, *trials: TrialData) -> bool:
    runs = {c.number: len(c.runs) for c in configurations(study)}
    return all(runs.get(trial.number, 0) > 1 for trial in trials)


def _beside(study: StudyData, best: TrialData, gain: float) -> str:
    """The best of many is lucky: its repetitions, or the call for them."""
    if any(equal_rule(study)):
        return f"One result each: {REASON}."
    quoted = honest(study)
    if quoted is not None and quoted.value is not None:
        return f"Of trial {best.number}, {quoted.how}."
    return "One trial each: repeat both with other seeds before you believe the difference." if gain else ""


def _same(one: Value | None, other: Value | None) -> bool:
    return one is other if one is None or other is None else same_value(one, other)
