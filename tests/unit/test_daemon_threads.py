"""A machine without a thread, or a descriptor, to give: a daemon's start says so in one line; later it hinders none."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tuned import protocol
from tuned.daemon import threads
from tuned.daemon.__main__ import refusal_of


@pytest.fixture
def none_left(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it with how many threads may still be started."""
    start = threading.Thread.start

    def leave(few: int) -> None:
        left = iter(range(few))

        def limited(thread: threading.Thread) -> None:
            if next(left, None) is None:
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", limited)

    return leave


def test_the_pool_works_without_another_thread(none_left: Any) -> None:
    pool = threads.started_pool(4)
    none_left(0)
    together = threading.Barrier(4)
    for waiting in [pool.submit(together.wait, 60) for _ in range(4)]:
        waiting.result()
    pool.shutdown()


def test_a_pool_that_cannot_be_started_leaves_nothing_behind(none_left: Any) -> None:
    none_left(2)
    with pytest.raises(RuntimeError) as error:
        threads.started_pool(4)
    refusal = refusal_of(error.value)
    assert refusal is not None and refusal.hint == protocol.WHEN_SCARCE


@pytest.fixture
def spared() -> Iterator[None]:
    threads.spare_watchers()
    yield
    if sys.version_info < (3, 12):
        asyncio.set_child_watcher(None)


def test_a_process_is_waited_for_without_a_thread(spared: None, none_left: Any) -> None:
    async def run() -> int:
        return await (await asyncio.create_subprocess_exec("true")).wait()

    none_left(0)
    assert asyncio.run(run()) == 0


def test_a_daemon_without_descriptors_says_so_and_calls_it_no_bug(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "tuned.daemon", "run", "--home", str(tmp_path / "home")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16)),
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("tuned: ") and "bug" not in last and last.endswith(")"), last


def test_what_is_nobodys_fault_but_ours_stays_a_bug() -> None:
    assert refusal_of(ValueError("no")) is None
    assert refusal_of(RuntimeError("no")) is None
    denied = refusal_of(PermissionError(13, "Permission denied", "/runs"))
    assert str(denied) == "/runs: Permission denied (see its mode, owner and disk)"
