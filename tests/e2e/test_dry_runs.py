"""`--dry-run` of every verb that changes something: the answer of the real one, and nothing has happened."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import DaemonProcess, Refusal, call
from tests.e2e.tunectl_process import Tunectl
from tuned.core.verbs import VERBS
from tuned.daemon.api import MODULES

pytestmark = pytest.mark.e2e

LINES = {
    "submit": ["submit", "quad.toml", "--name", "more"],
    "tune": ["tune", "train.py", "x=0.0..5.0", "--minimize", "loss", "--name", "tuned"],
    "queue": ["queue", "--name", "line", "--", "true"],
    "enqueue": ["enqueue", "held", "x=1"],
    "space": ["space", "held", "--set", "x.high=4"],
    "set": ["set", "held", "search.trials=+3"],
    "priority": ["priority", "held/queued", "7"],
    "next": ["next", "held/3"],
    "pause": ["pause", "held"],
    "resume": ["resume", "held"],
    "prune": ["prune", "held/1"],
    "kill": ["kill", "held/2"],
    "cancel": ["cancel", "held"],
    "retry": ["retry", "done/1"],
    "confirm": ["confirm", "done", "--top", "1", "--seeds", "2"],
    "steps": ["steps", "done", "skip", "confirm"],
    "finalize": ["finalize", "done"],
    "import": ["import", "csv", "runs.csv", "--metric", "loss", "--name", "came"],
    "notify": ["notify", "told"],
    "gc": ["gc", "--quota", "1"],
    "delete": ["delete", "told", "--yes"],
}
"""Verb -> a line that does it, in an order in which each one can be done."""
TABLES = ("studies", "study_specs", "space_versions", "pipelines", "trials", "events")
NO_GPU = {"gpu": ["gpu", "yield", "0", "--for", "2h"]}
LATER = {"at", "began_at", "ended_at", "estimate_s", "estimate_why", "arguments", "file", "versions", "used_bytes"}
"""What the same request answers differently a moment later."""


def state(tunectl: Tunectl) -> dict[str, Any]:
    """What a verb may change: rows, the user's files, and run directories for which there is no row."""
    found: dict[str, Any] = {name: ask(tunectl, f"SELECT * FROM {name}") for name in TABLES}
    # Those with a row come in the background, of the verb before, too.
    known = {name for (name,) in ask(tunectl, "SELECT name FROM studies")}
    trials = "SELECT s.name || '/' || t.number FROM trials t JOIN studies s ON s.id = t.study_id"
    known |= {name for (name,) in ask(tunectl, trials)}
    runs = tunectl.home / "runs"
    made = {str(path.relative_to(runs)) for path in (*runs.glob("[!.]*"), *runs.glob("[!.]*/[1-9]*"))}
    return {**found, "files": sorted(map(str, tunectl.work.glob("*"))), "runs": sorted(made - known)}


def ask(tunectl: Tunectl, question: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(f"file:{tunectl.home / 'tuned.db'}?mode=ro", uri=True)) as database:
        return database.execute(question).fetchall()


def at_rest(tunectl: Tunectl) -> bool:
    """Whether nothing will move by itself: both slots are held, or nobody waits for one."""
    ((moving, running, waiting),) = ask(
        tunectl,
        """SELECT sum(t.state = 'starting' OR t.stop_reason IS NOT NULL AND t.state = 'running'),
        sum(t.state = 'running'), sum(t.state = 'queued' AND s.state <> 'paused')
        FROM trials t JOIN studies s ON s.id = t.study_id""",
    )
    return not moving and (running == 2 or not waiting)


def lasting(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: lasting(value) for key, value in document.items() if key not in LATER}
    return [lasting(item) for item in document] if isinstance(document, list) else document


@pytest.fixture
def full(tunectl: Tunectl) -> Tunectl:
    """Both slots are held, so that nothing moves by itself."""
    tunectl.write(trials=3)
    study = (tunectl.work / "quad.toml").read_text()
    (tunectl.work / "quad.toml").write_text(study + '[finalize]\nargs = ["--final"]\n')
    tunectl("submit", "quad.toml", "--name", "done", "--wait")
    notify = f'[notify]\ncommand = ["touch", "{tunectl.work / "told"}"]\n'
    (tunectl.work / "told.toml").write_text(study + notify)
    tunectl("submit", "told.toml", "--name", "told", "--wait")
    (tunectl.work / "told").unlink()
    (tunectl.work / "runs.csv").write_text(
        "state,params.x,loss\n" + "".join(f"completed,{x},{x}\n" for x in range(1200))
    )
    tunectl.write(trials=6, hold=True)
    tunectl("submit", "quad.toml", "--name", "held")
    return tunectl


def test_every_verb_that_changes_has_one_or_says_why_not() -> None:
    lines = {**LINES, **NO_GPU}
    assert {verb.name for verb in VERBS if verb.dry_run} == set(lines)


