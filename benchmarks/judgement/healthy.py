"""Healthy kinds of studies: a warning or a failure on one of them is a false alarm.

Owns the kinds. Optima lie inside of the space, training is as long as it should be, and points that fail are few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.judgement.making import Recipe, position
from benchmarks.judgement.scales import SCALES, Floats
from tuned.core.search.rungs import LEAST_PEERS
from tuned.core.space import Point
from tuned.core.study import EarlyStopping
from tuned.core.study_file.space_file import parse_space

LR = {"type": "float", "low": 1e-5, "high": 1e-1, "log": True}
WIDTH = {"type": "int", "low": 16, "high": 512, "log": True}
DECAY = {"type": "float", "low": 1e-6, "high": 1e-1, "log": True}
DROPOUT = {"type": "float", "low": 0.0, "high": 0.6}
MOMENTUM = {"type": "float", "low": 0.5, "high": 0.99}
CLIP = {"type": "float", "low": 0.1, "high": 10.0, "log": True}
SPACE: Mapping[str, Any] = {"lr": LR, "clip": CLIP}


def bowl(space: Mapping[str, Any], floor: float = 0.05, **centres: tuple[float, float]) -> Callable[[Point], float]:
    """Badness as a bowl: for each named parameter where its best lies, 0 to 1, and the badness at a distance of 1."""
    parsed = parse_space(dict(space))

    def level(point: Point) -> float:
        far = sum(
            weight * (position(parsed[name], point[name]) - centre) ** 2
            for name, (centre, weight) in centres.items()
            if name in point
        )
        return float(min(1.0, floor + far))

    return level


def study(space: Mapping[str, Any] = SPACE, floor: float = 0.05, centres: Any = None, **more: Any) -> Recipe:
    """A healthy recipe: the learning rate decides, its best lies at 0.55 of its range."""
    return Recipe(space, bowl(space, floor, **(centres or {"lr": (0.55, 1.6)})), **more)


def mild(_: Point, share: Floats, rng: np.random.Generator) -> Floats:
    """Validation that levels off with slow waves, as on a small validation set."""
    waves: Floats = 0.002 * np.sin(2 * np.pi * (share * rng.uniform(0.5, 1.2) + rng.random()))
    return waves


def exponential(point: Point) -> float:
    """Badness whose lower tail is exponential: the lead of the best is as large as luck allows."""
    unit = float(np.log10(point["lr"]) + 5) / 4
    return float(0.6 + 0.08 * np.log(min(max((unit * 977.13) % 1, 1e-4), 1.0)))


def some(share: float, failure: str) -> Callable[[Point, np.random.Generator], str]:
    """Failures that depend on nothing."""
    return lambda _, rng: failure if rng.random() < share else ""


SAMPLED = 60
"""Samples of a trial's card: five minutes."""


def on_card(busy: float = 85.0, stalled: float = 0.04, throttled: float = 0.01, hot: float = 0.0) -> Any:
    """What trials do with their cards.

    Args:
        busy: Per cent of time, about.
        stalled: Share of the samples in which a trial waits for its data.
        throttled: In which its card slows itself down.
        hot: Share of the trials that meet a hot card, which slows itself down in half of the samples.
    """

    def card(rng: np.random.Generator) -> Mapping[str, float]:
        slowed = 0.5 if rng.random() < hot else throttled
        return {
            "peak_memory": 2.0**30 * rng.uniform(4, 20), "utilisation": float(np.clip(rng.normal(busy, 6), 1, 100)),
            "stalled": rng.binomial(SAMPLED, stalled) / SAMPLED, "throttled": rng.binomial(SAMPLED, slowed) / SAMPLED,
            "degrees": 70.0, "samples": float(SAMPLED),
        }  # fmt: skip

    return card


