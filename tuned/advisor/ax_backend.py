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
from collections.abc import Iterator, Sequence
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

from tuned.advisor.encoding import Column, columns_of, decode, encode
from tuned.advisor.history import Evidence
from tuned.advisor.messages import ObjectiveLine
from tuned.core.space import Point, SearchSpace

FIT_ITERATIONS = 50
"""Limit of a fit, in iterations and never in time: a suggestion must not depend on how busy the machine is."""
ACQUISITION = {"optimizer_kwargs": {"num_restarts": 8, "raw_samples": 256}}
TRIES = 5
"""How often the model is asked again after a point that has been used."""
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


def model_points(
    space: SearchSpace, objectives: Sequence[ObjectiveLine], evidence: Evidence, seed: int, number: int
) -> Iterator[Modelled]:
    """The model's choice for trial `number`, then further ones, each drawn with a seed of its own.

    Args:
        space: With at least one tunable parameter.
        objectives: One or more.
        evidence: With at least two results.
        seed: The study's.
        number: The trial's.

    Raises:
        Exception: Whatever Ax, BoTorch or the linear algebra raise; the caller falls back to a design point.
    """
    columns = columns_of(space)
    base = (seed + number) % _SEEDS
    with with_rng_seed(base):
        experiment = _experiment(columns, objectives, evidence)
        pending = get_pending_observation_features_based_on_trial_status(experiment)
        adapter = Generators.BOTORCH_MODULAR(experiment=experiment)
    for attempt in range(TRIES):
        with with_rng_seed((base + attempt * 7_919) % _SEEDS):
            run = adapter.gen(n=1, pending_observations=pending, model_gen_options=ACQUISITION)
            row = run.arms[0].parameters
            means, covariances = adapter.predict([ObservationFeatures(parameters=dict(row))])
        predicted = {}
        for k, objective in enumerate(objectives):
            name = f"m{k}"
            predicted[objective.metric] = (
                float(means[name][0]),
                math.sqrt(max(0.0, float(covariances[name][name][0]))),
            )
        yield Modelled(decode(space, columns, row), predicted)


def _experiment(columns: tuple[Column, ...], objectives: Sequence[ObjectiveLine], evidence: Evidence) -> Any:
    client = Client()
    client.configure_experiment(parameters=[_parameter(column) for column in columns])
    client.configure_optimization(
        ", ".join(f"{'-' if o.direction == 'minimize' else ''}m{k}" for k, o in enumerate(objectives))
    )
    experiment, rows = client._experiment, []
    for sample in evidence.data:
        trial = _trial(experiment, columns, sample.number, sample.point)
        for k, value in enumerate(sample.values):
            metric = experiment.metrics[f"m{k}"]
            rows.append(DataRow(trial.index, trial.arm.name, metric.name, metric.signature, value, math.nan))
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
