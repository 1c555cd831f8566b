"""A clock that was wrong while the last daemon ran: no budget and no event's age counts the difference."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import Any

import pytest

from tests.crash.lab import Lab

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