def _kinds() -> dict[str, Recipe]:
    pair = {"lr": LR, "decay": DECAY}
    kinds = {f"scale: {name}": study(scale=scale) for name, scale in SCALES.items()}
    kinds |= {f"adaptive: {name}": study(scale=SCALES[name], search="adaptive") for name in
              ("cross-entropy", "accuracy-percent", "mse-of-noisy-data", "auc-of-hard-data")}  # fmt: skip
    three = {**SPACE, "momentum": MOMENTUM, "smoothing": {"type": "float", "low": 0.0, "high": 0.3}}
    inside = {"lr": (0.55, 1.6), "decay": (0.5, 0.2)}
    kinds |= {
        "noise alone": study(centres={"lr": (0.5, 0.0)}, seeds=0.03),
        "noise alone, adaptive": study(centres={"lr": (0.5, 0.0)}, seeds=0.03, search="adaptive"),
        "noise alone, five parameters": study(three | {"beta": MOMENTUM}, centres={"lr": (0.5, 0.0)}, seeds=0.03),
        "adaptive, a dud beside lr": study(pair, search="adaptive", seeds=0.02),
        "adaptive, duds beside lr": study(three, search="adaptive", seeds=0.02, trials=40),
        "every point three times": study(repeats=3, seeds=0.02),
        "every point five times, noise alone": study(repeats=5, seeds=0.03, centres={"lr": (0.5, 0.0)}),
        "optimum at a tenth from an end": study(centres={"lr": (0.88, 1.6)}),
        "optimum at a tenth from an end, adaptive": study(centres={"lr": (0.88, 1.6)}, search="adaptive"),
        "four parameters": study(three, centres={"lr": (0.55, 1.6), "momentum": (0.6, 0.3)}),
        "two that matter": study(pair, centres=inside),
        "two that matter, adaptive": study(pair, centres=inside, search="adaptive"),
        "a plateau above a threshold": Recipe(SPACE, lambda p: 0.05 if p["lr"] > 3e-4 else 0.3),
        "random points": study(search="random"),
        "random points, twelve trials": study(search="random", trials=12),
        "twelve trials": study(trials=12),
        "sixty trials": study(trials=60),
        "lists of numbers": study({"lr": {"type": "choice", "values": [1e-4, 3e-4, 1e-3, 3e-3, 1e-2], "ordered": True},
                                   "clip": CLIP}, centres={"lr": (0.5, 0.6)}),
        "lists of numbers, noise alone": study(
            {"gamma": [0.9, 0.95, 0.99], "clip": [0.5, 1.0, 2.0, 4.0]}, centres={"gamma": (0.5, 0.0)}, seeds=0.03),
        "two activations alike": study({**SPACE, "activation": {"type": "choice", "values": ["relu", "gelu"],
                                                                "role": "scientific"}}, seeds=0.02),
        "a conditional parameter": study({**SPACE, "regularizer": ["none", "dropout"],
                                          "dropout": {**DROPOUT, "low": 0.05, "when": {"regularizer": "dropout"}}}),
        "eight reports": study(reports=8),
        "two hundred reports": study(reports=200),
        "one report": study(reports=1, settle=0.3),
        "noisy reports, calm end": study(noise=0.03),
        "slow waves": study(shape=mild),
        "no training curves": study(twin=False),
        "learned before the first report": study(settle=0.25, started=0.35, reports=12),
        "a few out of memory": study(fails=some(0.06, "oom")),
        "a few NaN at the highest rates": study(fails=lambda p, _: "nan" if p["lr"] > 6e-2 else ""),
        "seeds matter": study(seeds=0.04),
        "validation below training": study(gap=-0.03),
        "a wide gap that stays": study(gap=0.0, shape=lambda _p, s, _r: 0.12 * (1 - np.exp(-3 * s / 0.4))),
        "small validation set": study(scale=replace(SCALES["accuracy"], examples=200), noise=0.012, calms=False),
        "halving that stops bad trials": study(stopping=EarlyStopping("asha", 3, 30, 3)),
        "median rule": study(stopping=EarlyStopping("median", max(3, LEAST_PEERS - 2), 30)),
        "a rate that drops in steps": study(shape=lambda _p, s, _r: 0.08 * (s < 0.6) + 0.02 * (s < 0.8)),
        "a rate that falls along a cosine": study(
            settle=0.4, shape=lambda _p, s, _r: 0.04 * (1 + np.cos(np.pi * np.minimum(s / 0.85, 1))) / 2),
        "results thin out exponentially": Recipe(SPACE, exponential, search="random"),
        "a sharp valley": Recipe(SPACE, lambda p: min(1.0, 0.05 + 0.25 * abs(float(np.log10(p["lr"])) + 2.8))),
        "a cliff above the best rate": Recipe(
            SPACE, lambda p: 0.95 if p["lr"] > 1.5e-2 else bowl(SPACE, lr=(0.7, 1.2))(p)),
        "ordered batches": study({**SPACE, "batch": {"type": "choice", "values": [16, 32, 64, 128], "ordered": True}}),
        "a grid-like list and two ranges, adaptive": study(
            {**SPACE, "layers": [1, 2, 3, 4], "beta": MOMENTUM}, search="adaptive", centres={
                "lr": (0.55, 1.2), "beta": (0.5, 0.1)}),
        "a little overfitting in the worst trials": study(
            shape=lambda p, s, _: 0.4 * np.maximum(s - 0.5, 0) * (float(p["lr"]) > 2e-2)),
        "cards that have enough to do": study(card=on_card()),
        "cards that wait for data now and then": study(card=on_card(busy=65.0, stalled=0.15)),
        "a card that was hot for a third of the trials": study(card=on_card(hot=0.33)),
        "a wild result": Recipe(SPACE, lambda p: 1e6 if p["lr"] > 8e-2 else bowl(SPACE, lr=(0.5, 1.2))(p)),
    }  # fmt: skip
    return kinds


HEALTHY: dict[str, Recipe] = _kinds()
"""Name -> recipe."""
