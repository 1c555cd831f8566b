"""A trial that a person has paused stays paused whatever becomes of its card."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.gpus.standin import GIB, Cards
from tests.gpus.studies import CARDS, SAVING, STUDY

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SETTINGS = '[gpu]\nafter = "0s"\nback_after = "0s"\nwhose = "all"\n'


def test_frozen_trials_leave_their_cards_and_stay_paused(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SAVING))
    (tmp_path / "tuned-hpo").mkdir()
    (tmp_path / "tuned-hpo" / "config.toml").write_text(SETTINGS)
    cards = Cards(tmp_path / "cards", *CARDS)
    daemon.start(**cards.environment, XDG_CONFIG_HOME=str(tmp_path))

    def card_of(number: int) -> int:
        return next(int(gpu["index"]) for gpu in daemon.get("/v1/gpus") if f"gpus/{number}" in gpu["held_by"])

    def where() -> list[tuple[str, int]]:
        return [(trial["state"], trial["attempt"]) for trial in daemon.trials("gpus")]

    daemon.submit({**STUDY, "search": {"method": "sobol", "trials": 2}}, tmp_path)
    daemon.until(lambda: [t["last_step"] is None for t in daemon.trials("gpus")] == [False] * 2, "they report nothing")
    daemon.post("/v1/pause", {"targets": ["gpus/1-2"], "level": "freeze"})
    # A person leaves the card of one, polite mode that of the other.
    left, other = card_of(1), card_of(2)
    said = daemon.post("/v1/gpus/yield", {"gpu": str(left), "seconds": 3600})
    assert said["changed"] == ["gpus/1"] and "stays paused until: tunectl resume gpus/1" in said["effects"][0]
    daemon.wait_state("gpus", 1, "paused")
    daemon.post("/v1/gpus/polite", {"on": True})
    cards.set(other, processes={1: 4 * GIB})
    daemon.wait_state("gpus", 2, "paused")
    # They stay so when their cards are back, and over a restart.
    daemon.post("/v1/gpus/yield", {"gpu": str(left)})
    daemon.post("/v1/gpus/polite", {"on": False})
    cards.set(other, processes={})
    daemon.kill()
    daemon.start(**cards.environment, XDG_CONFIG_HOME=str(tmp_path))
    daemon.until(
        lambda: not any(gpu["yielded_until"] or gpu["blocked"] for gpu in daemon.get("/v1/gpus")), "no card comes back"
    )
    assert where() == [("paused", 1)] * 2
    assert daemon.trials("gpus")[0]["reason"] == "paused by you; it has left its card to somebody else"
    (tmp_path / "go").touch()
    daemon.post("/v1/resume", {"targets": ["gpus/1-2"]})
    daemon.wait_ended("gpus")
    assert where() == [("completed", 2)] * 2
