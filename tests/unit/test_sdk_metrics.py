"""What may be reported, and what is refused with a hint."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tuned.sdk.metrics import clean_metrics, clean_step


class Whole:
    """A number that only knows its index, as numpy's integers do."""

    def __index__(self) -> int:
        return 4


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (0.5, 0.5),
        (3, 3),
        (10**400, "inf"),
        (-(10**400), "-inf"),
        (True, 1.0),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (np.float32(0.5), 0.5),
        (np.float64("inf"), "inf"),
        (np.int64(7), 7.0),
        (np.array([2.0]), 2.0),
        (torch.tensor(0.25), 0.25),
        (torch.tensor([[1.5]], requires_grad=True), 1.5),
    ],
)
def test_numbers(given: object, kept: object) -> None:
    (value,) = clean_metrics({"loss": given}).values()
    assert value == kept and type(value) in (int, float, str)


@pytest.mark.parametrize(
    ("metrics", "hint"),
    [
        ({}, "name at least one"),
        ({"loss": "abc"}, "pass the number itself"),
        ({"loss": "0.5"}, "pass the number itself"),
        ({"loss": None}, "pass the number itself"),
        ({"loss": [1.0]}, "list"),
        ({"loss": torch.zeros(3)}, r"Tensor of shape \(3,\).*mean\(\)"),
        ({"loss": np.zeros((2, 2))}, r"ndarray of shape \(2, 2\)"),
        ({"loss": 1j}, "complex"),
        ({"sdk": 1}, "not free"),
        ({"_time": 1}, "not free"),
        ({"step": 1}, "not free"),
        ({1: 1}, "not free"),
    ],
)
def test_mistakes_are_told(metrics: dict[str, object], hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        clean_metrics(metrics)


@pytest.mark.parametrize(
    ("given", "kept"), [(None, None), (0, 0), (np.int32(5), 5), (2.0, 2), (Whole(), 4), (torch.tensor(3), 3)]
)
def test_steps(given: object, kept: int | None) -> None:
    step = clean_step(given)
    assert step == kept and type(step) in (int, type(None))


@pytest.mark.parametrize("given", [-1, 0.5, "3", math.nan, math.inf, [1]])
def test_what_is_no_step(given: object) -> None:
    with pytest.raises(ValueError, match="step"):
        clean_step(given)
