"""The account of the cards' time as the daemon keeps it: whatever it sees, and the time in which none ran."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from storage.repository.card_uses import note_uses
from storage.repository.events import add_event
from tests.db.conftest import Lab
from tuned.core.cards.time import Use
from tuned.core.events import MACHINE_CLOCK
from tuned.daemon import clock
from tuned.daemon.cards.uses import CardUses, ledger

HOUR = 3600.0
CARDS = ("GPU-a", "GPU-b")


@pytest.fixture
def slots() -> Any:
    """Two cards that nobody uses."""
    gpus = [SimpleNamespace(id=card, index=place, name="H100") for place, card in enumerate(CARDS)]
    return SimpleNamespace(gpus=gpus, leases={}, judgements={}, lost={}, left_to={}, yielded={})


def hours(lab: Lab, slots: Any, since: float) -> list[dict[str, int]]:
    """Whole hours of each card by use; what is less than half of one is left out."""
    found = lab.ask(ledger, slots.gpus, since, clock.now())
    return [{use: round(seconds / HOUR) for use, seconds in card.uses.items() if seconds > HOUR / 2} for card in found]


@pytest.mark.parametrize("sign", ["card", "event", "clock"])
async def test_a_night_without_a_daemon_is_booked_from_its_last_sign_of_life(lab: Lab, slots: Any, sign: str) -> None:
    evening = clock.now() - 10 * HOUR
    before = evening - 8 * HOUR
    lab.do(note_uses, dict.fromkeys(CARDS, Use.QUEUED), before)
    if sign == "card":
        lab.do(note_uses, {"GPU-a": Use.NOTHING}, evening)
    elif sign == "event":
        lab.do(add_event, MACHINE_CLOCK, "", None, {}, evening)
    uses = CardUses(lab.database, slots)
    await uses.begin(evening if sign == "clock" else evening - HOUR)
    await uses.note(Use.NOTHING)
    assert hours(lab, slots, before) == [{"work queued": 8, "no daemon": 10}] * 2


async def test_a_night_is_booked_where_the_driver_is_not_loaded_yet(lab: Lab, slots: Any) -> None:
    evening = clock.now() - 10 * HOUR
    lab.do(note_uses, dict.fromkeys(CARDS, Use.NOTHING), evening)
    cards, slots.gpus = slots.gpus, []
    await CardUses(lab.database, slots).begin(None)
    slots.gpus = cards
    assert hours(lab, slots, evening) == [{"no daemon": 10}] * 2


async def test_a_clock_that_was_set_back_books_nothing_ahead(lab: Lab, slots: Any) -> None:
    lab.do(note_uses, dict.fromkeys(CARDS, Use.NOTHING), clock.now() - 2 * HOUR)
    await CardUses(lab.database, slots).begin(clock.now() + 5 * HOUR)
    assert hours(lab, slots, clock.now() - 2 * HOUR) == [{"nothing queued": 2}] * 2


async def test_what_the_next_daemon_finds_holds_for_a_card_that_a_trial_has_too(lab: Lab, slots: Any) -> None:
    """Between that trial's end and the first look behind it nothing else was noted than that no daemon runs."""
    lab.do(note_uses, dict.fromkeys(CARDS, Use.NOTHING), clock.now())
    slots.leases["GPU-a"] = {"s/1": 1.0}
    uses = CardUses(lab.database, slots)
    await uses.begin(None)
    await uses.note(Use.QUEUED)
    latest = dict(lab.sql("SELECT card, used FROM card_uses ORDER BY id"))
    assert latest == dict.fromkeys(CARDS, "work queued")


async def test_a_look_at_the_cards_notes_what_is_on_them_also_while_nothing_is_queued(lab: Lab, slots: Any) -> None:
    uses = CardUses(lab.database, slots)
    await uses.note(Use.NOTHING)
    slots.judgements["GPU-a"] = SimpleNamespace(blocked="process 1 of somebody else holds 3.0 GiB")
    slots.yielded["GPU-b"] = clock.now() + HOUR
    await uses.look()
    assert dict(lab.sql("SELECT card, used FROM card_uses ORDER BY id")) == {"GPU-a": "foreign", "GPU-b": "yielded"}
