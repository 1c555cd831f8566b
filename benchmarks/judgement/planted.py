"""Planted kinds of studies: each has a fault that a verdict is to name.

Owns the kinds, and which verdicts count as naming them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.judgement.healthy import CLIP, LR, SPACE, WIDTH, bowl, on_card, study
from benchmarks.judgement.making import Recipe
from benchmarks.judgement.scales import CROSS_ENTROPY, SCALES, Floats
from tuned import protocol
from tuned.core.space import Point
from tuned.core.study import EarlyStopping
from tuned.sdk import predictions


@dataclass(frozen=True)
class Planted:
    """A recipe with a fault.

    Attributes:
        named: (code, about) of the verdicts that name it, one of them is enough; about `*` is any.
        least: The level that it must have at least.
        never: Codes that would contradict it.
    """

    recipe: Recipe
    named: tuple[tuple[str, str], ...]
    least: str = "warn"
    never: tuple[str, ...] = ()


def at_end(scale: str, end: float, **more: Any) -> Planted:
    """The best learning rate lies beyond an end of its range."""
    return Planted(study(centres={"lr": (end, 0.7)}, scale=SCALES[scale], **more), (("space.near-bound", "lr"),))


def flat(scale: str, **more: Any) -> Planted:
    """A net that learns nothing: a constant predictor from the first report on."""
    still = Recipe(SPACE, lambda _: 1.0, scale=SCALES[scale], gap=0.0, seeds=0.002, calms=False, **more)
    return Planted(still, (("curve.not-learning", "*"),), never=("length.too-long",))


def rising(amount: float, since: float) -> Any:
    """Badness that grows from a share of training on."""
    return lambda _p, share, _r: amount * np.maximum(share - since, 0.0)


def bursts(_: Point, share: Floats, rng: np.random.Generator) -> Floats:
    """Reports that jump late in training."""
    jumps: Floats = rng.normal(0, 0.12, len(share))
    return jumps


def overfitting(scale: str, amount: float, since: float = 0.3, **more: Any) -> Planted:
    """Validation gets worse while training gets better; never a divergence, however far it goes."""
    recipe = study(scale=SCALES[scale], settle=0.35, shape=rising(amount, since), gap=0.05, **more)
    return Planted(recipe, (("curve.overfitting", "*"),), never=("space.infeasible", "gradients.warm-up"))


def crossing(method: Any) -> Planted:
    """The best points begin worst: a rule that compares early reports stops them."""
    level = bowl(SPACE, lr=(0.5, 0.8))

    def late(point: Point, share: Floats, _: np.random.Generator) -> Floats:
        good = max(0.0, 0.3 - level(point)) / 0.3
        return 2.0 * good * np.clip(1 - share / 0.95, 0, 1)

    rule = EarlyStopping(method, 12, 30, 3)
    recipe = Recipe(SPACE, level, settle=0.3, shape=late, stopping=rule, trials=60)
    return Planted(recipe, (("stopping.wrong", "*"),))


def diverging(_: Point, share: Floats, __: np.random.Generator) -> Floats:
    """Both curves leave the range of a trained net."""
    return 4.0 * share


def above(name: str, bound: float, kind: str) -> Any:
    """A failure beyond a bound."""
    return lambda point, _: kind if float(point[name]) > bound else ""


def product(point: Point, _: np.random.Generator) -> str:
    """A failure that a large rate with a large width meets, and neither alone."""
    return "nan" if float(point["lr"]) * float(point["width"]) > 0.15 else ""


def leaking(folder: str, _: int, __: np.random.Generator) -> None:
    """A validation split of which a twentieth is in the training split."""
    train = np.arange(200.0)[:, None] + 1
    validation = np.concatenate([np.arange(95.0)[:, None] + 1000, train[:5]])
    for split, rows in (("train", train), ("validation", validation)):
        predictions.save_hashes(str(Path(folder) / protocol.PREDICTIONS_DIR), split, rows, None, None)


def watched(ratio: float, **norm: float) -> Any:
    """Gradients as `trial.watch` leaves them: first layer over last, and quantiles of the whole norm."""

    def leave(folder: str, _: int, rng: np.random.Generator) -> None:
        spread = float(np.exp(rng.normal(0, 0.2)))
        layers = [{"rms_early": (ratio * spread) ** (1 - i / 7)} for i in range(8)]
        usual = {"p10": 0.5, "p50": 1.0, "p90": 1.6, "p99": 2.5, "max": 4.0, **norm}
        record = {"layers": layers, "activations": ["sigmoid"], "norm": usual, "samples": 50, "nonfinite": 0}
        protocol.write_record(folder, protocol.GRADIENTS_FILE, record, durable=False)

    return leave


def _kinds() -> dict[str, Planted]:
    high = {"lr": {"type": "float", "low": 1e-4, "high": 100.0, "log": True}, "clip": CLIP}
    net = {"lr": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True}, "width": WIDTH}
    listed = {"lr": {"type": "choice", "values": [1e-5, 3e-5, 1e-4, 3e-4, 1e-3]}, "clip": CLIP}
    fails = (("space.infeasible", "lr"),)
    return {
        "lr too low": at_end("cross-entropy", 1.25),
        "lr too low, accuracy in per cent": at_end("accuracy-percent", 1.25),
        "lr too low, mse of noisy data": at_end("mse-of-noisy-data", 1.25),
        "lr too low, adaptive": at_end("cross-entropy", 1.25, search="adaptive"),
        "lr too low, random points": at_end("cross-entropy", 1.25, search="random"),
        "lr too high": at_end("cross-entropy", -0.25),
        "lr too high, accuracy": at_end("accuracy", -0.25),
        "lr too high, adaptive": at_end("auc-of-hard-data", -0.25, search="adaptive"),
        "a list of rates, best beyond its end": Planted(
            study(listed, centres={"lr": (1.5, 0.3)}), (("space.near-bound", "lr"),)),
        "a list of rates, best before its begin": Planted(
            study(listed, centres={"lr": (-0.5, 0.3)}), (("space.near-bound", "lr"),)),
        "momentum at its end": Planted(
            study({**SPACE, "momentum": {"type": "float", "low": 0.2, "high": 0.8}},
                  centres={"lr": (0.55, 0.2), "momentum": (1.3, 0.7)}), (("space.near-bound", "momentum"),)),
        "a whole number at its end": Planted(
            study({**SPACE, "patches": {"type": "int", "low": 2, "high": 40}},
                  centres={"lr": (0.55, 0.2), "patches": (1.3, 0.7)}), (("space.near-bound", "patches"),)),
        "nothing learned, cross-entropy": flat("cross-entropy"),
        "nothing learned, accuracy": flat("accuracy"),
        "nothing learned, accuracy in per cent": flat("accuracy-percent"),
        "nothing learned, auc": flat("auc-of-hard-data"),
        "nothing learned, r2": flat("r2"),
        "overfitting": overfitting("cross-entropy", 0.3),
        "overfitting, accuracy": overfitting("accuracy", 0.2),
        "overfitting beyond its begin": overfitting("cross-entropy", 2.5),
        "overfitting beyond its begin, small steps": overfitting("log-loss-at-its-floor", 2.5),
        "overfitting from the first report on": overfitting("cross-entropy", 1.2, 0.0, started=0.12,
                                                           centres={"lr": (0.55, 0.05)}),
        "overfitting, no training curve": overfitting("cross-entropy", 0.5, twin=False),
        "too short": Planted(study(settle=3.0), (("length.too-short", "*"),), never=("length.too-long",)),
        "too short, accuracy in per cent": Planted(
            study(settle=3.0, scale=SCALES["accuracy-percent"]), (("length.too-short", "*"),)),
        "too short, noisy mse": Planted(
            study(settle=3.0, scale=SCALES["mse-of-noisy-data"]), (("length.too-short", "*"),)),
        "too long": Planted(
            study(settle=0.02, reports=100), (("length.too-long", "*"),), never=("curve.not-learning",)),
        "too long, accuracy": Planted(
            study(settle=0.02, reports=100, scale=SCALES["accuracy"]), (("length.too-long", "*"),)),
        "rates beyond which training is NaN": Planted(study(high, fails=above("lr", 0.3, "nan")), fails),
        "rates beyond which training diverges": Planted(
            study(high, shape=lambda p, s, r: diverging(p, s, r) if p["lr"] > 0.3 else 0 * s,
                  train_shape=lambda p, s, r: diverging(p, s, r) if p["lr"] > 0.3 else 0 * s), fails),
        "out of memory beyond a width": Planted(
            study({"lr": LR, "width": WIDTH}, fails=above("width", 150, "oom")), (("space.infeasible", "width"),)),
        "a value that fails": Planted(
            study({**SPACE, "precision": ["float32", "float16", "bfloat16"]},
                  fails=lambda p, _: "nan" if p["precision"] == "float16" else ""),
            (("space.infeasible", "precision"),)),
        "a bug that fails a third": Planted(
            study(fails=lambda _, rng: "error" if rng.random() < 0.35 else ""), (("space.infeasible", ""),)),
        "rate times width fails": Planted(study(net, fails=product), (("space.infeasible", "lr, width"),
                                                                     ("space.infeasible", "width, lr"))),
        "steps are tuned": Planted(
            study({**SPACE, "epochs": {"type": "int", "low": 5, "high": 50}}, length="epochs"),
            (("space.steps", "epochs"),)),
        "a linear learning rate": Planted(
            study({"lr": {"type": "float", "low": 1e-5, "high": 1e-1}, "clip": CLIP}, centres={"lr": (0.3, 1.0)}),
            (("space.lr-linear", "lr"),)),
        "late variance": Planted(study(centres={"lr": (0.55, 0.3)}, shape=bursts), (("curve.late-variance", "*"),)),
        "a period": Planted(
            study(reports=60, shape=lambda _p, s, _r: 0.08 * np.sin(2 * np.pi * s * 6)), (("curve.periodic", "*"),)),
        "training rises late": Planted(
            study(shape=rising(0.5, 0.6), train_shape=rising(0.5, 0.6)), (("curve.rising-training-loss", "*"),)),
        "halving stops the best": crossing("asha"),
        "the median rule stops the best": crossing("median"),
        "a third of the trials learn nothing": Planted(
            Recipe(SPACE, lambda p: 1.0 if p["lr"] < 5e-4 else 0.1 + 0.2 * abs(np.log10(p["lr"]) + 2)),
            (("space.idle", "lr"),), "info"),
        "gradients vanish": Planted(replace(study(), files=watched(1e-7)), (("gradients.vanishing", "*"),)),
        "gradients explode": Planted(
            replace(study(), files=watched(0.2, p99=3e4, max=5e5)), (("gradients.exploding", "*"),)),
        "cards wait for data": Planted(
            study(card=on_card(busy=45.0, stalled=0.4)), (("device.input-bound", "*"),), never=("device.underused",)),
        "cards slow themselves down": Planted(study(card=on_card(throttled=0.3)), (("device.throttled", "*"),)),
        "cards have little to do": Planted(
            study(card=on_card(busy=15.0)), (("device.underused", "*"),), "info", never=("device.input-bound",)),
        "a data leak": Planted(replace(study(), files=leaking), (("data.leak", "*"),)),
        "an activation that is better": Planted(
            Recipe({**SPACE, "activation": {"type": "choice", "values": ["relu", "tanh"], "role": "scientific"}},
                   lambda p: bowl(SPACE, lr=(0.55, 0.5))(p) + 0.25 * (p["activation"] == "tanh"), scale=CROSS_ENTROPY),
            (("isolation.decided", "activation"),), "info"),
    }  # fmt: skip


PLANTED: dict[str, Planted] = _kinds()
"""Name -> what is planted."""
