"""A state folder that is moved, copied, or reached by two paths."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.crash import processes
from tests.crash.lab import Lab
from tests.crash.test_damaged_database import repair
from tests.e2e.conftest import DEADLINE_S, DaemonProcess, wait_until


def test_a_moved_state_folder_keeps_what_its_trials_left(lab: Lab) -> None:
    lab.start()
    name = lab.submit(search={"method": "sobol", "trials": 1})
    lab.wait_at_rest(name)
    lab.daemon.stop()
    before = lab.home
    lab.move_home("elsewhere")
    with (lab.home / "runs" / name / "1" / "1" / "output.log").open("a") as output:
        output.write("a last word\n")
    lab.start()
    assert "a last word" in lab.daemon.get(f"/v1/studies/{name}/trials/1/log")["text"]
    detail = lab.daemon.get(f"/v1/studies/{name}/trials/1")
    assert detail["run_dir"] == detail["attempts"][0]["run_dir"] == str(lab.home / "runs" / name / "1" / "1")
    assert not before.exists()
    lab.invariants.check(at_rest=True)


REPORTS = """
import pathlib, time, tuned
trial = tuned.current_trial()
for step in range(3):
    trial.report(step=step, loss=trial.params["x"] - step)
    while step == 1 and pathlib.Path(trial.params["hold"]).exists():
        time.sleep(0.01)
"""


def test_a_trial_that_ends_while_its_state_folder_is_elsewhere_has_ended(lab: Lab) -> None:
    """Its folder is the same under another path: it takes the end, and what the trial reports."""
    (lab.base / "reports.py").write_text(REPORTS)
    lab.start()
    run = {"script": "reports.py", "preload": []}
    name = lab.submit(hold=True, run=run, search={"method": "sobol", "trials": 1})
    lab.daemon.until(lambda: lab.daemon.get("/v1/metrics", target=f"{name}/1", name="loss")[1:], "it has reported")
    alive = lab.of_kind("supervisor")
    lab.daemon.stop()
    lab.move_home("elsewhere")
    lab.release(name)
    wait_until(lambda: not any(process.alive for process in alive), "it ends")
    lab.move_home("home")
    lab.start()
    lab.wait_at_rest(name)
    trial = lab.daemon.trials(name)[0]
    assert (trial["state"], trial["attempt"]) == ("completed", 1)
    rows = lab.daemon.get("/v1/metrics", target=f"{name}/1", name="loss")
    assert [row["step"] for row in rows] == [0, 1, 2]
    lab.invariants.check(at_rest=True)


def test_a_copy_leaves_the_trials_of_its_original_alone(lab: Lab) -> None:
    lab.start()
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 2})
    for number in (1, 2):
        lab.daemon.wait_state(name, number, "running")
    alive = {process.pid for process in lab.of_kind("supervisor", "trial")}
    place = lab.home.with_name("copy")
    subprocess.run(["cp", "-a", lab.home, place], check=True)
    copy = DaemonProcess(place, 3)
    copy.spawn()
    assert copy.process is not None
    assert copy.process.wait(DEADLINE_S) == 1
    said = copy.log().splitlines()[-1]
    assert f"{place}: it is a copy of {lab.home}, where {name}/1, {name}/2 run" in said, said
    assert "tunectl daemon recover" in said
    try:
        steps = repair(place, "recover")["steps"]
        assert any(f"{name}/1 runs in {lab.home}: queued here" in step for step in steps), steps
        copy.start()
        assert copy.study(name)["state"] == "paused"
        assert {t["state"] for t in copy.trials(name)} == {"queued"}
        copy.post("/v1/cancel", {"targets": [name]})
        copy.wait_ended(name)
        # The copy's start records name the original's sessions: whoever lived before is the original's.
        left = [p for p in processes.of_home(place) if p.kind in ("supervisor", "trial") and p.pid not in alive]
        assert not left
    finally:
        copy.stop()  # and no more: its start records name the original's processes
    assert {process.pid for process in lab.of_kind("supervisor", "trial")} == alive
    lab.release(name)
    lab.wait_at_rest(name)
    assert [(t["state"], t["attempt"]) for t in lab.daemon.trials(name)] == [("completed", 1)] * 2
    lab.invariants.check(at_rest=True)


def test_a_copy_without_living_trials_serves(lab: Lab) -> None:
    lab.start()
    name = lab.submit(search={"method": "sobol", "trials": 1})
    lab.wait_at_rest(name)
    lab.daemon.stop()
    place = lab.home.with_name("copy")
    subprocess.run(["cp", "-a", lab.home, place], check=True)
    copy = DaemonProcess(place).start()
    try:
        assert f"copied or moved from {lab.home}" in " ".join(copy.get("/v1/status")["notes"])
        assert [t["state"] for t in copy.trials(name)] == ["completed"]
        copy.stop()
        copy.start()
        assert copy.get("/v1/status")["notes"] == []
    finally:
        copy.end_everything()


def _refused(home: Path) -> None:
    second = DaemonProcess(home)
    second.spawn()
    assert second.process is not None
    assert second.process.wait(DEADLINE_S) == 1
    assert "a daemon runs here already" in second.log().splitlines()[-1]


def test_two_paths_to_a_state_folder_are_one_home(lab: Lab) -> None:
    lab.start()
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 2})
    for number in (1, 2):
        lab.daemon.wait_state(name, number, "running")
    alive = {process.pid for process in lab.of_kind("supervisor", "trial")}
    link = lab.home.with_name("link")
    link.symlink_to(lab.home)
    _refused(link)
    lab.daemon.kill()
    lab.daemon = DaemonProcess(link, lab.daemon.slots)
    lab.restart()
    _refused(lab.home)
    assert lab.daemon.get("/v1/status")["notes"] == []
    assert {process.pid for process in lab.of_kind("supervisor", "trial")} == alive
    # What a killed supervisor leaves is found, though it knows the folder by its first path.
    next(p for p in lab.of_kind("supervisor") if p.run_dir == lab.home / "runs" / name / "1" / "1").kill()
    wait_until(lambda: lab.daemon.trials(name)[0]["attempt"] == 2, "it is run again")
    lab.release(name)
    lab.wait_at_rest(name)
    assert [(t["state"], t["attempt"]) for t in lab.daemon.trials(name)] == [("completed", 2), ("completed", 1)]
    assert "overlap" not in lab.journal.read_text().split()
    lab.invariants.check(at_rest=True)
