from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tuned.daemon.machine.gpu import GpusFromFile, NoGpus
from tuned.daemon.machine.slots import FOREIGN_BYTES, Slots

CARDS: list[dict[str, Any]] = [
    {"uuid": "GPU-x", "name": "H100", "memory_total": 80 * 2**30},
    {"uuid": "GPU-y", "name": "H100", "memory_total": 80 * 2**30},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gpus.json"
    path.write_text(json.dumps(CARDS))
    return path


def test_a_machine_without_gpus_has_cpu_slots():
    slots = Slots(NoGpus(), 3)
    assert [slot.id for slot in slots.cpus] == ["cpu:0", "cpu:1", "cpu:2"]
    assert slots.default_gpus == 0
    assert slots.default_slots == slots.cpus
    assert slots.environment("cpu:0") == {}
    slots.sample(set())
    assert slots.samples == {}


def free_gpus(slots: Slots) -> list[str]:
    """Cards that can be leased whole."""
    return [gpu for gpu, left in slots.gpu_shares().items() if left == 1.0]


@pytest.mark.parametrize("asked", [None, 0])
def test_by_default_half_the_cores_are_slots(asked):
    assert len(Slots(NoGpus(), asked).cpus) == max(1, len(os.sched_getaffinity(0)) // 2)


def test_a_machine_with_gpus_gives_trials_one_each(file):
    slots = Slots(GpusFromFile(file), 1)
    assert slots.default_gpus == 1
    assert [slot.id for slot in slots.default_slots] == ["GPU-x", "GPU-y"]
    assert free_gpus(slots) == ["GPU-x", "GPU-y"]
    assert slots.free_cpus() == ["cpu:0"]


def test_a_lease_takes_a_slot_until_its_holder_gives_it_back(file):
    slots = Slots(GpusFromFile(file), 2)
    slots.lease("GPU-x", "digits/1")
    slots.lease("cpu:1", "digits/2")
    assert free_gpus(slots) == ["GPU-y"]
    assert slots.free_cpus() == ["cpu:0"]
    slots.release("GPU-x", "digits/9")
    assert free_gpus(slots) == ["GPU-y"]
    slots.release("GPU-x", "digits/1")
    slots.release("GPU-x", "digits/1")
    assert free_gpus(slots) == ["GPU-x", "GPU-y"]


def test_a_late_release_does_not_take_the_next_holders_slot(file):
    slots = Slots(GpusFromFile(file), 1)
    slots.lease("GPU-x", "a/1")
    slots.release("GPU-x", "a/1")
    slots.lease("GPU-x", "b/1")
    slots.release("GPU-x", "a/1")
    assert slots.held == {"GPU-x": "b/1"}


def test_a_trial_sees_its_own_card_alone_and_without_one_none(file):
    slots = Slots(GpusFromFile(file), 1)
    assert slots.environment("GPU-y") == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "1"}
    assert slots.environment("cpu:0")["CUDA_VISIBLE_DEVICES"] == ""
    assert slots.environment("gone")["CUDA_VISIBLE_DEVICES"] == ""


def test_a_card_that_somebody_else_uses_is_not_given_out(file):
    slots = Slots(GpusFromFile(file), 1)
    foreign, ours = 11, 12
    busy = [
        {**CARDS[0], "processes": {foreign: FOREIGN_BYTES + 1}},
        {**CARDS[1], "processes": {ours: 2 * FOREIGN_BYTES, foreign: FOREIGN_BYTES}},
    ]
    file.write_text(json.dumps(busy))
    slots.sample({ours})
    assert free_gpus(slots) == ["GPU-y"]
    assert str(foreign) in slots.blocked["GPU-x"]
    assert "500 MiB" in slots.blocked["GPU-x"]
    file.write_text(json.dumps(CARDS))
    slots.sample(set())
    assert free_gpus(slots) == ["GPU-x", "GPU-y"]
    assert slots.blocked == {}


def test_parts_of_a_card_and_several_cards(file):
    slots = Slots(GpusFromFile(file), 1)
    assert [slots.capacity(wanted) for wanted in (None, 0.0, 0.5, 0.3, 1.0, 2.0, 3.0)] == [2, 1, 4, 6, 2, 1, 0]
    slots.lease("GPU-x", "a/1", 0.5)
    slots.lease("GPU-x", "a/2", 0.5)
    assert (slots.gpu_shares(), free_gpus(slots)) == ({"GPU-x": 0.0, "GPU-y": 1.0}, ["GPU-y"])
    assert slots.held == {"GPU-x": "a/1, a/2"}
    slots.release("GPU-x", "a/1")
    assert slots.room(0.5) == 3 and slots.room(1.0) == 1
    slots.release("GPU-x", "a/2")
    slots.lease("GPU-x,GPU-y", "a/3")
    assert slots.room(0.5) == 0
    assert slots.environment("GPU-x,GPU-y")["CUDA_VISIBLE_DEVICES"] == "0,1"
    slots.release("GPU-x,GPU-y", "a/3")
    assert free_gpus(slots) == ["GPU-x", "GPU-y"]


def test_a_yielded_card_is_not_leased_until_its_time_is_over(file, monkeypatch):
    slots = Slots(GpusFromFile(file), 1)
    monkeypatch.setattr("tuned.daemon.machine.slots.clock.now", lambda: 1000.0)
    slots.yielded["GPU-x"] = 1600.0
    assert free_gpus(slots) == slots.leasable_gpus() == ["GPU-y"]
    monkeypatch.setattr("tuned.daemon.machine.slots.clock.now", lambda: 1600.0)
    assert free_gpus(slots) == ["GPU-x", "GPU-y"]
