"""The driver as it is asked, through the real wrapper and a stand-in for its library."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gpus.standin import GIB, Cards
from tuned.nvidia import UNLISTED, Nvidia, Sample


def test_every_figure_is_read_and_a_missing_one_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {"bus": "0000:b1:00.0", "uuid": "GPU-late", "name": "T4", "memory_total": 16 * GIB, "memory_used": 5}
    figures = {"utilisation": 12, "power": 71_500, "energy": 9_000, "temperature": 61, "throttle": 4}
    cards = Cards(tmp_path / "cards", {**whole, **figures}, {"bus": "0000:17:00.0", "utilisation": None})
    cards.here(monkeypatch).set(0, processes={41: 7, 42: None}, busy={42: 35}, compute_mode=3)
    look = Nvidia().look()
    assert (look.version, look.trouble) == ("570.1", "")
    early, late = look.cards
    assert (early.uuid, early.number, early.ordinal, early.sample) == ("GPU-1", 0, 0, Sample(0))
    assert (late.uuid, late.number, late.name, late.memory_total) == ("GPU-late", 1, "T4", 16 * GIB)
    assert late.sample == Sample(12, 12.0, {41: 7, 42: None}, 71.5, 9.0, 61.0, 4, exclusive=True, busy={42: 35.0})


def test_a_card_that_the_driver_lists_no_more_keeps_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuned.nvidia.AGAIN_S", 0.0)
    cards = Cards(tmp_path / "cards", {"bus": "0000:20:00.0"}, {"bus": "0000:10:00.0"}).here(monkeypatch)
    driver = Nvidia()
    assert [(card.uuid, card.ordinal) for card in driver.look().cards] == [("GPU-1", 0), ("GPU-0", 1)]
    (tmp_path / "cards" / "1" / "uuid").unlink()
    cards.load("570.2")
    assert {card.trouble for card in driver.look().cards} == {"RM has detected an NVML/RM version mismatch"}
    first, second = driver.look().cards
    assert (first.number, first.ordinal, first.trouble) == (0, None, UNLISTED)
    assert (second.number, second.ordinal, second.trouble) == (1, 0, "")


def test_a_machine_without_a_driver_has_no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuned.nvidia.LIBRARY", "libnvidia-none.so.1")
    look = Nvidia().look()
    assert (look.cards, look.trouble, look.version) == ((), "", "")
