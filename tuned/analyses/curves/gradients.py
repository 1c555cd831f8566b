"""Verdicts on the records of `trial.watch`: vanishing and exploding gradients, clipping, warm-up.

Owns the rules on it. Trials that were not watched say nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tuned.analyses.answer import Answer
from tuned.analyses.curves.diagnosis import diagnose
from tuned.analyses.curves.gradient_flows import ACTIVATIONS, SPIKE, Flow, first_named, flows
from tuned.analyses.naming import is_learning_rate
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Column, Table
from tuned.analyses.verdict import Level, Verdict, sort_verdicts
from tuned.core.space import Parameter

ALARM = 0.25
"""Share of the watched trials from which on it is a property of the study, not of a corner of its space."""
CLIP_AT = 0.9
"""Quantile of the norms: the playbook's own threshold."""
CLOSE = 4.0
"""The best learning rate is so many times below the unstable ones, or less: instability bounds it."""

_KEEP_VARIANCE = "normalise between the layers, add skip connections, or use fewer of them."
_REMEDIES = {
    "relu": f"Initialise for relu (He, kaiming_normal_), {_KEEP_VARIANCE}",
    "tanh": f"Initialise for tanh (Xavier with its gain), {_KEEP_VARIANCE}",
    "sigmoid": f"Sigmoid passes on a quarter at most: use relu, gelu or tanh, {_KEEP_VARIANCE}",
}


def _rate(study: StudyData) -> Parameter | None:
    return next((p for p in study.space.tunable if is_learning_rate(p.name)), None)


def gradient_flow(study: StudyData) -> Iterator[Verdict]:
    """Vanishing by activation and depth (first layer below `VANISHED` of the last), and exploding gradients.

    A warning when `ALARM` of the watched trials or the best one are concerned, else good to know.
    """
    seen = flows(study)
    best = study.ranked[0].number if study.ranked else None
    for activation in dict.fromkeys(flow.activation for flow in seen):
        group = [flow for flow in seen if flow.activation == activation and flow.ratio is not None]
        lost = sorted((flow for flow in group if flow.vanished), key=lambda flow: flow.ratio or 0.0)
        saturated = _by_rate(study, group, lost)
        if saturated is not None:
            yield saturated
        elif lost:
            yield _vanishing(study, activation, group, lost, _level(lost, seen, best))
    burst = [flow for flow in seen if flow.exploded]
    if burst:
        yield _exploding(study, seen, burst, _level(burst, seen, best))


def _level(concerned: Sequence[Flow], seen: Sequence[Flow], best: int | None) -> Level:
    alarming = len(concerned) >= ALARM * len(seen) or best in [flow.trial.number for flow in concerned]
    return "warn" if alarming else "info"


def _by_rate(study: StudyData, group: Sequence[Flow], lost: Sequence[Flow]) -> Verdict | None:
    """Where the learning rate alone tells trials whose gradients vanish, and depth does not: it saturates units.

    At least three trials below the least such rate, one of them as deep, all with gradients that flow.
    """
    rate = _rate(study)
    if rate is None or not lost:
        return None
    rates = {f.trial.number: float(v) for f in group if isinstance(v := f.trial.params.get(rate.name), int | float)}
    kept = [f for f in group if not f.vanished and f.trial.number in rates]
    if len(kept) < 3 or any(f.trial.number not in rates for f in lost):
        return None
    edge = min(rates[f.trial.number] for f in lost)
    calm = max(rates[f.trial.number] for f in kept)
    if edge <= calm or max(f.layers for f in kept) < min(f.layers for f in lost):
        return None
    ratio = float(np.median([flow.ratio or 0.0 for flow in lost]))
    with_it = f" with {lost[0].activation}" if lost[0].activation else ""
    return Verdict(
        "info",
        "gradients.saturated",
        f"Gradients vanish{with_it} in {len(lost)} trials with {rate.name} from {edge:.3g} on (the first layer gets "
        f"{ratio:.1g} of what the last one gets), in none of {len(kept)} up to {calm:.3g}: so large steps saturate the "
        "units.",
        {
            "from": edge,
            "calm_up_to": calm,
            "first_over_last": ratio,
            "trials": len(lost),
            "watched": len(group),
        },
        f"Lower the upper bound of {rate.name}; activation and depth are not to blame.",
        "",
        rate.name,
        tuple(flow.trial.number for flow in lost[:10]),
    )


