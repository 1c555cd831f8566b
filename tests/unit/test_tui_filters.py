from __future__ import annotations

from dataclasses import replace

import pytest

from tui.filters import parse
from tuned.core.errors import InvalidInput
from tuned.wire import TrialRow

ROW = TrialRow(
    study="s", number=12, state="running", params={"lr": 3e-4, "act": "relu", "amp": True, "batch": 64},
    values={"val_loss": 0.25, "acc": 0.9}, priority=2, origin="bayesian", attempt=1,
    reason="exit code 1: CUDA out of memory",
    failure=None, device="", seed=1, stage="", created_at=0.0, started_at=None, ended_at=None, why="", stop_reason=None,
    last_step=7.0, retry_of=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True), ("state:run", True), ("state:r", True), ("state:done", False), ("state:done,run", True),
        ("state:completed", False), ("!state:run", False), ("!state:failed", True),
        ("lr<1e-3", True), ("lr>1e-3", False), ("lr<=3e-4", True), ("lr=3e-4", True), ("lr!=3e-4", False),
        ("act=relu", True), ("act=RELU", True), ("act!=tanh", True), ("act=tanh", False), ("amp=true", True),
        ("batch=64", True), ("batch=65", False), ("value<0.3", True), ("val_loss>0.3", False), ("acc>=0.9", True),
        ("step>=7", True), ("pri=2", True), ("trial=12", True), ("#12", True), ("memory", True), ("nowhere", False),
        ("absent<1", False), ("absent!=1", True), ("state:run lr<1e-3 act=relu", True), ("state:run lr>1", False),
        ("!relu", False), ("lr=x", False),
    ],
)  # fmt: skip
def test_terms(text: str, passes: bool) -> None:
    assert parse(text, "val_loss").matches(ROW) is passes


def test_value_means_the_objective() -> None:
    assert not parse("value<0.3", None).matches(ROW)
    assert parse("value>0.8", "acc").matches(ROW)


@pytest.mark.parametrize("text", ["state:nonsense", "state:", "lr<", "lr<abc"])
def test_what_cannot_be_read_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse(text)
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("text", "states", "plain"),
    [
        ("state:run", ("running",), True),
        ("state:run,wait state:run", ("running",), True),
        ("state:run lr<1", ("running",), False),
        ("lr<1", None, False),
    ],
)
def test_what_the_daemon_can_filter_itself(text: str, states: tuple[str, ...] | None, plain: bool) -> None:
    found = parse(text)
    assert (found.states, found.plain) == (states, plain)


def test_a_state_filter_follows_the_row() -> None:
    assert not parse("state:run").matches(replace(ROW, state="completed"))
