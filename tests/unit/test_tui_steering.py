"""Frozen trials and retries in the UI: what is shown, and what a key means."""

from __future__ import annotations

import asyncio
from dataclasses import MISSING, fields, replace
from typing import Any

import pytest

from tui.acting import BACK_TO, UNDO_NEW, UNDO_RETRY, Order, Step, for_trials, perform, space_undo
from tui.actions import BY_ID
from tui.glyphs import ASCII, intent_of, trial_state
from tui.reduce import reduce_trial
from tuned.client.api import Call
from tuned.core.errors import Conflict
from tuned.core.trials.ran import ran_s
from tuned.wire import Changed, EventRow, SpaceChange, SpaceChanged, TrialRow

_VALUES: dict[str, Any] = {"study": "digits", "number": 7, "state": "running", "params": {}, "values": {}}
ROW = TrialRow(**{f.name: _VALUES.get(f.name) for f in fields(TrialRow) if f.default is MISSING})


def event(kind: str, *, at: float = 1.0, **data: Any) -> EventRow:
    return EventRow(9, at, kind, "digits", 7, data)


def test_a_frozen_trial_is_shown_and_moves_again() -> None:
    row = reduce_trial(ROW, event("trial.frozen", frozen=True, level="freeze"))
    assert row is not None and row.frozen
    assert trial_state(ASCII, row.state, intent_of(row))[0] == "% FROZEN"
    ended = reduce_trial(row, event("trial.moved", **{"from": "running", "to": "completed"}))
    assert ended is not None and not ended.frozen
    assert intent_of(ROW) is None


def test_the_clock_of_a_frozen_trial_stands_still() -> None:
    row: TrialRow | None = replace(ROW, started_at=100.0)
    for at, frozen in ((110.0, True), (130.0, False), (140.0, True)):
        assert row is not None
        row = reduce_trial(row, event("trial.frozen", at=at, frozen=frozen, level="freeze"))
    assert row is not None and ran_s(row, 200.0) == 20.0
    ended = reduce_trial(row, event("trial.moved", at=160.0, **{"from": "running", "to": "completed"}))
    assert ended is not None and ran_s(ended, 200.0) == 20.0


def test_a_night_in_which_a_paused_trial_waits_is_none_in_which_it_ran() -> None:
    row: TrialRow | None = replace(ROW, started_at=100.0)
    for at, begin, end in ((110, "running", "paused"), (500, "paused", "queued"), (600, "queued", "starting")):
        assert row is not None
        row = reduce_trial(row, event("trial.moved", at=float(at), **{"from": begin, "to": end}))
        assert row is not None and ran_s(row, 900.0) is None, end
    cancelled = reduce_trial(row, event("trial.moved", at=700.0, **{"from": "starting", "to": "cancelled"}))
    assert cancelled is not None and ran_s(cancelled, 900.0) == 10.0
    again = reduce_trial(row, event("trial.moved", at=700.0, attempt=2, **{"from": "starting", "to": "running"}))
    assert again is not None and ran_s(again, 900.0) == 200.0


def test_the_key_that_pauses_lets_a_frozen_one_go_on() -> None:
    row = reduce_trial(ROW, event("trial.frozen", frozen=True))
    assert row is not None
    context: Any = None
    assert for_trials(context, BY_ID["pause"], [row]).steps == (Step("resume", ("digits/7",)),)
    assert for_trials(context, BY_ID["pause"], [ROW, row]).steps == (Step("pause", ("digits/7",)),)


class Client:
    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    async def send(self, call: Call[Any]) -> Changed:
        self.asked.append((call.path, call.body["targets"]))
        return Changed(["digits/12"])


def test_a_retry_is_undone_by_the_number_of_the_new_trial() -> None:
    client: Any = Client()
    _, undo = asyncio.run(perform(client, Order("retry", (Step("retry", ("digits/7",)),))))
    assert undo == (Step(UNDO_RETRY, ("digits/12",)),)
    asyncio.run(perform(client, Order("undo", undo)))
    assert client.asked == [("/retry", ["digits/7"]), ("/retry/undo", ["digits/12"])]


class Refusing(Client):
    """A daemon in whose studies all trials above 20 have ended."""

    async def send(self, call: Call[Any]) -> Changed:
        await super().send(call)
        targets = call.body["targets"]
        ended = [f"{name} is completed" for name in targets if int(name.partition("/")[2]) > 20]
        if len(ended) == len(targets):
            raise Conflict("; ".join(ended))
        return Changed([name for name in targets if int(name.partition("/")[2]) <= 20], ended)


def test_what_changed_is_told_although_the_daemon_refused_the_rest() -> None:
    client: Any = Refusing()
    back = (Step("priority", ("digits/21", "digits/22"), 1), Step("priority", ("digits/7",), 2))
    told, undo = asyncio.run(perform(client, Order("undo priority", back, None, back)))
    assert len(client.asked) == 2, "the second call follows a refused one"
    assert told == "undo priority: digits/7; 2 left alone: digits/21 is completed; digits/22 is completed"
    assert undo == back[1:]


def test_a_refusal_says_what_was_refused() -> None:
    client: Any = Refusing()
    with pytest.raises(Conflict, match=r"^undo new: nothing changed: digits/21 is completed; digits/22 is completed$"):
        asyncio.run(perform(client, Order("undo new", (Step(UNDO_NEW, ("digits/21", "digits/22")),))))


def test_an_edit_of_the_space_is_undone_by_the_version_before_it() -> None:
    done = SpaceChanged("digits", 3, ["lr.high: 0.1 -> 1"], [], 8, 0, [], [], False, [])
    step = space_undo(done)
    assert step == Step(BACK_TO, ("digits",), 2)
    assert space_undo(replace(done, changes=[])) is None

    class Edits:
        async def send(self, call: Call[Any]) -> SpaceChanged:
            assert (call.path, call.body) == ("/studies/digits/space", SpaceChange(back_to=2))
            return replace(done, version=4)

    client: Any = Edits()
    assert step is not None
    told, undo = asyncio.run(perform(client, Order("undo space", (step,))))
    assert (told, undo) == ("undo space: digits v4 is as v2 was", None)
