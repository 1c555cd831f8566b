from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.gpus.standin import Cards, NoDriver
from tuned.core.study import RunSpec, SearchSpec, StudySpec
from tuned.daemon.machine.memory import is_short, memory_limit
from tuned.daemon.machine.slots import Slots
from tuned.nvidia import Nvidia


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slots:
    Cards(tmp_path / "cards", {"memory_total": 24000}, {"memory_total": 16000}).here(monkeypatch)
    return Slots(Nvidia(), 1)


def study(**run: Any) -> StudySpec:
    return StudySpec("s", RunSpec("script", **run), SearchSpec(trials=1))


@pytest.mark.parametrize(("gpu_memory", "limit"), [(None, 16000.0), (10000, 10000.0), (99000, 16000.0)])
def test_a_trial_on_a_card_stays_below_the_smallest_one_and_below_what_its_study_says(
    cards: Slots, gpu_memory: int | None, limit: float
) -> None:
    assert memory_limit(study(gpu_memory=gpu_memory), cards) == limit


def test_without_a_card_the_limit_is_the_kernels() -> None:
    assert memory_limit(study(gpu_memory=10000), Slots(NoDriver(), 1)) is None
    assert memory_limit(study(limits={"memory": 500}, gpu_memory=10000), Slots(NoDriver(), 1)) == 500.0


@pytest.mark.parametrize(("available", "short"), [(99, True), (101, False)])
def test_a_machine_is_short_of_memory_when_a_tenth_is_left(tmp_path: Path, available: int, short: bool):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:   {available} kB\n")
    assert is_short(meminfo) is short
    assert not is_short(tmp_path / "missing")
