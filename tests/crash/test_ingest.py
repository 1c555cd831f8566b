"""What can become of a metrics file, and that neither the trial nor what it reported suffers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.lab import Lab
from tests.e2e.conftest import wait_until


class Held:
    """One running trial whose metrics file the test writes to as well."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.name = lab.submit(hold=True, search={"method": "sobol", "trials": 1})
        self.until(lambda: self.values("loss"), "the first report")
        self.path = lab.home / "runs" / self.name / "1" / "1" / "metrics.jsonl"

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def values(self, name: str) -> dict[float, Any]:
        """Step -> value as a client gets it."""
        found = self.lab.daemon.get("/v1/metrics", target=f"{self.name}/1", name=name)
        return {row["step"]: row["value"] for row in found}

    def until(self, what: Any, why: str) -> Any:
        return wait_until(what, f"{why}: {self.lab.daemon.log()[-1500:]}")

    def mark(self, number: int) -> None:
        """Append a line and wait until it is taken in: everything before it was seen."""
        self.append(b'{"step": %d, "mark": %d}\n' % (number, number))
        self.until(lambda: number in self.values("mark"), f"mark {number}")

    @property
    def detail(self) -> Any:
        return self.lab.daemon.get(f"/v1/studies/{self.name}/trials/1")

    def finish(self) -> None:
        """Let the trial end: it must be well."""
        self.lab.release(self.name)
        self.lab.wait_at_rest(self.name)
        assert self.detail["trial"]["state"] == "completed"


@pytest.fixture
def held(shared_lab: Lab) -> Iterator[Held]:
    held = Held(shared_lab)
    yield held
    held.finish()
    held.lab.sound = True


def test_a_torn_tail_stays_until_it_is_whole(held: Held) -> None:
    held.mark(1)
    held.append(b'{"step": 7, "torn": 0.')
    # Whatever wakes the daemon, a half line is none: a neighbour's line could otherwise have been cut in two.
    held.lab.kill("daemon")
    held.lab.restart()
    assert held.values("torn") == {}
    held.append(b"25}\n")
    held.until(lambda: held.values("torn") == {7: 0.25}, "the line is whole")
    held.lab.invariants.check()


def test_lines_that_cannot_be_read_are_counted_kept_and_shown(held: Held) -> None:
    held.append(b'nonsense\n[1, 2]\n{"step": 1, "loss": "x", "fine": 4}\n\xff\xfe\n{"step": null, "half": 1}\n\n')
    held.append(b'{"step": 3, "loss": {"a": 1}}\n{"step": "many", "loss": 1}\n' + b"x" * 700 + b"\n")
    held.mark(1)
    detail = held.detail
    assert detail["bad_lines"] == 7
    assert [line["text"][:8] for line in detail["unreadable"]] == [
        "nonsense",
        "[1, 2]",
        '{"step":',
        "\ufffd\ufffd",
        '{"step":',
        '{"step":',
        "xxxxxxxx",
    ]
    assert len(detail["unreadable"][-1]["text"]) == 500
    assert held.values("fine") == {1: 4}
    assert held.values("half") == {0: 1}
    assert detail["trial"]["state"] == "running"


def test_more_bad_lines_than_are_kept(held: Held) -> None:
    held.append(b"bad\n" * 250)
    held.mark(1)
    assert held.detail["bad_lines"] == 250
    held.lab.invariants.check()


def test_values_that_are_not_finite_survive_the_round_trip(held: Held) -> None:
    held.append(b'{"step": 0, "wild": NaN}\n{"step": 1, "wild": Infinity}\n{"step": 2, "wild": "-inf"}\n')
    held.append(b'{"step": 3, "wild": 1e999}\n{"step": 4, "wild": "nan"}\n')
    held.mark(1)
    wild = held.values("wild")
    assert wild == {0: "nan", 1: "inf", 2: "-inf", 3: "inf", 4: "nan"}
    assert math.isnan(float(wild[0]))
    events = held.lab.daemon.get("/v1/events/list", study=held.name)
    assert any(event["data"].get("last", {}).get("wild") == "nan" for event in events)
    held.lab.invariants.check()


