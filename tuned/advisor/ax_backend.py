"""The one place that knows Ax: evidence in, the model's next point out.

Owns every private name of Ax that we rely on. It decides nothing about trials and never keeps state between two
suggestions: a model is built anew from the evidence each time, which costs a tenth of a second and makes a suggestion a
function of (evidence, seed, number) alone, the same after any restart.
"""

from __future__ import annotations

import functools
import logging
import math
import warnings
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import ax.generators.torch.botorch_modular.utils as fitting
import botorch.acquisition.multi_objective.logei as several_objectives
import torch
from ax.adapter.registry import Generators
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from ax.core.arm import Arm
from ax.core.data import Data, DataRow
from ax.core.generator_run import GeneratorRun
from ax.core.observation import ObservationFeatures
from ax.core.trial import Trial
from ax.utils.common.logger import set_ax_logger_levels
from ax.utils.common.random import with_rng_seed

from tuned.advisor.encoding import Column, columns_of, conditions_of, decode, encode
from tuned.advisor.features import TRANSFORMS, Axis, axes_of, needed, surrogate_of
from tuned.advisor.history import Evidence, Sample
from tuned.advisor.lessons import Lesson
from tuned.advisor.messages import ObjectiveLine
from tuned.core.space import Point, SearchSpace

FIT_ITERATIONS = 50
"""Limit of a fit, in iterations and never in time: a suggestion must not depend on how busy the machine is."""
ACQUISITION = {"optimizer_kwargs": {"num_restarts": 8, "raw_samples": 256}}
ACQUISITION_SMOOTH = {
    "optimizer_kwargs": {"num_restarts": 8, "raw_samples": 256, "options": {"sample_around_best": True}}
}
"""Where all columns are continuous, the search of the next point also begins near the best results."""
ACQUISITION_SEVERAL = {"optimizer_kwargs": {"num_restarts": 2, "raw_samples": 64}}
"""With several objectives, or conditions between parameters, each evaluation costs ten times as much."""
PLANE = "plane"
"""Column that tells results of earlier studies (0) from those of this one (1)."""
_SEEDS = 2**31


@dataclass(frozen=True, slots=True)
class Modelled:
    """A point that the model chose, and what it expects there: metric -> (mean, standard error)."""

    point: Point
    predicted: dict[str, tuple[float, float]]


def prepare() -> None:
    """Make Ax quiet, single-threaded and bounded; once per process, before the first model."""
    torch.set_num_threads(1)
    set_ax_logger_levels(logging.WARNING)
    # Fits that stop at our limit and unscaled inputs are told through warnings; neither needs anyone.
    warnings.simplefilter("ignore")
    # BoTorch would build a C++ kernel at its first use: a minute of compiler, and a lock that outlives a killed build.
    several_objectives._load_attempted = True
    if not isinstance(fitting.fit_gpytorch_mll, functools.partial):
        fitting.fit_gpytorch_mll = functools.partial(
            fitting.fit_gpytorch_mll, optimizer_kwargs={"options": {"maxiter": FIT_ITERATIONS}}
        )


class Model:
    """A model fitted to the evidence, for one suggestion.

    Args:
        space: With at least one tunable parameter.
        objectives: One or more.
        evidence: With at least two results.
        seed: Of this suggestion: everything random here comes from it.
        lessons: Outcomes learned from failures, modelled together with the objectives.

    Every method, and making one, may raise whatever Ax, BoTorch or the linear algebra raise; the caller falls back to
    a design point.
    """

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[ObjectiveLine],
        evidence: Evidence,
        seed: int,
        lessons: Sequence[Lesson] = (),
    ) -> None:
        self._space, self._objectives = space, objectives
        self._columns = columns_of(space)
        self._lines = (*objectives, *(lesson.line for lesson in lessons))
        # Results of earlier studies stand in another plane: how much they say is learned like any other length.
        self._plane = {PLANE: 1} if evidence.prior else {}
        rows = _rows(objectives, evidence, lessons)
        self._scales = [scale_of([row.values[k] for row in rows]) for k in range(len(self._lines))]
        with with_rng_seed(seed % _SEEDS):
            self._conditions = conditions_of(space, self._columns)
            experiment = _experiment(
                self._columns, self._conditions, self._lines, rows, self._scales, bool(evidence.prior)
            )
            self._pending: dict[str, list[ObservationFeatures]] | None = None
            for _, point in (*evidence.pending, *evidence.avoided):
                self.wait_for(point)
            self._adapter = Generators.BOTORCH_MODULAR(experiment=experiment, **self._surrogate())

    def _surrogate(self) -> dict[str, Any]:
        """Arguments for a model over features; none where Ax's own model sees the same."""
        if not needed(self._columns):
            return {}
        axes = (*axes_of(self._space, self._columns), *([Axis(0.0, 1.0)] if self._plane else []))
        return {"surrogate_spec": surrogate_of(axes), "transforms": TRANSFORMS}

    def wait_for(self, point: Point) -> None:
        """Take into account that this point is about to be tried; the model itself stays as it was fitted."""
        features = self._features(point)
        pending = self._pending or {}
        self._pending = {f"m{k}": [*pending.get(f"m{k}", ()), deepcopy(features)] for k in range(len(self._objectives))}

    def choose(self, seed: int) -> Modelled:
        """The point of highest acquisition value; each seed starts its search elsewhere.

        Raises:
            InvalidInput: The point misses a condition between parameters that the model cannot be told of.
        """
        several = sum(o.bound is None for o in self._objectives) > 1
        smooth = not self._plane and all(column.kind == "unit" for column in self._columns)
        options = ACQUISITION_SMOOTH if smooth else ACQUISITION
        if several or self._conditions:
            options = ACQUISITION_SEVERAL
        with with_rng_seed(seed % _SEEDS):
            run = self._adapter.gen(
                n=1,
                pending_observations=self._pending,
                model_gen_options=options,
                fixed_features=ObservationFeatures(parameters=dict(self._plane)) if self._plane else None,
            )
        row = run.arms[0].parameters
        point = decode(self._space, self._columns, row)
        return self.expect([point])[0]

    def _features(self, point: Point) -> ObservationFeatures:
        return ObservationFeatures(parameters={**encode(self._columns, point), **self._plane})

    def expect(self, points: Sequence[Point]) -> list[Modelled]:
        """Predictions of the model at these points.

        Raises:
            ArithmeticError: The model's expectation is not finite.
        """
        features = [self._features(point) for point in points]
        means, covariances = self._adapter.predict(features)
        modelled = []
        for i, point in enumerate(points):
            predicted = {}
            for k, objective in enumerate(self._objectives):
                shift, scale = self._scales[k]
                mean = float(means[f"m{k}"][i]) * scale + shift
                sem = math.sqrt(max(0.0, float(covariances[f"m{k}"][f"m{k}"][i]))) * scale
                if not math.isfinite(mean) or not math.isfinite(sem):
                    raise ArithmeticError("the model's expectation is not finite")
                predicted[objective.metric] = (mean, sem)
            modelled.append(Modelled(point, predicted))
        return modelled


