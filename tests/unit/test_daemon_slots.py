from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.gpus.standin import GIB, LOST, Cards, NoDriver
from tuned import nvidia
from tuned.core.cards.attribution import FOREIGN_BYTES
from tuned.daemon.machine.slots import Ours, Slots
from tuned.daemon.machine.visible import visible_cards
from tuned.nvidia import Nvidia


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cards:
    return Cards(tmp_path / "cards", {"uuid": "GPU-x"}, {"uuid": "GPU-y"}).here(monkeypatch)


def test_a_machine_without_gpus_has_cpu_slots():
    slots = Slots(NoDriver(), 3)
    assert [slot.id for slot in slots.cpus] == ["cpu:0", "cpu:1", "cpu:2"]
    assert slots.default_gpus == 0
    assert slots.default_slots == slots.cpus
    assert slots.environment("cpu:0") == {}
    slots.sample(Ours())
    assert (slots.samples, slots.stale) == ({}, False)


def free_gpus(slots: Slots) -> list[str]:
    """Cards that can be leased whole."""
    return [gpu for gpu, left in slots.gpu_shares().items() if left == 1.0]


@pytest.mark.parametrize("asked", [None, 0])
def test_by_default_half_the_cores_are_slots(asked):
    assert len(Slots(NoDriver(), asked).cpus) == max(1, len(os.sched_getaffinity(0)) // 2)


def test_a_machine_with_gpus_gives_trials_one_each(cards):
    slots = Slots(Nvidia(), 1)
    assert slots.default_gpus == 1
    assert [slot.id for slot in slots.default_slots] == ["GPU-x", "GPU-y"]
    assert free_gpus(slots) == ["GPU-x", "GPU-y"]
    assert slots.free_cpus() == ["cpu:0"]


def test_a_lease_takes_a_slot_until_its_holder_gives_it_back(cards):
    slots = Slots(Nvidia(), 2)
    slots.lease("GPU-x", "digits/1")
    slots.lease("cpu:1", "digits/2")
    assert free_gpus(slots) == ["GPU-y"]
    assert slots.free_cpus() == ["cpu:0"]
    slots.release("GPU-x", "digits/9")
    assert free_gpus(slots) == ["GPU-y"]
    slots.release("GPU-x", "digits/1")
    slots.release("GPU-x", "digits/1")
    assert free_gpus(slots) == ["GPU-x", "GPU-y"]


def test_a_late_release_does_not_take_the_next_holders_slot(cards):
    slots = Slots(Nvidia(), 1)
    slots.lease("GPU-x", "a/1")
    slots.release("GPU-x", "a/1")
    slots.lease("GPU-x", "b/1")
    slots.release("GPU-x", "a/1")
    assert slots.held == {"GPU-x": "b/1"}


def test_a_trial_sees_its_own_card_alone_and_without_one_none(cards):
    slots = Slots(Nvidia(), 1)
    assert slots.environment("GPU-y") == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "1"}
    assert slots.environment("cpu:0")["CUDA_VISIBLE_DEVICES"] == ""
    assert slots.environment("gone")["CUDA_VISIBLE_DEVICES"] == ""


def test_a_card_that_somebody_else_uses_is_not_given_out(cards):
    slots = Slots(Nvidia(), 1)
    slots.lease("GPU-y", "a/1")
    cards.set(0, processes={11: FOREIGN_BYTES + 1})
    cards.set(1, processes={12: 2 * FOREIGN_BYTES, 11: FOREIGN_BYTES})
    slots.sample(Ours({"a/1": {12}}))
    assert slots.leasable_gpus() == ["GPU-y"]
    assert slots.unavailable("GPU-x") == "process 11 of somebody else holds 500 MiB"
    cards.set(0, processes={})
    slots.sample(Ours({"a/1": {12}}))
    assert slots.leasable_gpus() == ["GPU-x", "GPU-y"]
    assert slots.unavailable("GPU-x") == ""


def test_a_lost_card_is_not_leased_until_it_answers_again(cards, monkeypatch):
    monkeypatch.setattr(nvidia, "AGAIN_S", 0.0)
    slots = Slots(Nvidia(), 1)
    cards.set(0, error=LOST)
    slots.sample(Ours())
    assert (slots.leasable_gpus(), slots.unavailable("GPU-x")) == (["GPU-y"], "GPU is lost")
    assert [slot.label for slot in slots.gpus] == ["gpu:0", "gpu:1"]
    cards.set(0, error=None)
    slots.sample(Ours())
    assert slots.leasable_gpus() == ["GPU-x", "GPU-y"]


def test_cards_come_with_the_driver(cards, monkeypatch):
    monkeypatch.setattr(nvidia, "AGAIN_S", 0.0)
    cards.load(None)
    slots = Slots(Nvidia(), 1)
    assert (slots.gpus, slots.default_gpus, slots.trouble) == ([], 0, "Driver Not Loaded")
    cards.load("570.2")
    slots.sample(Ours())
    assert (free_gpus(slots), slots.trouble) == (["GPU-x", "GPU-y"], "")
    cards.load("575.1")
    slots.sample(Ours())
    slots.sample(Ours())
    assert free_gpus(slots) == ["GPU-x", "GPU-y"], "after a reload the library is initialised again"


