"""The gain from more data: the result against the size of the training set, with a fitted power law.

Owns the fit `y = floor + scale * n ** -power` on the best result of each size, and the comparison with more trials.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tuned.analyses.space.sampling import gain_of_doubling
from tuned.analyses.study_data import Floats, StudyData, TrialData
from tuned.analyses.table import Column, Table
from tuned.analyses.verdict import Verdict
from tuned.core.space import Parameter

SIZES = (
    "fraction", "data_fraction", "train_fraction", "training_fraction", "data_share", "train_size", "n_train",
    "num_train", "train_samples", "n_samples", "num_samples", "data_size", "dataset_size", "subset",
)  # fmt: skip
"""Names that a parameter with the size of the training set goes by."""
POWERS = np.linspace(0.05, 2.0, 40)
REPEATS = 200
LEAST_SIZES = 3


@dataclass(frozen=True, slots=True)
class SizeCurve:
    """The result against the size of the training set.

    Attributes:
        sizes, bests: Each size with the best result of its trials, as reported.
        trials: How many trials there are of each size.
        fitted: The fitted result at each size.
        floor: The error that no amount of data would lower, by the fit.
        doubling: How much better twice the largest size would be (positive is better), and its standard error.
        more_trials: How much better twice the trials of the largest size would be.
    """

    parameter: str
    sizes: Floats
    bests: Floats
    trials: tuple[int, ...]
    fitted: Floats
    floor: float
    power: float
    doubling: float
    doubling_error: float
    more_trials: float


def size_parameter(study: StudyData) -> Parameter | None:
    """The parameter that sets the size of the training set, known by its name; None without one."""
    for parameter in study.space.tunable:
        if parameter.name.lower().rpartition(".")[2] in SIZES and _is_numeric(parameter):
            return parameter
    return None


def _is_numeric(parameter: Parameter) -> bool:
    return parameter.kind in ("float", "int") or all(
        isinstance(v, int | float) and not isinstance(v, bool) and v > 0 for v in parameter.values
    )


def size_curve(study: StudyData) -> SizeCurve | None:
    """The curve with its fit; None when fewer than three sizes have a result."""
    parameter = size_parameter(study)
    if parameter is None:
        return None
    groups = _by_size(parameter, study.ranked)
    if len(groups) < LEAST_SIZES:
        return None
    sizes = np.array([size for size, _ in groups])
    # As errors: smaller is better, and of a share what is missing to 1, so that a floor below 0 can be excluded.
    outcomes = [study.sign * study.outcome(trials) for _, trials in groups]
    shift = 1.0 if study.sign < 0 and all((o >= -1).all() and (o <= 0).all() for o in outcomes) else 0.0
    errors = [outcome + shift for outcome in outcomes]
    bounded = all((error >= 0).all() for error in errors)
    bests = np.array([error.min() for error in errors])
    floor, scale, power = _fit(sizes, bests, bounded)
    left = floor + scale * sizes**-power - bests
    noise = max(_noise(errors), float(np.sqrt(np.square(left).sum() / max(1, len(left) - 2))))
    gains: list[float] = []
    draws = np.random.default_rng(0)
    for _ in range(REPEATS):
        drawn = np.array([draws.choice(error, len(error)).min() for error in errors])
        gains.append(_gain(sizes, *_fit(sizes, drawn + draws.normal(0.0, noise, len(drawn)), bounded)[1:]))
    return SizeCurve(
        parameter=parameter.name,
        sizes=sizes,
        bests=study.sign * np.array([outcome.min() for outcome in outcomes]),
        trials=tuple(len(error) for error in errors),
        fitted=study.sign * (floor + scale * sizes**-power - shift),
        floor=study.sign * (floor - shift),
        power=power,
        doubling=_gain(sizes, scale, power),
        doubling_error=float(np.std(gains)),
        more_trials=gain_of_doubling(np.sort(errors[-1])) if len(errors[-1]) > 1 else 0.0,
    )


def _by_size(parameter: Parameter, trials: tuple[TrialData, ...]) -> list[tuple[float, list[TrialData]]]:
    """Trials by size; a continuous range in six bins, each at the middle of its trials."""
    known = [(float(v), t) for t in trials if isinstance(v := t.params.get(parameter.name), int | float) and v > 0]
    known.sort(key=lambda pair: pair[0])
    values = np.array([value for value, _ in known])
    if len(np.unique(values)) <= 8:
        return [(float(v), [t for value, t in known if value == v]) for v in np.unique(values)]
    parts = [part for part in np.array_split(np.arange(len(known)), 6) if len(part)]
    return [(float(np.exp(np.mean(np.log(values[part])))), [known[int(i)][1] for i in part]) for part in parts]


def _fit(sizes: Floats, errors: Floats, bounded: bool) -> tuple[float, float, float]:
    """Floor, scale and power with the least squared error; scale at least 0, and with `bounded` the floor too."""
    x = sizes[None, :] ** -POWERS[:, None]
    middle, mean = x.mean(axis=1), float(errors.mean())
    scale = np.maximum(0.0, ((x - middle[:, None]) @ (errors - mean)) / np.square(x - middle[:, None]).sum(axis=1))
    floor = mean - scale * middle
    if bounded:
        through = np.maximum(0.0, (x @ errors) / np.square(x).sum(axis=1))
        scale, floor = np.where(floor < 0, through, scale), np.maximum(floor, 0.0)
    best = int(np.argmin(np.square(floor[:, None] + scale[:, None] * x - errors).sum(axis=1)))
    return float(floor[best]), float(scale[best]), float(POWERS[best])


def _gain(sizes: Floats, scale: float, power: float) -> float:
    largest = sizes[-1]
    return float(scale * (largest**-power - (2 * largest) ** -power))


def _noise(errors: list[Floats]) -> float:
    """Spread of the best results of a size: half the distance from the best to the second, over all sizes."""
    gaps = [float(np.sort(error)[1] - error.min()) / 2 for error in errors if len(error) > 1]
    return float(np.median(gaps)) if gaps else 0.0


def data_size(study: StudyData) -> Iterator[Verdict]:
    """Whether to ask for data or for trials; speaks where a parameter sets the size of the training set."""
    curve = size_curve(study)
    if curve is None:
        return
    data, error, trials = curve.doubling, curve.doubling_error, curve.more_trials
    metric = study.objective.metric
    yield Verdict(
        "info",
        "data.doubling",
        f"Doubling the data: {metric} better by {data:.2g} +- {error:.1g}; doubling the trials: by {trials:.2g}.",
        {
            "doubling_data": data,
            "standard_error": error,
            "doubling_trials": trials,
            "floor": curve.floor,
            "power": curve.power,
            "largest": float(curve.sizes[-1]),
        },
        _remedy(data, error, trials),
        about=curve.parameter,
    )


def _remedy(data: float, error: float, trials: float) -> str:
    if data - error > trials:
        return "More data is worth more than more search."
    if data + error > trials:
        return "More search may be worth as much as more data."
    return "More search is worth more than more data, for now."


def size_curve_table(study: StudyData) -> Table | None:
    """The curve as a table; None without one."""
    curve = size_curve(study)
    if curve is None:
        return None
    columns = (
        Column("size", "number", curve.parameter),
        Column("trials", "count"),
        Column("best", "number", f"best {study.objective.metric}"),
        Column("fitted", "number", "fitted"),
    )
    rows = tuple(
        (float(s), n, float(b), float(f))
        for s, n, b, f in zip(curve.sizes, curve.trials, curve.bests, curve.fitted, strict=True)
    )
    note = (
        f"Fitted: {curve.floor:.4g} and a part that falls with the size to the power {curve.power:.2g}. "
        f"Doubling the data: better by {curve.doubling:.2g} +- {curve.doubling_error:.1g}; "
        f"doubling the trials: by {curve.more_trials:.2g}."
    )
    return Table("data.size", f"{study.objective.metric} by size of the training set", columns, rows, (note,))