def scale_of(values: Sequence[float]) -> tuple[float, float]:
    """Shift and scale that bring values to about -1 .. 1: Ax takes differences below 1e-8 for none at all."""
    known = [value for value in values if not math.isnan(value)]
    shift = math.fsum(value / len(known) for value in known)
    return shift, max((abs(value - shift) for value in known), default=0.0) or 1.0


def _rows(objectives: Sequence[ObjectiveLine], evidence: Evidence, lessons: Sequence[Lesson]) -> list[Sample]:
    """Results and instructive failures with a value of each outcome; NaN where there is none."""
    learned = [(sample.number, sample.point, (math.nan,) * len(objectives)) for sample in evidence.failed if lessons]
    known = [(sample.number, sample.point, sample.values) for sample in (*evidence.data, *evidence.prior)]
    return [
        Sample(number, point, (*values, *(lesson.known.get(number, math.nan) for lesson in lessons)))
        for number, point, values in sorted(known + learned, key=lambda row: row[0])
    ]


def _experiment(
    columns: tuple[Column, ...],
    conditions: Sequence[str],
    lines: Sequence[ObjectiveLine],
    samples: Sequence[Sample],
    scales: Sequence[tuple[float, float]],
    planes: bool,
) -> Any:
    client = Client()
    parameters = [_parameter(column) for column in columns]
    if planes:
        parameters.append(RangeParameterConfig(name=PLANE, bounds=(0, 1), parameter_type="int"))
    client.configure_experiment(parameters=parameters, parameter_constraints=list(conditions))
    client.configure_optimization(
        ", ".join(f"{'-' if o.direction == 'minimize' else ''}m{k}" for k, o in enumerate(lines) if o.bound is None),
        outcome_constraints=_bounds(lines, scales) or None,
    )
    experiment, rows = client._experiment, []
    lowest = min((sample.number for sample in samples), default=0)
    # Ax counts from zero; results of earlier studies have numbers below it.
    offset = max(0, -lowest)
    for sample in samples:
        plane = {PLANE: int(sample.number > 0)} if planes else {}
        trial = _trial(experiment, columns, sample.number + offset, sample.point, plane)
        for k, value in enumerate(sample.values):
            if math.isnan(value):
                continue
            metric, (shift, scale) = experiment.metrics[f"m{k}"], scales[k]
            scaled = (value - shift) / scale
            rows.append(DataRow(trial.index, trial.arm.name, metric.name, metric.signature, scaled, math.nan))
    if rows:
        experiment.attach_data(Data(data_rows=rows))
    for sample in samples:
        experiment.trials[sample.number + offset].mark_completed()
    return experiment


def _bounds(objectives: Sequence[ObjectiveLine], scales: Sequence[tuple[float, float]]) -> list[str]:
    """The constraints, on the scales that the values are told on."""
    found = []
    for k, (objective, (shift, scale)) in enumerate(zip(objectives, scales, strict=True)):
        if objective.bound is not None:
            sign = "<=" if objective.direction == "minimize" else ">="
            found.append(f"m{k} {sign} {(objective.bound - shift) / scale:.12f}")
    return found


def _parameter(column: Column) -> Any:
    if column.kind == "label":
        return ChoiceParameterConfig(
            name=column.name, values=list(column.labels), parameter_type="str", is_ordered=False
        )
    return RangeParameterConfig(
        name=column.name,
        bounds=column.bounds,
        parameter_type="float" if column.kind == "unit" else "int",
        scaling="log" if column.log else None,
    )


def _trial(experiment: Any, columns: tuple[Column, ...], number: int, point: Point, plane: dict[str, int]) -> Any:
    arm = Arm(parameters={**encode(columns, point), **plane})
    trial = Trial(experiment=experiment, index=number, generator_run=GeneratorRun(arms=[arm], type="MANUAL"))
    trial.mark_running(no_runner_required=True)
    return trial
