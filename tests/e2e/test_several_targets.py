"""Verbs that look at trials take several targets, as those that change them do."""

from __future__ import annotations

import pytest

from tests.e2e.tunectl_process import Tunectl

pytestmark = pytest.mark.e2e


def test_wait_and_logs(tunectl: Tunectl) -> None:
    tunectl("queue", "--name", "one", "--", "echo", "first")
    tunectl("queue", "--name", "two", "--", "echo", "second")
    tunectl("queue", "--name", "bad", "--", "false")
    assert [document["state"] for document in tunectl.json("wait", "one", "two/1")] == ["completed", "completed"]
    said = tunectl("wait", "one", "bad", "two", code=1)
    assert "bad: no trial completed (1 failed" in said
    # A name that is wrong is said at once.
    assert "there is no such study" in tunectl("wait", "one", "nobody", code=1)
    assert tunectl("logs", "one", "two/1") == "==> one/1 <==\nfirst\n\n==> two/1 <==\nsecond\n"
    assert tunectl("logs", "one/1-9") == "first\n"
    assert [document["text"] for document in tunectl.json("logs", "two", "one")] == ["second\n", "first\n"]
    assert "one output can be followed" in tunectl("logs", "-f", "one", "two", code=2)


def test_the_first_occasion(tunectl: Tunectl) -> None:
    """Waits that hand on `seq` see each thing once, whether it happened before they began or while they waited."""
    tunectl("queue", "--name", "bad", "--", "false")
    found = tunectl.json("wait", "--any", "--until", "failed", "--since", "0")
    assert [(item["kind"], item["study"], item["number"]) for item in found["happened"]] == [("failed", "bad", 1)]
    tunectl("wait", "bad", code=1)
    assert tunectl.json("wait", "--any", "--until", "idle")["happened"][0]["kind"] == "idle"
    seq = tunectl.json("wait", "--any", "--until", "idle")["seq"]
    again = ["--until", "done,failed", "--since", str(seq)]
    assert "happened in time" in tunectl("wait", "--any", *again, "--timeout", "1ms", code=4)
    tunectl("queue", "--name", "slow", "--", "sleep", "0.3")
    assert [
        item["study"]
        for item in tunectl.json("wait", "--any", "slow", "--until", "done", "--since", str(seq))["happened"]
    ] == ["slow"]
    assert "those from 1 to" in tunectl("wait", "--any", "--since", "1000000", code=1)
    assert "write some of best,failed,idle,done" in tunectl("wait", "--any", "--until", "better", code=2)


def test_why(tunectl: Tunectl) -> None:
    """Each state has a code for programs, its evidence, and a command that works when it is typed."""
    tunectl("queue", "--name", "bad", "--", "sh", "-c", "echo no such file >&2; exit 3")
    tunectl("wait", "bad", code=1)
    state = tunectl.json("why", "bad/1")["reasons"][-1]
    assert state["code"] == "failed.error" and "no such file" in state["evidence"][0]
    assert "no such file" in tunectl(*state["next"].split()[1:])
    slots = tunectl.json("status")["daemon"]["slots"]
    for index in range(slots):
        tunectl("queue", "--name", f"long{index}", "--", "sleep", "300")
    tunectl("queue", "--name", "late", "--", "true")
    tunectl("priority", "late", "7")
    state = tunectl.json("why", "late/1")["reasons"][-1]
    assert state["code"] == "waits.slot" and "place 1 of 1 in the queue, priority 7" in state["evidence"]
    tunectl("pause", "late")
    assert tunectl.json("why", "late")["reasons"][0] == {
        "about": "state",
        "code": "paused",
        "evidence": ["paused by you"],
        "next": "tunectl resume late",
    }
    tunectl("cancel", *(f"long{index}" for index in range(slots)))


def test_a_dry_run_changes_nothing(tunectl: Tunectl) -> None:
    """A dry run gives the answer, or the refusal, that the verb would give, and leaves rows and events as they were."""
    tunectl("queue", "--name", "job", "--", "sleep", "300")
    assert tunectl.json("cancel", "job", "--dry-run")["changed"][-1] == "job"
    assert "job: priority 7" in tunectl("priority", "job", "7", "--dry-run")
    assert "there is no such trial" in tunectl("kill", "job/99", "--dry-run", code=1)
    steered = {"study.priority", "study.moved", "trial.intent"}
    assert not steered & {event["type"] for event in tunectl.json("events")}
    assert tunectl.json("show", "job")["priority"] == 0
    tunectl("cancel", "job")
