"""Scripts are read in several of the daemon's threads at once."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuned.core.parsing import parsed


@pytest.fixture
def turns() -> Iterator[None]:
    """Threads take turns as often as they can, also within the making of a tree, where objects are collected."""
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-5)
    gc.set_threshold(50)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)


class Noise:
    """Garbage whose end runs Python."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        for _ in range(200):
            pass


@pytest.mark.usefixtures("turns")
def test_threads_that_parse_at_the_same_time_get_their_trees() -> None:
    text = Path(__file__).read_text() * 10
    raised: list[Exception] = []

    def read() -> None:
        try:
            for _ in range(5):
                Noise()
                parsed(text)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown
            raised.append(error)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert raised == []
