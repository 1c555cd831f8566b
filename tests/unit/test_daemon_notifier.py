"""Notices of what nobody commits: that nothing can be launched; and commands that cannot be started now."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tuned import faults
from tuned.core.study import RunSpec, SearchSpec, Study, StudySpec
from tuned.core.study.notices import QUIET_S, Notice, Notify
from tuned.daemon.notices import notifier
from tuned.daemon.notices.notifier import Notifier


class Quiet:
    """Nothing lives and nobody listens."""

    def __init__(self) -> None:
        self.live: dict[int, Any] = {}

    def listen(self, listener: Any) -> None: ...


def study(name: str, *on: str, program: str = "tell") -> Study:
    run, search = RunSpec(kind="command", command=("true",)), SearchSpec(trials=1)
    spec = StudySpec(name=name, run=run, search=search, notify=Notify((program,), on))
    return Study(1, name, "running", "", 0, spec, {}, None, 0.0, None, 0.0, None)  # type: ignore[arg-type]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    state: dict[str, Any] = {"held_up": ("", False), "now": 0.0}
    monkeypatch.setattr(notifier.time, "monotonic", lambda: state["now"])
    quiet: Any = Quiet()
    state["notifier"] = Notifier(quiet, quiet, quiet, lambda: state["held_up"], lambda _: None)
    yield state


def told(world: dict[str, Any], *studies: Study) -> list[tuple[str, str, str]]:
    orders = world["notifier"]._watched(list(studies))
    return [(order.notice.study, order.notice.kind, order.notice.text) for order in orders]


def test_a_full_disk_is_told_once_for_each_command(world: dict[str, Any]) -> None:
    studies = study("a", "disk"), study("b", "done"), study("c", "disk"), study("d", "disk", program="mail")
    assert told(world, *studies) == []
    world["held_up"] = ("12 MiB are left", True)
    assert told(world, *studies) == [("a", "disk", "12 MiB are left"), ("d", "disk", "12 MiB are left")]
    world["held_up"] = ("11 MiB are left", True)
    assert told(world, *studies) == []
    world["held_up"] = ("", False)
    assert told(world, *studies) == []
    world["held_up"] = ("9 MiB are left", True)
    assert len(told(world, *studies)) == 2


def test_other_trouble_is_told_when_it_lasts(world: dict[str, Any]) -> None:
    world["held_up"] = ("launching is paused", False)
    assert told(world, study("a", "stuck")) == []
    world["now"] = QUIET_S + 1
    assert told(world, study("a", "stuck")) == [("a", "stuck", "launching is paused")]
    world["now"] += QUIET_S
    assert told(world, study("a", "stuck")) == []


async def test_a_notice_waits_for_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules, tell = tmp_path / "faults", tmp_path / "tell"
    tell.write_text(f"#!/bin/sh\necho told >> {tmp_path}/told\n")
    tell.chmod(0o755)
    rules.write_text("fork notify EAGAIN")
    monkeypatch.setattr(faults, "_FILE", str(rules))
    monkeypatch.setattr(Notifier, "_environment", lambda *_: dict(os.environ))
    quiet: Any = Quiet()
    notices = Notifier(quiet, quiet, quiet, lambda: ("", False), lambda _: None)
    (order,) = notices._order(study("a", "done", program=str(tell)), Notice("a", "done", "a has ended", ""))
    await notices._tell(order)
    assert "Resource temporarily unavailable" in notices.notes[0]
    await notices._try_again()
    assert not (tmp_path / "told").exists()
    rules.write_text("")
    for _ in range(2):
        await notices._try_again()
        assert (tmp_path / "told").read_text() == "told\n"
    assert notices.notes == []