def _vanishing(study: StudyData, activation: str, group: Sequence[Flow], lost: Sequence[Flow], level: Level) -> Verdict:
    ratios = np.array([flow.ratio for flow in lost], dtype=float)
    depth = min(flow.layers for flow in lost)
    factor = float(np.median([flow.ratio ** (1 / (flow.layers - 1)) for flow in lost if flow.ratio]))
    with_it = f" with {activation}" if activation else ""
    parameter = first_named(study, ACTIVATIONS)
    by = [p.name for p in study.space.tunable if p.name.lower() in ("layers", "depth", "num_layers", "n_layers")][:1]
    pair = ",".join([*([parameter.name] if parameter else []), *by])
    return Verdict(
        level,
        "gradients.vanishing",
        f"Gradients vanish{with_it} from {depth} layers on: the first layer gets {np.median(ratios):.1g} of what the "
        f"last one gets, in {len(lost)} of {len(group)} watched trials; each layer passes on {factor:.2g} of it.",
        {
            "activation": activation or "unknown",
            "layers": depth,
            "first_over_last": float(np.median(ratios)),
            "factor_per_layer": factor,
            "trials": len(lost),
            "watched": len(group),
        },
        _REMEDIES.get(activation, "Use normalisation or skip connections, or fewer layers.")
        if activation
        else "Use relu or gelu with a fitting initialisation, normalisation or skip connections, or fewer layers.",
        f"tunectl effects {study.name} --by {pair}" if parameter and by else "",
        parameter.name if parameter else "",
        tuple(flow.trial.number for flow in lost[:10]),
    )


def _exploding(study: StudyData, seen: Sequence[Flow], burst: Sequence[Flow], level: Level) -> Verdict:
    calm = [flow.norm["p90"] for flow in seen if not flow.exploded and flow.norm]
    threshold = float(np.median(calm)) if calm else None
    rate = _rate(study)
    evidence: dict[str, float | int | str] = {
        "trials": len(burst),
        "watched": len(seen),
        "nonfinite_samples": sum(flow.nonfinite for flow in burst),
    }
    where = ""
    if rate is not None:
        rates = [float(v) for flow in burst if isinstance(v := flow.trial.params.get(rate.name), int | float)]
        if rates:
            evidence["lowest_rate"] = min(rates)
            where = f", from {rate.name} {min(rates):.3g} on"
    clip = f" or clip them at {threshold:.3g}, the {CLIP_AT:.0%} quantile of the calm trials" if threshold else ""
    if threshold:
        evidence["clip_at"] = threshold
    return Verdict(
        level,
        "gradients.exploding",
        f"Gradients explode in {len(burst)} of {len(seen)} watched trials{where}: they become infinite or "
        f"{SPIKE:.0f} times their usual size.",
        evidence,
        f"Lower the learning rate's upper bound, warm it up{clip}.",
        f"tunectl effects {study.name} {rate.name}" if rate is not None else "",
        rate.name if rate is not None else "",
        tuple(flow.trial.number for flow in sorted(burst, key=lambda flow: -flow.nonfinite)[:10]),
    )


