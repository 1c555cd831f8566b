"""`wait` and `submit --wait`: ends, pauses, time limits and deleted studies, on the event stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def becomes(daemon: Any, **fields: Any) -> Any:
    """A step of a scripted stream: the study changes at this moment."""
    return lambda: daemon.routes["GET /v1/studies/digits"]["study"].update(fields)


def test_it_returns_when_the_study_ends_and_asks_only_when_something_happened(tunectl: Any, daemon: Any) -> None:
    daemon.streams = [
        [
            *(daemon.sse(n, "trial.metrics", last={"val_loss": 1.0}) for n in range(1, 50)),
            daemon.sse(50, to="completed", **{"from": "running"}),
            becomes(daemon, state="completed", counts={"completed": 10}),
            daemon.sse(51, "study.moved", None, to="completed", **{"from": "draining"}),
        ]
    ]
    ran = tunectl("wait", "digits", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.document["state"] == "completed"
    assert ran.document["best"] == {
        "number": 2,
        "params": {"lr": 0.01},
        "values": {"val_loss": 0.25},
        "cut": False,
        "confirmed": None,
        "of": 0,
        "shrunk": None,
    }
    assert len(daemon.asked("/v1/studies/digits")) <= 7


def test_lines_tell_people_what_ended(tunectl: Any, daemon: Any) -> None:
    daemon.streams = [
        [
            daemon.until_asked("/v1/studies/digits", 3),  # by name, by `wait`, and once the stream was open
            daemon.sse(1, number=3, to="failed", reason="exit code 3", values={}, **{"from": "running"}),
            daemon.until_asked("/v1/studies/digits", 4),
            becomes(daemon, state="completed", reason="all trials are done"),
            daemon.sse(2, "study.moved", None, to="completed", **{"from": "draining"}),
        ]
    ]
    ran = tunectl("wait", "digits")
    assert ran.code == 0
    assert "digits/3 failed: exit code 3  best val_loss=0.25" in ran.err
    assert "digits completed: all trials are done" in ran.out
    assert "best  val_loss=0.25 (trial 2: lr=0.01)" in ran.out


def test_a_study_that_has_ended_already_is_done_at_once(tunectl: Any, daemon: Any) -> None:
    becomes(daemon, state="completed")()
    daemon.streams = [[": hello\n\n"]]
    assert tunectl("wait", "digits").code == 0


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"state": "stopped", "reason": "cancelled by you"}, "digits stopped: cancelled by you"),
        ({"state": "failed", "reason": "no disk"}, "digits failed: no disk"),
        (
            {"state": "paused", "paused_by": "daemon", "reason": "trial 1 ended without val_loss"},
            "paused: trial 1 ended without val_loss",
        ),
        ({"state": "completed", "counts": {"failed": 3}}, "no trial completed (3 failed"),
    ],
)
def test_an_end_without_a_result_is_exit_code_1(tunectl: Any, daemon: Any, fields: Any, says: str) -> None:
    daemon.streams = [[becomes(daemon, **fields), daemon.sse(1, "study.moved", None, to=fields["state"])]]
    ran = tunectl("wait", "digits", "--json")
    assert ran.code == 1
    assert says in ran.err
    assert len(ran.err.splitlines()) == 1
    assert ran.document["state"] == fields["state"]


def test_a_pause_by_the_user_is_waited_through(tunectl: Any, daemon: Any) -> None:
    daemon.streams = [
        [
            becomes(daemon, state="paused", paused_by="user", reason="paused by you"),
            daemon.sse(1, "study.moved", None, to="paused"),
            becomes(daemon, state="completed", reason=""),
            daemon.sse(2, "study.moved", None, to="completed"),
        ]
    ]
    assert tunectl("wait", "digits", "--json").document["state"] == "completed"


def test_the_time_limit_is_exit_code_4_and_still_says_the_state(tunectl: Any, daemon: Any) -> None:
    daemon.streams = [[daemon.sse(1, "trial.metrics", last={})]]
    ran = tunectl("wait", "digits", "--timeout", "50ms", "--json")
    assert ran.code == 4
    assert ran.document["state"] == "running"
    assert "it goes on" in ran.err


def test_a_study_that_is_deleted_ends_the_wait(tunectl: Any, daemon: Any) -> None:
    daemon.streams = [
        [lambda: daemon.routes.pop("GET /v1/studies/digits"), daemon.sse(1, "study.deleted", None)],
    ]
    ran = tunectl("wait", "digits")
    assert ran.code == 1
    assert "there is no such study" in ran.err


def test_a_daemon_that_comes_back_is_waited_for(tunectl: Any, daemon: Any) -> None:
    daemon.streams = [
        [daemon.sse(1, "trial.metrics", last={}), daemon.hang_up],
        [daemon.hang_up],
        [daemon.hang_up],
        [becomes(daemon, state="completed"), daemon.sse(2, "study.moved", None, to="completed")],
    ]
    assert tunectl("wait", "digits").code == 0
    assert daemon.asked("/v1/events")[1].headers["last-event-id"] == "1"


def test_a_trial_is_waited_for(tunectl: Any, daemon: Any) -> None:
    (row,) = daemon.routes["GET /v1/studies/digits/trials"]
    row.update(state="running", ended_at=None)
    daemon.streams = [[lambda: row.update(state="completed", ended_at=1.7e9 + 9), daemon.sse(1, to="completed")]]
    ran = tunectl("wait", "digits/1", "--json")
    assert (ran.code, ran.document["state"]) == (0, "completed")
    assert ran.document["best"] == {"number": 1, "params": {"lr": 0.1}, "values": {"val_loss": 0.5}}
    row.update(state="failed", reason="exit code 3")
    daemon.streams = [[": hello\n\n"]]
    ran = tunectl("wait", "digits/1")
    assert ran.code == 1
    assert "digits/1 failed: exit code 3" in ran.err
    assert tunectl("wait", "digits/9").code == 1


def test_submit_wait_gives_one_document_with_both(tunectl: Any, daemon: Any, tmp_path: Path) -> None:
    file = tmp_path / "digits.toml"
    file.write_text('[run]\nscript = "t.py"\n')
    daemon.routes["POST /v1/studies"] = {
        "study": "digits", "created": True, "state": "running", "trials": 5, "slots": 2, "devices": [], "python": "",
        "python_why": "", "arguments": [], "notes": [],
    }  # fmt: skip
    daemon.streams = [[becomes(daemon, state="completed"), daemon.sse(1, "study.moved", None, to="completed")]]
    ran = tunectl("submit", str(file), "--follow", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert (ran.document["study"], ran.document["created"], ran.document["state"]) == ("digits", True, "completed")
