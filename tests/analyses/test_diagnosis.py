"""Each label of a curve's diagnosis on a curve that has it, beside one that nearly does."""

from __future__ import annotations

import numpy as np
import pytest

from tests.analyses.made import study, trial
from tuned.analyses.curves.diagnosis import Diagnosis, diagnose, find_period
from tuned.analyses.curves.noise import step_noise

STEPS = np.arange(1, 61, dtype=float)
NOISE = np.random.default_rng(0).normal(0, 0.01, len(STEPS))
FALLING = 0.1 + np.exp(-STEPS / 8)
EXPLODING = np.where(STEPS < 50, FALLING, 20.0)
RISE = 0.01 * np.maximum(STEPS - 25, 0)


def look(values: np.ndarray, train: np.ndarray | None = None, **more: object) -> Diagnosis:
    one = trial(1, list(values), train=list(FALLING if train is None else train), **more)
    return diagnose(study([one]), one)


CASES = {
    "a decay that has settled": (FALLING + NOISE, None, set()),
    "a straight fall": (2 - STEPS / 40 + NOISE, None, {"improving"}),
    "a rise after the best": (FALLING + 0.004 * np.maximum(STEPS - 25, 0) + NOISE, None, {"overfitting"}),
    "a rise within the noise": (FALLING + 0.0003 * np.maximum(STEPS - 25, 0) + NOISE, None, set()),
    "both rise": (FALLING + RISE, FALLING + RISE, {"rising-train"}),
    "both explode": (np.where(STEPS < 50, FALLING, 30.0), EXPLODING, {"diverged", "rising-train"}),
    "validation ends worse than it began, training does not": (FALLING + 3 * RISE, FALLING, {"overfitting"}),
    "validation gets worse from the first report on": (0.3 + RISE + 0.01 * STEPS + NOISE, FALLING, {"overfitting"}),
    "settled at once": (0.5 + np.where(STEPS < 4, 1.0, 0.0) + NOISE, None, {"saturated"}),
    "a period of ten": (FALLING + 0.1 * np.sin(2 * np.pi * STEPS / 10), None, {"periodic"}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_labels(case):
    values, train, wanted = CASES[case]
    assert set(look(values, train).labels) - ({"saturated"} - wanted) == wanted


def test_not_a_number_is_divergence_wherever_it_stands():
    values = FALLING.copy()
    values[30] = np.nan
    assert look(values).has("diverged")
    assert look(FALLING[:2], train=FALLING[:2]).labels == ("short",)


def test_the_training_twin_and_the_times_are_read():
    found = look(FALLING + 0.05)
    assert found.train_last == pytest.approx(FALLING[-4], abs=0.002)
    assert found.gap == pytest.approx(0.05, abs=1e-9)
    assert found.converged_s == found.converged_step  # a report a second
    assert found.best_share == 1.0


def test_noise_is_that_of_the_late_half_without_its_trend():
    trend = 5 - STEPS / 10
    assert step_noise(trend) == pytest.approx(0.0, abs=1e-9)
    assert step_noise(trend + NOISE) == pytest.approx(0.01, rel=0.5)


def test_an_accuracy_that_moves_in_steps_is_not_taken_for_a_quiet_one():
    stair = np.repeat([0.9, 0.902, 0.904, 0.902, 0.904, 0.902], 10)
    assert step_noise(stair) >= 0.0009


def test_one_swing_is_no_period():
    assert find_period(np.sin(2 * np.pi * STEPS / 60)) == 0
    assert find_period(np.random.default_rng(1).normal(size=60)) == 0
    assert find_period(np.sin(2 * np.pi * STEPS / 10)) == 10