def test_a_tail_of_nuls_is_no_line(held: Held) -> None:
    held.append(b"\0" * 4096)
    held.append(b'{"step": 5, "after": 1}\n' + b"\0" * 10 + b"\n")
    held.mark(1)
    assert held.values("after") == {5: 1}
    assert held.detail["bad_lines"] == 0


@pytest.mark.parametrize("restarted", [False, True])
def test_a_file_that_became_shorter_is_an_event_and_goes_on(held: Held, restarted: bool) -> None:
    held.append(b'{"step": 0, "early": 1}\n{"step": 1, "early": 2}\n')
    held.mark(1)
    whole = held.path.read_bytes()
    kept = whole[: whole.index(b'{"step": 1, "early"') + 5]
    if restarted:
        held.lab.kill("daemon")
    with held.path.open("r+b") as file:
        file.truncate(len(kept))
    if restarted:
        held.lab.restart()
    held.until(lambda: notes(held), "the event")
    held.append(b"\n")
    held.mark(2)
    # What was stored before stays, and what comes now is not missed.
    assert held.values("early") == {0: 1, 1: 2}
    assert "another than was read" in notes(held)[0]
    # Its last whole line was cut in two.
    assert held.detail["bad_lines"] == 1


def test_a_file_that_was_replaced_is_read_from_its_beginning(held: Held) -> None:
    held.append(b'{"unstepped": 1}\n{"unstepped": 2}\n')
    held.mark(1)
    other = held.path.with_name("other.jsonl")
    other.write_bytes(b'{"unstepped": 10}\n' + b'{"step": 9, "filler": 0}\n' * 200)
    other.rename(held.path)
    held.until(lambda: notes(held), "the event")
    held.until(lambda: held.values("filler") == {9: 0}, "the new file")
    assert held.values("unstepped") == {0: 10, 1: 2}


def test_unstepped_lines_go_on_counting_over_a_crash(held: Held) -> None:
    held.append(b'{"count": 5}\n{"count": 6}\n')
    held.mark(1)
    held.lab.kill("daemon")
    held.append(b'{"count": 7}\n')
    held.lab.restart()
    held.until(lambda: held.values("count") == {0: 5, 1: 6, 2: 7}, "they count on")
    held.lab.invariants.check()


def test_lines_after_the_end_are_stored_and_the_row_stays(held: Held) -> None:
    held.finish()
    before = held.detail["trial"]
    held.append(b'{"step": 99, "late": 0.5, "loss": -100}\nbroken\n')
    held.lab.kill("daemon")
    held.lab.restart()
    held.until(lambda: held.values("late") == {99: 0.5}, "the late line")
    assert held.detail["trial"] == before
    assert held.detail["bad_lines"] == 1
    held.lab.invariants.check()


def test_a_full_disk_at_the_reading_end_costs_time_alone(held: Held) -> None:
    full = held.lab.fill_disk("ingest.read")
    held.append(b'{"step": 3, "patient": 1}\n')
    held.until(lambda: "No space left" in held.lab.daemon.log(), "it was tried")
    assert held.values("patient") == {}
    full.unlink()
    held.until(lambda: held.values("patient") == {3: 1}, "it is tried again")
    held.lab.disarm()
    held.lab.invariants.check()


def notes(held: Held) -> list[str]:
    events = held.lab.daemon.get("/v1/events/list", study=held.name)
    return [event["data"]["note"] for event in events if "note" in event["data"]]


def test_the_checkers_own_reader(tmp_path: Path) -> None:
    from tests.crash.invariants import parse

    data = json.dumps({"step": 1, "a": 2}).encode() + b'\n{"a": 3}\nbad\n{"sdk":1}\n{"a": "nan", "b": true}\ntorn'
    values, bad = parse(data)
    assert bad == 3
    assert parse(data[: data.rindex(b"\n") + 1])[1] == 2
    assert values["a", 1.0] == 2
    assert values["a", 2.0] == 3
    assert math.isnan(values["a", 3.0])