def clipping(study: StudyData) -> Iterator[Verdict]:
    """A threshold at the `CLIP_AT` quantile of the best trials' norms; a warning when most updates are clipped already.

    A norm that is the same in more than half of the samples and never greater is a clipped one.
    """
    ranks = {trial.number: i for i, trial in enumerate(study.ranked)}
    good = [flow for flow in flows(study) if flow.trial.number in ranks and flow.norm and not flow.exploded]
    good.sort(key=lambda flow: ranks[flow.trial.number])
    good = good[: max(3, len(good) // 4)]
    if not good:
        return
    clipped = [f for f in good if f.samples >= 10 and 0 < f.norm["max"] <= 1.01 * f.norm["p50"]]
    if 2 * len(clipped) > len(good):
        level = float(np.median([flow.norm["max"] for flow in clipped]))
        yield Verdict(
            "warn",
            "gradients.clipped",
            f"More than half of all updates are clipped at {level:.3g} in {len(clipped)} of the {len(good)} best "
            "watched trials: the direction is all that is left of their gradients.",
            {"clip_at": level, "trials": len(clipped), "looked_at": len(good)},
            "Lower the learning rate instead of clipping so often, or raise the threshold.",
            "",
            "",
            tuple(flow.trial.number for flow in clipped),
        )
        return
    threshold = float(np.median([flow.norm["p90"] for flow in good]))
    usual = float(np.median([flow.norm["p50"] for flow in good]))
    greatest = max(flow.norm["max"] for flow in good)
    yield Verdict(
        "info",
        "gradients.clip-threshold",
        f"If gradients are to be clipped, {threshold:.3g} is the place: the {CLIP_AT:.0%} quantile of their norm in "
        f"the {len(good)} best watched trials (usual {usual:.3g}, greatest {greatest:.3g}).",
        {"clip_at": threshold, "median": usual, "greatest": greatest, "trials": len(good)},
        trials=tuple(flow.trial.number for flow in good),
    )


def warm_up(study: StudyData) -> Iterator[Verdict]:
    """Whether instability bounds the learning rate: the best sits within `CLOSE` times below rates that mostly diverge.

    Needs three trials that diverged above the best rate, and most of those up there. The playbook's advice then is a
    warm-up to about ten times the unstable rate, over at most a tenth of the steps.
    """
    rate = _rate(study)
    if rate is None or not study.ranked:
        return
    best = study.ranked[0].params.get(rate.name)
    tried = [
        (float(v), _diverged(study, t)) for t in study.searched if isinstance(v := t.params.get(rate.name), int | float)
    ]
    if not isinstance(best, int | float) or best <= 0:
        return
    bad = [value for value, diverged in tried if diverged and value > best]
    if len(bad) < 3:
        return
    edge = min(bad)
    above = [diverged for value, diverged in tried if value >= edge]
    if edge > CLOSE * best or 2 * sum(above) <= len(above):
        return
    yield Verdict(
        "info",
        "gradients.warm-up",
        f"The best {rate.name}, {best:.3g}, lies just below the unstable ones: {sum(above)} of {len(above)} trials "
        f"from {edge:.3g} on diverged. Instability bounds it, not the quality of the result.",
        {"best": float(best), "unstable_from": edge, "diverged": sum(above), "trials": len(above)},
        f"Warm {rate.name} up from 0 over the first hundredth to tenth of the steps, aiming as high as "
        f"{10 * edge:.2g}; where warm-up takes more than a twentieth, train longer by as much.",
        about=rate.name,
    )


def _diverged(study: StudyData, trial: TrialData) -> bool:
    return trial.failure == "nan" or diagnose(study, trial).has("diverged")


def gradients(question: Question) -> Answer:
    """The table by activation and depth with the verdicts on it."""
    question.allow()
    study = question.study
    table = gradient_table(study)
    notes = () if table else ("No trial was watched: call trial.watch(model) before training.",)
    verdicts = sort_verdicts([*gradient_flow(study), *clipping(study), *warm_up(study)])
    return Answer(verdicts, (table,) if table else (), notes)


def gradient_table(study: StudyData) -> Table | None:
    """Gradients by activation and depth; None when no trial was watched."""
    seen = flows(study)
    if not seen:
        return None
    cells: dict[tuple[str, int], list[Flow]] = {}
    for flow in seen:
        cells.setdefault((flow.activation, flow.layers), []).append(flow)
    rows = []
    for (activation, layers), group in sorted(cells.items()):
        ratios = [flow.ratio for flow in group if flow.ratio is not None]
        norms = [flow.norm for flow in group if flow.norm]
        rows.append(
            (
                activation or "unknown",
                layers,
                len(group),
                float(np.median(ratios)) if ratios else None,
                float(np.median([norm["p50"] for norm in norms])) if norms else None,
                float(np.median([norm["p90"] for norm in norms])) if norms else None,
                sum(flow.vanished for flow in group),
                sum(flow.exploded for flow in group),
            )
        )
    columns = (
        Column("activation"),
        Column("layers", "count"),
        Column("trials", "count"),
        Column("first_over_last", "number", "first / last layer"),
        Column("norm", "number"),
        Column("norm_p90", "number", "norm, 90 %"),
        Column("vanished", "count"),
        Column("exploded", "count"),
    )
    return Table("gradients", "Gradients by activation and depth", columns, tuple(rows))
