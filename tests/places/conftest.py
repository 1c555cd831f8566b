"""One cluster for all tests of places, and labs on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.places.cluster import Cluster, missing
from tests.places.lab import PlacedLab


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A Slurm cluster of two nodes with a card each; skips where Slurm is not installed."""
    why = missing()
    if why:
        pytest.skip(why)
    with Cluster() as made:
        yield made


@pytest.fixture(scope="module")
def lab(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlacedLab]:
    """A daemon with four slots on the cluster, for tests that leave it running."""
    lab = PlacedLab(tmp_path_factory.mktemp("placed"), cluster)
    lab.start()
    yield lab
    lab.close()


@pytest.fixture
def placed(lab: PlacedLab, tmp_path: Path) -> Iterator[PlacedLab]:
    """The same, checked against all invariants after the test."""
    yield lab
    lab.invariants.check(at_rest=True)
