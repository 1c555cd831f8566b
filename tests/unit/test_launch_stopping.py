"""When a running attempt gets which signal."""

from __future__ import annotations

import signal

import pytest

from tuned.launch.stopping import KILL_AFTER, LOOK_AGAIN, Stopping


def test_nothing_is_due_without_a_reason() -> None:
    stopping = Stopping(grace=5.0, timeout=None, now=100.0)
    assert stopping.due(1e9) is None and stopping.wait(1e9) is None


@pytest.mark.parametrize(("listens", "at"), [(False, 100.0), (True, 105.0)])
def test_term_then_kill(listens: bool, at: float) -> None:
    stopping = Stopping(grace=5.0, timeout=None, now=0.0)
    stopping.request("prune", listens, 100.0)
    assert stopping.wait(100.0) == at - 100.0
    assert stopping.due(at - 0.001) is None
    assert stopping.due(at) is signal.SIGTERM
    assert stopping.due(at) is None, "each signal is given once"
    assert stopping.wait(at) == KILL_AFTER
    assert stopping.due(at + KILL_AFTER) is signal.SIGKILL
    assert stopping.due(1e9) is None and stopping.wait(1e9) is None


def test_kill_comes_at_once_even_after_another_reason() -> None:
    stopping = Stopping(grace=5.0, timeout=None, now=0.0)
    stopping.request("pause", True, 100.0)
    stopping.request("kill", True, 101.0)
    assert stopping.due(101.0) is signal.SIGKILL and stopping.reason == "kill"
    assert stopping.wait(101.0) is None


def test_second_reason_does_not_prolong_the_grace() -> None:
    stopping = Stopping(grace=5.0, timeout=None, now=0.0)
    stopping.request("pause", True, 100.0)
    stopping.request("cancel", True, 104.0)
    assert stopping.reason == "cancel"
    assert stopping.due(105.0) is signal.SIGTERM


def test_timeout() -> None:
    stopping = Stopping(grace=60.0, timeout=10.0, now=100.0)
    assert stopping.wait(103.0) == 7.0
    assert stopping.due(109.9) is None and not stopping.timed_out
    assert stopping.due(110.0) is signal.SIGTERM and stopping.timed_out
    assert stopping.due(110.0 + KILL_AFTER) is signal.SIGKILL


def test_timeout_cuts_the_grace_short() -> None:
    stopping = Stopping(grace=60.0, timeout=10.0, now=100.0)
    stopping.request("pause", True, 105.0)
    assert stopping.due(110.0) is signal.SIGTERM


def test_timeout_after_term_changes_nothing() -> None:
    stopping = Stopping(grace=60.0, timeout=10.0, now=100.0)
    stopping.request("cancel", False, 108.0)
    assert stopping.due(108.0) is signal.SIGTERM
    assert stopping.due(110.0) is None
    assert stopping.due(108.0 + KILL_AFTER) is signal.SIGKILL


def test_reason_after_term_does_not_send_it_again() -> None:
    stopping = Stopping(grace=60.0, timeout=10.0, now=100.0)
    assert stopping.due(110.0) is signal.SIGTERM
    stopping.request("cancel", False, 111.0)
    assert stopping.due(111.0) is None


def test_no_running_time_passes_while_it_stands_still() -> None:
    stopping = Stopping(grace=5.0, timeout=10.0, now=0.0)
    stopping.hold(4.0)
    stopping.hold(5.0)
    assert stopping.due(1000.0) is None and stopping.wait(1000.0) is None
    stopping.go_on(1000.0)
    assert stopping.held == 996.0 and stopping.wait(1000.0) == 6.0
    stopping.go_on(1003.0)
    assert stopping.due(1005.9) is None
    assert stopping.due(1006.0) is signal.SIGTERM and stopping.timed_out


def test_who_stands_still_can_be_ended() -> None:
    stopping = Stopping(grace=5.0, timeout=10.0, now=0.0)
    stopping.hold(4.0)
    stopping.request("kill", True, 100.0)
    assert stopping.due(100.0) is signal.SIGKILL


@pytest.mark.parametrize(("reason", "waits"), [("pause", True), ("cancel", False), ("prune", False)])
def test_only_what_may_go_on_later_is_waited_for_while_it_saves(reason: str, waits: bool) -> None:
    stopping = Stopping(grace=5.0, timeout=None, now=0.0)
    stopping.request(reason, False, 100.0)
    assert stopping.due(100.0, lambda: True) is (None if waits else signal.SIGTERM)
    if waits:
        assert stopping.wait(100.0) == pytest.approx(LOOK_AGAIN)
        assert stopping.due(100.0 + LOOK_AGAIN, lambda: False) is signal.SIGTERM


def test_a_save_is_waited_for_no_longer_than_the_grace() -> None:
    stopping = Stopping(grace=5.0, timeout=None, now=0.0)
    stopping.request("pause", False, 100.0)
    assert stopping.due(104.99, lambda: True) is None and stopping.wait(104.99) == pytest.approx(0.01)
    assert stopping.due(105.0, lambda: True) is signal.SIGTERM
    # A trial that was told has had its grace, and a time limit gives the same.
    told = Stopping(grace=5.0, timeout=None, now=0.0)
    told.request("pause", True, 100.0)
    assert told.due(105.0, lambda: True) is signal.SIGTERM
    late = Stopping(grace=5.0, timeout=10.0, now=100.0)
    assert late.due(110.0, lambda: True) is None and late.due(115.0, lambda: True) is signal.SIGTERM