@pytest.mark.parametrize(
    ("visible", "leased"),
    [
        (None, ["gpu:0", "gpu:1"]),
        ("1", ["gpu:1"]),
        ("1,0", ["gpu:0", "gpu:1"]),
        ("GPU-y", ["gpu:1"]),
        ("GPU-", []),
        ("0,7,1", ["gpu:0"]),
        ("", []),
        ("-1", []),
    ],
)
def test_the_daemons_own_variable_limits_what_is_leased(cards, visible, leased):
    slots = Slots(Nvidia(), 1, visible)
    assert [slot.label for slot in slots.gpus] == leased
    assert slots.environment("cpu:0")["CUDA_VISIBLE_DEVICES"] == "", "hidden cards stay hidden from trials"
    if leased == ["gpu:1"]:
        assert slots.environment("GPU-y")["CUDA_VISIBLE_DEVICES"] == "1"


def test_a_variable_that_hides_every_card_is_told(cards):
    assert Slots(Nvidia(), 1, "foo").notes == ["CUDA_VISIBLE_DEVICES=foo of the daemon leaves it none of 2 GPUs"]
    assert Slots(Nvidia(), 1, "0").notes == []
    assert Slots(NoDriver(), 1, "foo").notes == []


def test_where_any_card_of_the_machine_is_cut_all_are_named_by_uuid(cards):
    cards.cut(0, {"uuid": "MIG-a", "name": "H100 1g", "memory_total": GIB})
    assert Slots(Nvidia(), 1, "GPU-y").environment("GPU-y")["CUDA_VISIBLE_DEVICES"] == "GPU-y"


def test_each_trial_has_its_share_of_the_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    slots = Slots(NoDriver(), 3)
    assert [slots.core_share(cpus, None) for cpus in (None, 0.5, 3, 8, 99)] == [2, 1, 3, 0, 0]
    slots.lease("cpu:0", "a/1", 1.0, 3)
    slots.lease("cpu:1", "a/2", 1.0, 3)
    slots.lease("cpu:2", "a/3", 1.0, 3)
    assert slots.cores == {"a/1": (0, 1, 2), "a/2": (3, 4, 5), "a/3": (0, 6, 7)}
    slots.release("cpu:1", "a/2")
    slots.lease("cpu:1", "a/4", 1.0, [1, 2])
    assert slots.cores == {"a/1": (0, 1, 2), "a/3": (0, 6, 7), "a/4": (1, 2)}


@pytest.mark.parametrize(("cores", "slots", "share"), [(2, 1, 0), (2, 2, 1), (1, 2, 0), (4, 8, 1)])
def test_the_share_on_small_machines(monkeypatch, cores, slots, share):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    assert Slots(NoDriver(), slots).core_share(None, None) == share


def test_parts_of_a_card_and_several_cards(cards):
    slots = Slots(Nvidia(), 1)
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


def test_a_yielded_card_is_not_leased_until_its_time_is_over(cards, monkeypatch):
    slots = Slots(Nvidia(), 1)
    monkeypatch.setattr("tuned.daemon.machine.slots.clock.now", lambda: 1000.0)
    slots.yielded["GPU-x"] = 1600.0
    assert free_gpus(slots) == slots.leasable_gpus() == ["GPU-y"]
    monkeypatch.setattr("tuned.daemon.machine.slots.clock.now", lambda: 1600.0)
    assert free_gpus(slots) == ["GPU-x", "GPU-y"]


def test_instances_of_a_card_are_slots_of_their_own(cards, monkeypatch):
    monkeypatch.setattr(nvidia, "AGAIN_S", 0.0)
    part = {"name": "H100 MIG 3g.40gb", "memory_total": 40 * GIB}
    cards.cut(0, *({**part, "uuid": f"MIG-{n}"} for n in "ab"))
    slots = Slots(Nvidia(), 1)
    assert [(slot.id, slot.label, slot.memory_total) for slot in slots.gpus[:2]] == [
        ("MIG-a", "gpu:0", 40 * GIB),
        ("MIG-b", "gpu:1", 40 * GIB),
    ]
    assert [slot.id for slot in slots.gpus[2:]] == ["GPU-y"]
    # CUDA numbers no instances, and gives a process one of them alone.
    assert slots.environment("MIG-b")["CUDA_VISIBLE_DEVICES"] == "MIG-b"
    assert slots.environment("GPU-y")["CUDA_VISIBLE_DEVICES"] == "GPU-y"
    assert [slots.capacity(wanted) for wanted in (0.5, 1, 2)] == [6, 3, 0]
    assert [slots.has(wanted) for wanted in (0.5, 2)] == ["3 GPUs", "1 whole GPU"]
    assert slots.lacking(2) == "it needs 2 GPUs, and the daemon has 1 whole GPU"
    assert [slot.id for slot in slots.kind_for(2)] == ["GPU-y"]
    assert slots.kind_for(0) == slots.cpus, "a study without GPUs was said to run on them"
    assert [card.uuid for card in visible_cards(Nvidia().look().cards, "MIG-b")] == ["MIG-b"]


def test_it_says_which_cards_a_trial_lacks(cards: Cards):
    slots = Slots(Nvidia(), 2)
    assert [slots.lacking(wanted) for wanted in (None, 0, 0.5, 2)] == [""] * 4
    slots.lease("GPU-x", "a/1")
    assert slots.lacking(1) == ""
    assert slots.lacking(2) == "it needs 2 GPUs at once, and 1 of 2 is free"
    slots.lease("GPU-y", "a/2")
    assert slots.lacking(1) == "", "the queue says when one is free"
    assert slots.lacking(3) == "it needs 3 GPUs, and the daemon has 2 GPUs"
    slots.release("GPU-y", "a/2")
    cards.set(1, error=LOST)
    slots.sample(Ours())
    assert slots.lacking(2) == "it needs 2 GPUs, and 1 of 2 are leased to trials now"
    hidden = Slots(Nvidia(), 2, "GPU-z")
    assert hidden.lacking(1).startswith("it needs 1 GPU, and the daemon has none; CUDA_VISIBLE_DEVICES=GPU-z")
