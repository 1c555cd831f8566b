"""The same file again is done, whatever became of its study; an edited one says what was edited."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from tests.e2e.tunectl_process import Tunectl
from tests.gpus.standin import Cards
from tests.patience import DEADLINE_S
from tuned.cli.root import root
from tuned.cli.verbs import submit
from tuned.client import api

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SPACE = {"x": {"type": "float", "low": 0.0, "high": 1.0}, "y": {"type": "float", "low": 0.0, "high": 1.0}}
STUDY: dict[str, Any] = {
    "name": "nightly",
    "run": {"command": ["sh", "-c", "sleep 60", "{x}", "{y}"]},
    "metrics": {"patterns": ["(?P<loss>[0-9]+)"]},
    "objective": {"metric": "loss", "direction": "minimize"},
    "space": SPACE,
    "search": {"method": "sobol", "trials": 20},
}


def changed(**keys: Any) -> dict[str, Any]:
    return {**STUDY, **keys}


def test_what_was_submitted_is_what_counts(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon = shared_daemon

    def submit(study: dict[str, Any], update: bool = False) -> Any:
        body = {"study": study, "base": str(tmp_path), "environment": dict(os.environ), "stem": "study"}
        return daemon.post("/v1/studies", {**body, "update": update})

    assert submit(STUDY)["created"]
    daemon.wait_state("nightly", 1, "running")  # else the study has nothing to keep yet, and takes every change
    daemon.post("/v1/pause", {"targets": ["nightly"]})
    daemon.post("/v1/studies/nightly/set", {"values": {"search.trials": "+20", "run.retries.error": 2}})
    daemon.post("/v1/studies/nightly/space", {"set": {"x.high": 2.0}})
    for update in (False, True):
        again = submit(STUDY, update)
        assert not again["created"] and not again["changed"]
        since = "run.retries.error: null -> 2; search.trials: 20 -> 40; space.x.high: 1.0 -> 2.0"
        assert f"changed since it was submitted: {since}" in again["notes"]
    assert daemon.study("nightly")["trials"] == 40, "the same file takes nothing back"

    edited = changed(space={**SPACE, "y": {**SPACE["y"], "high": 3.0}}, search={**STUDY["search"], "parallel": 1})
    with pytest.raises(Exception, match=r"content: search\.parallel: null -> 1; space\.y\.high: 1\.0 -> 3"):
        submit(edited)
    assert submit(edited, True)["changed"] == ["space.y.high: 1 -> 3", "search.parallel: none -> 1"]
    spec = daemon.get("/v1/studies/nightly")["spec"]
    highs = [p["high"] for p in spec["space"]["parameters"]]
    assert (spec["search"]["trials"], spec["run"]["retries"]["error"], highs) == (40, 2, [2.0, 3.0])
    assert not submit(edited)["changed"]
    with pytest.raises(Exception, match=r"search\.parallel: 1 -> null"):
        submit(STUDY)

    refused = {**edited, "run": {"command": ["echo", "{x}", "{y}"]}, "search": {**edited["search"], "trials": 99}}
    with pytest.raises(Exception, match=r"these cannot change any more: run\.command: "):
        submit(refused, True)
    assert daemon.study("nightly")["trials"] == 40, "all or nothing"
    now = {**edited, "space": {n: {**SPACE[n], "high": h} for n, h in zip("xy", highs, strict=True)}}
    now = {**now, "search": {**edited["search"], "trials": 40}, "run": {**STUDY["run"], "retries": {"error": 2}}}
    assert not submit(now)["changed"], "it says what the study has become"
    assert not [note for note in submit(now)["notes"] if note.startswith("changed since")]
    daemon.post("/v1/cancel", {"targets": ["nightly"]})


def at_rest(study: dict[str, Any]) -> bool:
    return study["state"] == "paused" and not study["counts"].get("running") and not study["counts"].get("starting")


def test_a_study_without_a_result_keeps_what_was_set_too(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon = shared_daemon
    wrong = changed(name="wrong", run={"command": ["sh", "-c", "exit 3", "{x}", "{y}"]})
    daemon.submit(wrong, tmp_path)
    daemon.until(lambda: at_rest(daemon.study("wrong")), "the study pauses itself")
    daemon.post("/v1/studies/wrong/set", {"values": {"search.trials": "+20"}})
    daemon.post("/v1/studies/wrong/space", {"set": {"x.high": 2.0}})
    mended = {**wrong, "run": STUDY["run"]}
    daemon.post(
        "/v1/studies", {"study": mended, "base": str(tmp_path), "environment": dict(os.environ), "update": True}
    )
    spec = daemon.get("/v1/studies/wrong")["spec"]
    assert (spec["search"]["trials"], spec["space"]["parameters"][0]["high"]) == (40, 2.0)
    assert spec["run"]["command"] == STUDY["run"]["command"]
    daemon.post("/v1/cancel", {"targets": ["wrong"]})


def test_another_study_takes_the_name_and_the_old_one_is_kept_whole(daemon: DaemonProcess, tmp_path: Path) -> None:
    tunectl = Tunectl(daemon.home, tmp_path)
    tunectl.write(trials=1, hold=True)
    file = tunectl.work / "quad.toml"
    daemon.start(TUNED_FAILPOINTS="replace.moved=exit")
    tunectl("submit", "quad.toml")
    tunectl.wait_until(lambda: tunectl.json("trials", "quad", "--state", "running"), "the trial runs")
    refused = tunectl("submit", "quad.toml", "--replace", "--set", "search.method=guess", code=1)
    assert "guess" in refused and tunectl.json("studies")[0]["state"] == "running", "it ended nothing"

    file.write_text(file.read_text().replace("high = 5.0", "high = 4.0"))
    tunectl("submit", "quad.toml", "--replace", code=3)  # the daemon is killed between the folder and the commit
    tunectl.release()
    assert daemon.process is not None and daemon.process.wait(DEADLINE_S)
    daemon.start()
    assert [row["name"] for row in tunectl.json("studies")] == ["quad"]
    assert "step 0" in tunectl("logs", "quad/1"), "the next daemon has moved the folder back"
    said = tunectl("submit", "quad.toml", "--replace", "--wait")
    assert "the study that was called quad is kept as quad-1" in said
    assert {row["name"]: row["state"] for row in tunectl.json("studies")} == {"quad-1": "stopped", "quad": "completed"}
    assert "step 0" in tunectl("logs", "quad-1/1"), "its run directory has its name"
    assert "was submitted already" in tunectl("submit", "quad.toml", "--replace")
    assert len(tunectl.json("studies")) == 2, "the same again changes nothing"


def test_a_study_that_ends_by_itself_before_it_is_cancelled_makes_room_all_the_same(
    daemon: DaemonProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tunectl = Tunectl(daemon.home, tmp_path)
    tunectl.write(trials=1, hold=True)
    daemon.start()
    tunectl("submit", "quad.toml")
    tunectl.wait_until(lambda: tunectl.json("trials", "quad", "--state", "running"), "the trial runs")

    def act(verb: str, targets: list[str]) -> object:
        tunectl.release()
        tunectl("wait", "quad")
        return api.act(verb, targets)

    monkeypatch.setattr(submit, "api", SimpleNamespace(**{**vars(api), "act": act}))
    monkeypatch.setenv("TUNED_HOME", str(daemon.home))
    file = tunectl.work / "quad.toml"
    said = CliRunner().invoke(root, ["submit", str(file), "--replace", "--set", "space.x.high=4.0"])
    assert said.exit_code == 0, said.output
    assert {row["name"]: row["state"] for row in tunectl.json("studies")}["quad-1"] == "completed"


def test_a_mended_script_replaces_a_study_that_came_to_a_stop(daemon: DaemonProcess, tmp_path: Path) -> None:
    tunectl = Tunectl(daemon.home, tmp_path)
    tunectl.write(trials=4)
    script = tunectl.work / "train.py"
    whole = script.read_text()
    script.write_text("raise SystemExit(3)\n" + whole)
    daemon.start()
    tunectl("submit", "quad.toml")
    tunectl.wait_until(lambda: tunectl.json("studies")[0]["state"] in ("paused", "failed"), "its trials fail")
    assert "was submitted already" in tunectl("submit", "quad.toml", "--replace"), "nothing was mended"
    script.write_text(whole)
    said = tunectl("submit", "quad.toml", "--replace", "--wait")
    assert "the study that was called quad is kept as quad-1" in said
    assert {row["name"]: row["state"] for row in tunectl.json("studies")}["quad"] == "completed"
    script.write_text(whole + "# a remark\n")
    assert "was submitted already" in tunectl("submit", "quad.toml", "--replace"), "a completed study stays"


@pytest.mark.parametrize("first", ["0,1", "0"])
def test_the_same_file_is_done_on_more_slots_and_on_fewer(daemon: DaemonProcess, tmp_path: Path, first: str) -> None:
    (tmp_path / "train.py").write_text("import sys, time\nprint(sys.argv[1:])\ntime.sleep(60)\n")
    cards = Cards(tmp_path / "cards", {"uuid": "GPU-a"}, {"uuid": "GPU-b"})
    run = {"script": "train.py", "args": ["{params}"], "resources": {"gpus": 1}}
    study = {**STUDY, "run": run, "metrics": {"patterns": ["loss (?P<loss>.*)"]}}
    daemon.start(**cards.environment, CUDA_VISIBLE_DEVICES=first)
    assert daemon.submit(study, tmp_path)["created"]
    assert daemon.study("nightly")["parallel"] == (1 if first == "0" else None)
    daemon.kill()
    daemon.start(**cards.environment, CUDA_VISIBLE_DEVICES="0" if first == "0,1" else "0,1")
    again = daemon.submit(study, tmp_path)
    assert not again["created"] and not again["changed"]