def test_the_answer_is_the_real_one_and_nothing_has_happened(full: Tunectl) -> None:
    wrong = []
    for verb, words in LINES.items():
        full.wait_until(lambda: at_rest(full), f"{verb}: nothing moves")
        before = state(full)
        options = words[: words.index("--")] if "--" in words else words
        rest = words[len(options) :]
        tried = json.loads(full(*options, "--dry-run", "--json", *rest))
        after = state(full)
        wrong += [f"{verb} changed {name}" for name in before if before[name] != after[name]]
        wrong += [f"{verb} does not say that it was a dry run"] * (tried.get("dry_run") is not True)
        done = json.loads(full(*options, "--json", *rest))
        if lasting({**done, "dry_run": True}) != lasting(tried):
            wrong.append(f"{verb} answers {lasting(done)} and in a dry run {lasting(tried)}")
        if verb != "gc" and state(full) == after:  # there are no checkpoints here
            wrong.append(f"{verb} does nothing here, so this shows nothing")
    assert not wrong
    refused = full("gpu", "yield", "0", "--for", "2h", "--dry-run", code=1)
    assert "this machine has no GPU" in refused


def test_every_request_that_changes_something_can_be_tried(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    """So can those that no verb sends: the daemon answers, or refuses, and lives on as it was."""
    shared_daemon.submit({"run": {"command": ["true"]}, "name": "s", "search": {"trials": 1}}, tmp_path)
    shared_daemon.wait_ended("s")
    before = shared_daemon.get("/v1/studies"), shared_daemon.get("/v1/events/list")
    for route in (route for module in MODULES for route in module.router.routes):
        methods: set[str] = getattr(route, "methods", set()) - {"GET"}
        for method in methods:
            target = str(getattr(route, "path", "")).replace("{name}", "s") + "?dry_run=true"
            for body in ({}, {"targets": ["s/1"]}, {"on": True}, {"name": "n"}, {"command": ["true"], "cwd": "/"}):
                try:
                    call(shared_daemon.socket, method, target, body)
                except Refusal as refusal:
                    assert refusal.status < 500, (target, refusal)
    assert (shared_daemon.get("/v1/studies"), shared_daemon.get("/v1/events/list")) == before
    assert not shared_daemon.get("/v1/status")["callers"]


def test_a_request_that_may_have_meant_a_dry_run_does_nothing(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    """`requests` sends True as `True`; a misspelt key was left out, and the study was gone."""
    shared_daemon.submit({"run": {"command": ["true"]}, "name": "kept", "search": {"trials": 1}}, tmp_path)
    shared_daemon.wait_ended("kept")
    for query, told in (("dryrun=true", "did you mean dry_run?"), ("dry_run=yes", "neither true nor false")):
        with pytest.raises(Refusal, match=told):
            call(shared_daemon.socket, "DELETE", f"/v1/studies/kept?{query}")
    # Other requests have it in their body: this one reads none.
    for method, target in (("DELETE", "/v1/studies/kept"), ("POST", "/v1/studies/kept/notify")):
        with pytest.raises(Refusal, match="takes no body") as refused:
            call(shared_daemon.socket, method, target, {"dry_run": True})
        assert refused.value.problem["hint"].endswith("?dry_run=true")
    for query in ("dry_run=True", "dry_run=true&dry_run=false"):
        assert call(shared_daemon.socket, "DELETE", f"/v1/studies/kept?{query}", {})["changed"] == ["kept"]
    assert shared_daemon.study("kept")["state"] == "completed"


def test_a_word_that_no_request_knows_is_refused_and_not_overlooked(
    shared_daemon: DaemonProcess, tmp_path: Path
) -> None:
    """A mistyped key of a body was left out, and the command ran at once, without its priority."""
    command = {"command": ["true"], "cwd": str(tmp_path)}
    wrong = (
        ("POST", "/v1/commands", {**command, "priorty": 9}, "priorty is not a known key: did you mean priority?"),
        ("POST", "/v1/priority", {"target": ["s"], "priority": 1}, "target is not a known key: did you mean targets?"),
        ("POST", "/v1/commands", {"command": ["true"]}, "cwd is missing: give it"),
        ("POST", "/v1/commands", None, "body is missing: give it"),
        ("GET", "/v1/metrics", None, "target is missing: give it"),
        ("GET", "/v1/studies/s/trials?filtre=running", None, "?filtre is not a known parameter: did you mean filter?"),
    )
    before = shared_daemon.get("/v1/studies")
    for method, target, body, told in wrong:
        with pytest.raises(Refusal) as refused:
            call(shared_daemon.socket, method, target, body)
        problem = refused.value.problem
        assert f"{problem['where']} {problem['detail']}: {problem['hint']}" == told
    assert shared_daemon.get("/v1/studies") == before
