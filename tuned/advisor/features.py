"""A row of the model as its kernel sees it: what is inactive plays no part, and unordered values are equally far apart.

Owns the transform from rows (`encoding`) to features. It runs within the model, so the search for the next point sees
the same: moving a parameter that is switched off changes nothing there either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from ax.adapter.registry import Y_trans
from ax.adapter.transforms.base import Transform
from ax.adapter.transforms.choice_encode import ChoiceToNumericChoice
from ax.adapter.transforms.log import Log
from ax.generators.torch.botorch_modular.surrogate import ModelConfig, SurrogateSpec
from botorch.models import SingleTaskGP
from botorch.models.transforms.input import InputTransform
from torch import Tensor

from tuned.advisor.encoding import Column
from tuned.core.space import SearchSpace

TRANSFORMS: list[type[Transform]] = [ChoiceToNumericChoice, Log, *Y_trans]
"""Ax's changes of rows and results before a fit; unordered values stay one column, so that each is tried as it is."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One column of the rows.

    Attributes:
        low, span: It lies between `low` and `low + span`, on its own scale.
        levels: Of unordered values 0 .. levels - 1; 0 for numbers.
        when: (column, its values) pairs that must all hold for this one to be active.
    """

    low: float
    span: float
    levels: int = 0
    when: tuple[tuple[int, tuple[float, ...]], ...] = ()


def needed(columns: Sequence[Column]) -> bool:
    """Whether rows are not features already: something is switched off at times, or has unordered values."""
    return any(column.kind == "label" or column.parameter.when for column in columns)


def axes_of(space: SearchSpace, columns: Sequence[Column]) -> tuple[Axis, ...]:
    """The axes behind a space's columns."""
    index = {column.parameter.name: i for i, column in enumerate(columns)}
    axes = []
    for column in columns:
        when = []
        for parent, values in column.parameter.when:
            if parent not in index:
                continue  # a fixed one
            known = space[parent].values
            above = columns[index[parent]]
            when.append((index[parent], tuple(float(_position(above, value)) for value in values if value in known)))
        if column.kind == "label":
            axes.append(Axis(0.0, 1.0, len(column.labels), tuple(when)))
            continue
        low, high = (math.log10(end) if column.log else float(end) for end in column.bounds)
        axes.append(Axis(low, high - low or 1.0, 0, tuple(when)))
    return tuple(axes)


def _position(column: Column, value: object) -> float:
    encoded = column.encode(value)  # type: ignore[arg-type]
    return float(column.labels.index(encoded)) if isinstance(encoded, str) else float(encoded)


class Features(InputTransform):  # type: ignore[misc]
    """Rows -> features in 0 .. 1, one for each number and one for each of several unordered values.

    Args:
        axes: One for each column of the rows.
    """

    is_one_to_many = False
    transform_on_train = True
    transform_on_eval = True
    transform_on_fantasize = True

    def __init__(self, axes: Sequence[Axis]) -> None:
        super().__init__()
        self.axes = tuple(axes)

    def transform(self, X: Tensor) -> Tensor:
        """... x columns -> ... x features."""
        active: list[Tensor | None] = []
        parts = []
        for i, axis in enumerate(self.axes):
            on: Tensor | None = None
            for parent, values in axis.when:
                holds = torch.zeros_like(X[..., parent], dtype=torch.bool)
                for value in values:
                    holds = holds | ((X[..., parent] - value).abs() < 0.5)
                if (above := active[parent]) is not None:
                    holds = holds & above
                on = holds if on is None else on & holds
            active.append(on)
            column = X[..., i]
            if axis.levels:
                levels = torch.arange(axis.levels, dtype=X.dtype, device=X.device)
                part = ((column.unsqueeze(-1) - levels).abs() < 0.5).to(X.dtype)
                middle = 1.0 / axis.levels
            else:
                part, middle = ((column - axis.low) / axis.span).unsqueeze(-1), 0.5
            parts.append(part if on is None else torch.where(on.unsqueeze(-1), part, torch.full_like(part, middle)))
        return torch.cat(parts, dim=-1)


class FeatureGP(SingleTaskGP):  # type: ignore[misc]
    """A Gaussian process over features: it need not be told which columns hold unordered values."""

    @classmethod
    def construct_inputs(cls, training_data: Any, **more: Any) -> dict[str, Any]:
        """As of `SingleTaskGP`."""
        more.pop("categorical_features", None)
        inputs: dict[str, Any] = super().construct_inputs(training_data, **more)
        return inputs


def surrogate_of(axes: Sequence[Axis]) -> SurrogateSpec:
    """The model of rows with these axes."""
    config = ModelConfig(
        botorch_model_class=FeatureGP,
        input_transform_classes=[Features],
        input_transform_options={"Features": {"axes": tuple(axes)}},
        name="features",
    )
    return SurrogateSpec(model_configs=[config])
