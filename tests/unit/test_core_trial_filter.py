from __future__ import annotations

from dataclasses import replace

import pytest

from tuned.core.errors import InvalidInput
from tuned.core.trials.filter import Columns, parse
from tuned.wire import TrialRow

ROW = TrialRow(
    study="s", number=12, state="running", params={"lr": 3e-4, "act": "relu", "amp": True, "batch": 64},
    values={"val_loss": 0.25, "acc": 0.9}, priority=2, origin="bayesian", attempt=1,
    reason="exit code 1: CUDA out of memory",
    failure=None, device="", seed=1, stage="search", created_at=0.0, started_at=None, ended_at=None, why="",
    stop_reason=None, last_step=7.0, retry_of=None,
)  # fmt: skip


COLUMNS = Columns(("lr", "act", "amp", "batch", "absent"), ("val_loss", "acc"))


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
    assert parse(text).matches(ROW, COLUMNS) is passes


def test_value_means_the_objective() -> None:
    assert parse("value<0.3").matches(ROW, COLUMNS)
    assert parse("value>0.8").matches(ROW, Columns((), ("acc",)))


def test_names_that_trials_do_not_have_are_refused_with_the_nearest_one() -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse("btch=3").check(COLUMNS)
    assert "batch" in refusal.value.hint
    with pytest.raises(InvalidInput):
        parse("value<1").check(Columns(("lr",)))


@pytest.mark.parametrize(
    ("text", "passes"),
    [("trial=1200", False), ("trial=1204", True), ("lr=3e-4", True), ("lr=2.99e-4", False), ("value=0.25", True)],
)
def test_equal_means_as_far_as_it_was_typed(text: str, passes: bool) -> None:
    assert parse(text).matches(replace(ROW, number=1204), COLUMNS) is passes


@pytest.mark.parametrize("text", ["state:nonsense", "state:", "lr<", "lr<abc"])
def test_what_cannot_be_read_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse(text)
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("text", "states", "plain"),
    [
        ("state:run", {"running"}, True),
        ("state:run,wait state:run", {"running"}, True),
        ("state:run lr<1", {"running"}, False),
        ("lr<1", None, False),
    ],
)
def test_what_the_daemon_can_filter_itself(text: str, states: set[str] | None, plain: bool) -> None:
    found = parse(text)
    assert (found.states, found.plain) == (states, plain)


def test_a_state_filter_follows_the_row() -> None:
    assert not parse("state:run").matches(replace(ROW, state="completed"), COLUMNS)
