"""A clock that was wrong while the last daemon ran: no budget and no event's age counts the difference."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from functools import partial
from typing import Any

import pytest

from tests.crash.lab import Lab
from tests.gpus.standin import Cards

DAY = 86_400.0


def shifted(lab: Lab, **changes: Any) -> None:
    """As if the last daemon had run under another clock."""
    path = lab.home / "clock.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, **{name: change(record[name]) for name, change in changes.items()}}))


@pytest.mark.parametrize(
    "changes",
    [{"wall": lambda wall: wall - 40 * DAY}, {"boot_id": lambda _: "another", "wall": lambda wall: wall - 40 * DAY}],
    ids=["set ahead", "off"],
)
def test_days_that_nobody_lived_through_end_no_study_and_prune_no_event(lab: Lab, changes: dict[str, Any]) -> None:
    lab.start()
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 2, "parallel": 2, "budget": "1h"})
    lab.daemon.wait_state(name, 2, "running")
    lab.daemon.until((lab.home / "clock.json").exists, "the clocks are not noted")
    before = [event["seq"] for event in lab.daemon.get("/v1/events/list", limit=1000)]
    lab.kill("daemon")
    # The rows are of the time before the gap.
    with contextlib.closing(sqlite3.connect(lab.home / "tuned.db")) as conn, conn:
        conn.execute("UPDATE studies SET running_since = running_since - ?", (40 * DAY,))
        conn.execute("UPDATE events SET at = at - ?", (40 * DAY,))
    shifted(lab, **changes)
    lab.restart()
    assert any("no budget counts it" in note for note in lab.daemon.get("/v1/status")["notes"])
    lab.daemon.until(lambda: "backed up" in lab.daemon.log(), "housekeeping has had its first round")
    study = lab.daemon.study(name)
    assert study["state"] == "running"
    assert study["budget_left_s"] > 3000
    kept = [event["seq"] for event in lab.daemon.get("/v1/events/list", limit=1000)]
    assert set(before) <= set(kept)
    lab.release(name)
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 2}


def jumped(lab: Lab, count: int) -> list[Any]:
    """The events of the clock, once there are so many; the daemon looks every five seconds."""

    def found() -> list[Any]:
        events = [e for e in lab.daemon.get("/v1/events/list", limit=1000) if e["type"] == "machine.clock"]
        return events if len(events) >= count else []

    events: list[Any] = lab.daemon.until(found, f"there are not {count} jumps")
    return events


def test_a_jump_is_an_event_and_moves_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = Cards(lab.base / "cards", {"uuid": "GPU-a"}, {"uuid": "GPU-b"})
    monkeypatch.setattr(lab.daemon, "spawn", partial(lab.daemon.spawn, **cards.environment))
    lab.start()
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 1, "budget": "1h"})
    lab.daemon.wait_state(name, 1, "running")
    (card,) = [gpu for gpu in lab.daemon.get("/v1/gpus") if not gpu["held_by"]]
    lab.daemon.post("/v1/gpus/yield", {"gpu": str(card["index"]), "seconds": 3600.0})
    first = [event["seq"] for event in lab.daemon.get("/v1/events/list", limit=1000)]

    def check(ahead: float, said: str, events: int) -> None:
        event = jumped(lab, events)[-1]
        assert said in event["data"]["text"]
        assert (event["study"], event["number"]) == ("", None)
        study, (trial,) = lab.daemon.study(name), lab.daemon.trials(name)
        assert study["state"] == trial["state"] == "running"
        assert study["budget_left_s"] > 3000
        left = {gpu["index"]: gpu["yielded_until"] for gpu in lab.daemon.get("/v1/gpus")}[card["index"]]
        assert 3000 < left - (time.time() + ahead) <= 3600
        assert 0 <= time.time() + ahead - trial["started_at"] < 600

    lab.fail(f"clock * +{40 * DAY}")
    check(40 * DAY, "set 40d 00h ahead: no budget", 1)
    lab.kill("daemon")
    lab.fail(f"clock * -{2 * DAY}")
    lab.restart()
    check(-2 * DAY, "set 42d 00h back meanwhile, or the machine was off", 2)
    # Killed with the gap committed and the file not yet written: it counts once.
    note = (lab.home / "clock.json").read_bytes()
    lab.fail()
    check(0.0, "set 2d 00h ahead", 3)
    lab.kill("daemon")
    (lab.home / "clock.json").write_bytes(note)
    lab.restart()
    check(0.0, "set 2d 00h ahead", 3)
    lab.release(name)
    lab.wait_at_rest(name)
    (attempt,) = lab.daemon.get(f"/v1/studies/{name}/trials/1")["attempts"]
    assert 0 < attempt["ended_at"] - attempt["started_at"] < 600
    assert set(first) <= {event["seq"] for event in lab.daemon.get("/v1/events/list", limit=1000)}
    lab.invariants.check(at_rest=True)
