"""Labs: state folders whose processes are killed."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.lab import Lab


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.crash)


ROOM_BYTES = 256 * 2**20


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Path]]:
    """Makes folders for labs: in memory where there is room, because `kill -9` leaves the page cache alone.

    What a power cut does is not tried here, and waiting for a disk that others use would be most of the time.
    """
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM_BYTES
    root = Path(tempfile.mkdtemp(prefix="tuned-crash-", dir=memory if roomy else tmp_path_factory.mktemp("labs")))
    count = itertools.count()
    yield lambda: root / str(next(count))
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def lab(scratch: Callable[[], Path]) -> Iterator[Lab]:
    """A lab of the test's own; its daemon is not started."""
    lab = Lab(scratch())
    yield lab
    lab.close()


class SharedLab:
    """One lab for many tests, because starting daemons is what takes time; a new one after a test has failed.

    In it a bystander runs from the first test to the last: a held trial, so that there is always something to be killed
    and to be adopted.
    """

    BYSTANDER = "bystander"

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._lab: Lab | None = None

    def get(self) -> Lab:
        if self._lab is not None and not self._lab.sound:
            self.close()
        if self._lab is None:
            self._lab = Lab(self._folder())
            self._lab.start()
            space = {
                "x": {"type": "float", "low": 0.0, "high": 1.0},
                "steps": {"type": "fixed", "value": 500},
                "hold": {"type": "fixed", "value": f"hold-{self.BYSTANDER}"},
            }
            self._lab.submit(self.BYSTANDER, hold=True, space=space, search={"method": "random", "trials": 1})
        self._lab.sound = False
        return self._lab

    def finish(self) -> None:
        """Bring the lab to rest and check everything once more."""
        if self._lab is None or not self._lab.sound:
            return
        self._lab.release(self.BYSTANDER)
        self._lab.wait_at_rest(self.BYSTANDER)
        self._lab.invariants.check(at_rest=True)

    def close(self) -> None:
        if self._lab is not None:
            self._lab.close()
        self._lab = None


@pytest.fixture(scope="module")
def labs(scratch: Callable[[], Path]) -> Iterator[SharedLab]:
    shared = SharedLab(scratch)
    try:
        yield shared
        shared.finish()
    finally:
        shared.close()


@pytest.fixture
def shared_lab(labs: SharedLab) -> Iterator[Lab]:
    """The lab of this module, its bystander running."""
    lab = labs.get()
    lab.daemon.wait_state(labs.BYSTANDER, 1, "running")
    yield lab
