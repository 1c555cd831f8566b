"""The daemon's clock under jumps of the machine's."""

from __future__ import annotations

import time

import pytest

from tuned.daemon.clock import SteadyClock


def test_a_jump_does_not_move_it_until_it_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    wall, steady = [1000.0], [50.0]
    monkeypatch.setattr(time, "time", lambda: wall[0])
    monkeypatch.setattr(time, "monotonic", lambda: steady[0])
    clock = SteadyClock()
    steady[0] += 10
    wall[0] += 10 + 3600
    assert clock.now() == 1010
    assert clock.jump() == 3600
    clock.follow(3600)
    assert clock.now() == 4610
    assert clock.jump() == 0


def test_drift_is_no_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = [1000.0]
    monkeypatch.setattr(time, "time", lambda: wall[0])
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    clock = SteadyClock()
    wall[0] += 1.0
    assert clock.jump() == 0
