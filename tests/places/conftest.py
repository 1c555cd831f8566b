"""One cluster of each engine for the tests of a module, and labs on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.places.cluster import Cluster, missing
from tests.places.fake_ray import FakeRay
from tests.places.lab import PlacedLab, RayLab

pytest.register_assert_rewrite("tests.places.any_engine")


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


@pytest.fixture(scope="module")
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeRay]:
    """The head of a cluster with four cores and two cards."""
    with FakeRay(tmp_path_factory.mktemp("ray")) as made:
        yield made


@pytest.fixture(scope="module")
def ray_lab(ray: FakeRay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayLab]:
    """A daemon with four slots on it, for tests that leave it running."""
    lab = RayLab(tmp_path_factory.mktemp("placed-ray"), ray.address)
    lab.start()
    yield lab
    lab.close()


@pytest.fixture
def on_ray(ray_lab: RayLab) -> Iterator[RayLab]:
    """The same, checked against all invariants after the test."""
    yield ray_lab
    ray_lab.invariants.check(at_rest=True)
