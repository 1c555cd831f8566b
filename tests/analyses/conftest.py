"""Numerics on one core, as in the process that analyses run in: more threads only wait for each other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True, scope="session")
def one_core() -> Iterator[None]:
    with threadpool_limits(1):
        yield
