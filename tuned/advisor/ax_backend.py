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
import torch
from ax.adapter.registry import Generators
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from ax.core.arm import Arm
from ax.core.data import Data, DataRow
from ax.core.generator_run import GeneratorRun
from ax.core.observation import ObservationFeatures
from ax.core.trial import Trial
from ax.core.utils import get_pending_observation_features_based_on_trial_status
from ax.utils.common.logger import set_ax_logger_levels
from ax.utils.common.random import with_rng_seed

from tuned.advisor.encoding import Column, columns_of, conditions_of, decode, encode
from tuned.advisor.history import Evidence
from tuned.advisor.messages import ObjectiveLine
from tuned.core.space import Point, SearchSpace

FIT_ITERATIONS = 50
"""Limit of a fit, in iterations and never in time: a suggestion must not depend on how busy the machine is."""
ACQUISITION = {"optimizer_kwargs": {"num_restarts": 8, "raw_samples": 256}}
ACQUISITION_SEVERAL = {"optimizer_kwargs": {"num_restarts": 2, "raw_samples": 64}}
"""With several objectives, or conditions between parameters, each evaluation costs ten times as much."""
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

    Every method, and making one, may raise whatever Ax, BoTorch or the linear algebra raise; the caller falls back to
    a design point.
    """

    def __init__(self, space: SearchSpace, objectives: Sequence[ObjectiveLine], evidence: Evidence, seed: int) -> None:
        self._space, self._objectives = space, objectives
        self._columns = columns_of(space)
        self._scales = [scale_of([sample.values[k] for sample in evidence.data]) for k in range(len(objectives))]
        with with_rng_seed(seed % _SEEDS):
            self._conditions = conditions_of(space, self._columns)
            experiment = _experiment(self._columns, self._conditions, objectives, evidence, self._scales)
            self._pending = get_pending_observation_features_based_on_trial_status(experiment)
            self._adapter = Generators.BOTORCH_MODULAR(experiment=experiment)

    def wait_for(self, point: Point) -> None:
        """Take into account that this point is about to be tried; the model itself stays as it was fitted."""
        features = ObservationFeatures(parameters=dict(encode(self._columns, point)))
        pending = self._pending or {}
        self._pending = {f"m{k}": [*pending.get(f"m{k}", ()), deepcopy(features)] for k in range(len(self._objectives))}

    def choose(self, seed: int) -> Modelled:
        """The point of highest acquisition value; each seed starts its search elsewhere.

        Raises:
            InvalidInput: The point misses a condition between parameters that the model cannot be told of.
        """
        several = sum(o.bound is None for o in self._objectives) > 1
        options = ACQUISITION_SEVERAL if several or self._conditions else ACQUISITION
        with with_rng_seed(seed % _SEEDS):
            run = self._adapter.gen(n=1, pending_observations=self._pending, model_gen_options=options)
        row = run.arms[0].parameters
        point = decode(self._space, self._columns, row)
        return self.expect([point])[0]

    def expect(self, points: Sequence[Point]) -> list[Modelled]:
        """What the model expects at these points.

        Raises:
            ArithmeticError: The model's expectation is not finite.
        """
        features = [ObservationFeatures(parameters=dict(encode(self._columns, point))) for point in points]
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
    shift = math.fsum(value / len(values) for value in values)
    return shift, max(abs(value - shift) for value in values) or 1.0


def _experiment(
    columns: tuple[Column, ...],
    conditions: Sequence[str],
    objectives: Sequence[ObjectiveLine],
    evidence: Evidence,
    scales: Sequence[tuple[float, float]],
) -> Any:
    client = Client()
    client.configure_experiment(
        parameters=[_parameter(column) for column in columns], parameter_constraints=list(conditions)
    )
    client.configure_optimization(
        ", ".join(
            f"{'-' if o.direction == 'minimize' else ''}m{k}" for k, o in enumerate(objectives) if o.bound is None
        ),
        outcome_constraints=_bounds(objectives, scales) or None,
    )
    experiment, rows = client._experiment, []
    for sample in evidence.data:
        trial = _trial(experiment, columns, sample.number, sample.point)
        for k, value in enumerate(sample.values):
            metric, (shift, scale) = experiment.metrics[f"m{k}"], scales[k]
            scaled = (value - shift) / scale
            rows.append(DataRow(trial.index, trial.arm.name, metric.name, metric.signature, scaled, math.nan))
    if rows:
        experiment.attach_data(Data(data_rows=rows))
    for sample in evidence.data:
        experiment.trials[sample.number].mark_completed()
    for number, point in evidence.pending:
        _trial(experiment, columns, number, point)
    for number, point in evidence.avoided:
        # Abandoned, never failed: Ax suggests the point of a failed trial again and again.
        _trial(experiment, columns, number, point).mark_abandoned()
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
    low, high = (
        (float(column.low), float(column.high)) if column.kind == "float" else (int(column.low), int(column.high))
    )
    return RangeParameterConfig(
        name=column.name,
        bounds=(low, high),
        parameter_type=column.kind,
        scaling="log" if column.log else None,
    )


def _trial(experiment: Any, columns: tuple[Column, ...], number: int, point: Point) -> Any:
    arm = Arm(parameters=dict(encode(columns, point)))
    trial = Trial(experiment=experiment, index=number, generator_run=GeneratorRun(arms=[arm], type="MANUAL"))
    trial.mark_running(no_runner_required=True)
    return trial
