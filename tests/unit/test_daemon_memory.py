from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tuned.core.study import RunSpec, SearchSpec, StudySpec
from tuned.daemon.machine.gpu import GpusFromFile, NoGpus
from tuned.daemon.machine.memory import memory_limit
from tuned.daemon.machine.slots import Slots

CARDS = """[{"uuid": "GPU-a", "index": 0, "name": "fake", "memory_total": 24000},
            {"uuid": "GPU-b", "index": 1, "name": "fake", "memory_total": 16000}]"""


@pytest.fixture
def cards(tmp_path: Path) -> Slots:
    (tmp_path / "gpus.json").write_text(CARDS)
    return Slots(GpusFromFile(tmp_path / "gpus.json"), 1)


def study(**run: Any) -> StudySpec:
    return StudySpec("s", RunSpec("script", **run), SearchSpec(trials=1))


@pytest.mark.parametrize(("gpu_memory", "limit"), [(None, 16000.0), (10000, 10000.0), (99000, 16000.0)])
def test_a_trial_on_a_card_stays_below_the_smallest_one_and_below_what_its_study_says(
    cards: Slots, gpu_memory: int | None, limit: float
) -> None:
    assert memory_limit(study(gpu_memory=gpu_memory), cards) == limit


def test_without_a_card_the_limit_is_the_kernels() -> None:
    assert memory_limit(study(gpu_memory=10000), Slots(NoGpus(), 1)) is None
    assert memory_limit(study(limits={"memory": 500}, gpu_memory=10000), Slots(NoGpus(), 1)) == 500.0
