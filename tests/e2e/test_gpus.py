"""GPUs as the daemon leases them, behind a driver whose cards are files."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.gpus.standin import ENV_FOLDER, GIB, LOST, Cards
from tests.patience import DEADLINE_S
from tuned.client import api_steering
from tuned.client.http import Client
from tuned.daemon.cards.polite import TAKEN

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
CARDS: list[dict[str, Any]] = [
    {"uuid": "GPU-a", "memory_used": 2**28, "utilisation": 40},
    {"uuid": "GPU-b"},
]
SCRIPT = """
    import os, pathlib, time, tuned
    trial = tuned.current_trial()
    trial.report(loss=trial.params["x"])
    print("sees", os.environ["CUDA_VISIBLE_DEVICES"], os.environ["CUDA_DEVICE_ORDER"], flush=True)
    print("cores", len(os.sched_getaffinity(0)), flush=True)
    while not pathlib.Path("go").exists():
        time.sleep(0.02)
"""
STUDY = {
    "name": "gpus",
    "run": {"script": "train.py"},
    "objective": {"metric": "loss", "direction": "minimize"},
    "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
    "search": {"method": "sobol", "trials": 3},
}


def test_each_trial_has_a_card_of_its_own(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    cards = Cards(tmp_path / "cards", *CARDS)
    daemon.start(**cards.environment)
    assert daemon.submit(STUDY, tmp_path)["devices"] == ["H100", "H100"]
    first, second = daemon.wait_state("gpus", 1, "running"), daemon.wait_state("gpus", 2, "running")
    assert {first["device"], second["device"]} == {"GPU-a", "GPU-b"}
    status = daemon.get("/v1/status")
    assert status["slots"] == 2
    held = {d["id"]: d["held_by"] for d in status["devices"] if d["kind"] == "gpu"}
    assert held == {first["device"]: "gpus/1", second["device"]: "gpus/2"}
    assert daemon.trials("gpus")[2]["state"] == "queued"
    figures = Client(daemon.socket).send(api_steering.prometheus())
    assert f'tuned_trial_info{{study="gpus",trial="1",gpu_uuid="{first["device"]}"}} 1' in figures.splitlines()
    (tmp_path / "go").touch()
    daemon.wait_ended("gpus")
    for trial in daemon.trials("gpus"):
        index = ["GPU-a", "GPU-b"].index(trial["device"])
        log = daemon.get(f"/v1/studies/gpus/trials/{trial['number']}/log")
        assert f"sees {index} PCI_BUS_ID" in log["text"]
        assert f"cores {max(1, len(os.sched_getaffinity(0)) // 2)}\n" in log["text"]
        assert trial["slot"] == f"gpu:{index}"
    for card in daemon.get("/v1/gpus/ledger", seconds=3600):
        assert sum(card["uses"].values()) == pytest.approx(card["until"] - card["since"])
        assert card["uses"]["training"] > 0 and card["uses"]["nothing queued"] > 0


def test_a_card_that_somebody_else_uses_waits(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    (tmp_path / "go").touch()
    cards = Cards(tmp_path / "cards", *CARDS[:1])
    daemon.start(**cards.environment)
    daemon.until(lambda: daemon.get("/v1/status")["uptime_s"] > 1.5, "it is not up")
    cards.set(0, processes={1: 4 * GIB})  # after the daemon's last look: an idle one looks seldom

    def device() -> Any:
        return next(d for d in daemon.get("/v1/status")["devices"] if d["kind"] == "gpu")

    daemon.submit(STUDY, tmp_path)
    daemon.until(lambda: "process 1 of somebody else holds 4.0 GiB" in device()["blocked"], "it does not look")
    assert daemon.get("/v1/studies/gpus/trials/1")["trial"]["state"] == "queued"


DYING = """
    import os, pathlib, time, tuned
    trial = tuned.current_trial()
    trial.report(loss=trial.params["x"])
    while not pathlib.Path("go").exists():
        if os.environ["CUDA_VISIBLE_DEVICES"] == "0" and pathlib.Path("lost").exists():
            raise RuntimeError("CUDA error: unspecified launch failure")
        time.sleep(0.02)
"""


def test_who_loses_its_card_runs_again_elsewhere(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(DYING))
    cards = Cards(tmp_path / "cards", *CARDS)
    daemon.start(**cards.environment)
    daemon.submit({**STUDY, "search": {"method": "sobol", "trials": 2, "parallel": 1}}, tmp_path)
    assert daemon.wait_state("gpus", 1, "running")["device"] == "GPU-a"
    cards.set(0, error=LOST)
    (tmp_path / "lost").touch()
    daemon.until(lambda: daemon.trials("gpus")[0]["attempt"] == 2, "it does not run again")
    again = daemon.wait_state("gpus", 1, "running")
    assert (again["device"], again["slot"]) == ("GPU-b", "gpu:1")
    first = daemon.get("/v1/studies/gpus/trials/1")["attempts"][0]
    assert (first["failure"], first["slot"]) == ("device", "gpu:0")
    assert first["reason"].startswith("gpu:0: GPU is lost; ")
    assert [gpu["blocked"] for gpu in daemon.get("/v1/gpus")] == ["GPU is lost", ""]
    (tmp_path / "go").touch()
    daemon.wait_ended("gpus")
    assert [t["device"] for t in daemon.trials("gpus")] == ["GPU-b", "GPU-b"]


SAVING = """
    import os, pathlib, time, tuned
    trial = tuned.current_trial()
    saved = pathlib.Path(trial.checkpoint_dir, "saved")
    trial.report(loss=trial.params["x"])
    while not pathlib.Path("go").exists():
        if trial.should_stop():
            saved.touch()
            raise SystemExit
        time.sleep(0.02)
    print("resumed" if saved.exists() else "fresh", "on", os.environ["CUDA_VISIBLE_DEVICES"])
"""


def test_parts_of_cards_and_a_card_left_to_others_over_a_restart(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SAVING))
    cards = Cards(tmp_path / "cards", *CARDS)
    daemon.start(**cards.environment)
    run = {"script": "train.py", "resources": {"gpus": 0.5}}
    assert daemon.submit({**STUDY, "run": run, "search": {"method": "sobol", "trials": 4}}, tmp_path)["slots"] == 4
    for number in range(1, 5):
        daemon.wait_state("gpus", number, "running")

    def gpus() -> list[Any]:
        return list(daemon.get("/v1/gpus"))

    assert [(len(gpu["held_by"]), gpu["free"]) for gpu in gpus()] == [(2, 0.0), (2, 0.0)]
    leaving = gpus()[1]["held_by"]
    # They are seen to be resumable once their first marks are read.
    daemon.until(lambda: all(t["last_step"] is not None for t in daemon.trials("gpus")), "they report nothing")
    with pytest.raises(Exception, match="there is no such GPU"):
        daemon.post("/v1/gpus/yield", {"gpu": "2", "seconds": 60})
    with pytest.raises(Exception, match="a frozen trial keeps its GPU memory"):
        daemon.post("/v1/gpus/yield", {"gpu": "1", "seconds": 60, "level": "freeze"})
    assert gpus()[1]["yielded_until"] is None, "what was refused changed nothing"
    said = daemon.post("/v1/gpus/yield", {"gpu": "1", "seconds": 7200})
    assert sorted(said["changed"]) == sorted(leaving)
    assert all("checkpoint: keeps what it saved" in line for line in said["effects"])
    for holder in leaving:
        daemon.wait_state("gpus", int(holder.partition("/")[2]), "queued")
    daemon.kill()
    daemon.start(**cards.environment)
    assert [(len(gpu["held_by"]), bool(gpu["yielded_until"])) for gpu in gpus()] == [(2, False), (0, True)]
    assert daemon.post("/v1/gpus/yield", {"gpu": "1"})["until"] is None
    for holder in leaving:
        assert daemon.wait_state("gpus", int(holder.partition("/")[2]), "running")["device"] == "GPU-b"
    (tmp_path / "go").touch()
    daemon.wait_ended("gpus")
    for holder in leaving:
        log = daemon.get(f"/v1/studies/gpus/trials/{holder.partition('/')[2]}/log")
        assert "resumed on 1" in log["text"]


def test_an_urgent_study_gets_the_card_of_another_which_goes_on_afterwards(
    daemon: DaemonProcess, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SAVING))
    (tmp_path / "quick.py").write_text("import tuned\ntuned.current_trial().report(loss=1.0)\n")
    cards = Cards(tmp_path / "cards", *CARDS[:1])
    daemon.start(**cards.environment)
    daemon.submit({**STUDY, "search": {"method": "sobol", "trials": 2}}, tmp_path)
    daemon.until(lambda: daemon.trials("gpus")[0]["last_step"] is not None, "it reports nothing")
    urgent = {**STUDY, "name": "urgent", "urgent": True, "run": {"script": "quick.py"}}
    daemon.submit({**urgent, "search": {"method": "sobol", "trials": 1}}, tmp_path)
    daemon.wait_ended("urgent")
    first = daemon.wait_state("gpus", 1, "running")
    assert (first["attempt"], daemon.trials("gpus")[1]["attempt"]) == (2, 0), "it is the head of its queue"
    (tmp_path / "go").touch()
    daemon.wait_ended("gpus")
    assert "resumed on 0" in daemon.get("/v1/studies/gpus/trials/1/log")["text"]
    assert daemon.get("/v1/studies/gpus/trials/1")["attempts"][0]["reason"] == "makes room for urgent/1"
    told = [e for e in daemon.get("/v1/events/list", limit=1000) if e["type"] == "trial.preempted"]
    assert [(e["study"], e["number"]) for e in told] == [("gpus", 1), ("urgent", 1)]
    assert told[0]["data"]["for"] == "urgent/1" and told[1]["data"]["from"] == ["gpus/1"]
    # Where nobody makes room, the urgent trial says why it waits.
    (tmp_path / "go").unlink()
    stays = {**STUDY, "name": "stays", "run": {**STUDY["run"], "preemptible": False}}
    daemon.submit({**stays, "search": {"method": "sobol", "trials": 1}}, tmp_path)
    daemon.wait_state("stays", 1, "running")
    daemon.submit({**urgent, "name": "next", "search": {"method": "sobol", "trials": 1}}, tmp_path)
    wanted = "no running trial makes room: 1 x no checkpoint to go on from, or not preemptible"
    daemon.until(lambda: daemon.get("/v1/studies/next/trials/1")["trial"]["waits_for"] == wanted, "it says nothing")
    (tmp_path / "go").touch()
    daemon.wait_ended("next")
    assert daemon.get("/v1/studies/next/trials/1")["trial"]["waits_for"] == ""


def test_polite_trials_leave_a_card_for_somebody_and_come_back(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SAVING))
    (tmp_path / "tuned-hpo").mkdir()
    (tmp_path / "tuned-hpo" / "config.toml").write_text('[gpu]\nafter = "0s"\nback_after = "0s"\nwhose = "all"\n')
    cards = Cards(tmp_path / "cards", {**CARDS[0], "power": 0, "energy": 0})
    daemon.start(**cards.environment, XDG_CONFIG_HOME=str(tmp_path))
    daemon.post("/v1/gpus/polite", {"on": True})
    daemon.submit({**STUDY, "search": {"method": "sobol", "trials": 1}}, tmp_path)
    daemon.until(lambda: daemon.trials("gpus")[0]["last_step"] is not None, "it reports nothing")
    cards.set(0, processes={1: 4 * GIB})
    assert daemon.wait_state("gpus", 1, "queued")["attempt"] == 1
    daemon.kill()
    daemon.start(**cards.environment, XDG_CONFIG_HOME=str(tmp_path))
    (card,) = daemon.get("/v1/gpus")
    assert card["left_to"].startswith("left to ") and " since " in card["left_to"]
    assert any("gpu:0 is left to" in note for note in daemon.get("/v1/status")["notes"])
    cards.set(0, processes={})
    assert daemon.wait_state("gpus", 1, "running")["attempt"] == 2
    # Quiet hours do the same by the clock, whether polite mode is on or not, and a person can end them.
    daemon.post("/v1/gpus/polite", {"on": False})
    settings = tmp_path / "tuned-hpo" / "config.toml"
    settings.write_text('[[gpu.quiet]]\nfrom = "00:00"\nto = "24:00"\n')
    daemon.wait_state("gpus", 1, "queued")
    assert daemon.get("/v1/gpus")[0]["left_to"] == "left to others in quiet hours until 24:00"
    daemon.post("/v1/gpus/yield", {"gpu": "0"})
    assert daemon.wait_state("gpus", 1, "running")["attempt"] == 3
    daemon.until(lambda: kept(daemon, TAKEN), "it is not kept that a person took the card")
    cards.set(0, energy=2 * WATT_HOUR)
    daemon.until(lambda: figures(daemon).get("watt_hours") == 2.0, "its energy is not counted")
    daemon.kill()
    seen = figures(daemon.start(**cards.environment, XDG_CONFIG_HOME=str(tmp_path)))["samples"]
    daemon.until(lambda: figures(daemon)["samples"] > seen, "it does not look")
    cards.set(0, energy=3 * WATT_HOUR)
    daemon.until(lambda: figures(daemon)["watt_hours"] == 3.0, "energy does not count on over a restart")
    assert (daemon.trials("gpus")[0]["attempt"], daemon.get("/v1/gpus")[0]["left_to"]) == (3, "")
    (tmp_path / "go").touch()
    daemon.wait_ended("gpus")
    assert "resumed on 0" in daemon.get("/v1/studies/gpus/trials/1/log")["text"]


def kept(daemon: DaemonProcess, key: str) -> Any:
    """What a daemon has kept under a key."""
    with closing(sqlite3.connect(f"file:{daemon.home / 'tuned.db'}?mode=ro", uri=True)) as rows:
        found = rows.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return found and json.loads(found[0])


WATT_HOUR = 3_600_000
"""In millijoules."""


def figures(daemon: DaemonProcess) -> Any:
    """What the first trial did with its card."""
    return daemon.get("/v1/studies/gpus/trials/1")["trial"]["card"]


SHARING = """
    import itertools, pathlib, sys
    sys.path.insert(0, {root!r})
    import tuned
    from tests.gpus.workload import GIB, Workload
    trial = tuned.current_trial()
    with Workload(4 * GIB, 30, {contention}) as used:
        for step in itertools.count():
            used.step(0.1)
            if {reports}:
                trial.report(step=step, loss=trial.params["x"])
            # Whoever reports nothing is measured by its length, the others until they are told that they were.
            if step >= 24 if not {reports} else pathlib.Path(f"over-{name}-{{min(trial.number, 2)}}").exists():
                break
    trial.report(step=step, loss=trial.params["x"])
"""


def memory(daemon: DaemonProcess, study: str, number: int) -> float:
    """What a trial was seen to hold of its card."""
    if len(daemon.trials(study)) < number:
        return 0.0
    card = daemon.get(f"/v1/studies/{study}/trials/{number}")["trial"]["card"]
    return float(card.get("peak_memory", 0.0))


WORTH = r"[23] a card: 4.0 of 24.0 GiB, \d+% busy alone; together [12].\dx.*"
NOT_WORTH = r"1 a card: .*; 2 together \d.\d+x, less than a tenth more: not packed again"


def test_trials_share_a_card_as_long_as_that_brings_something(daemon: DaemonProcess, tmp_path: Path) -> None:
    cards = Cards(tmp_path / "cards", {**CARDS[1], "memory_total": 24 * GIB})
    daemon.start(**cards.environment)
    run = {"script": "train.py", "env": {ENV_FOLDER: str(cards.folder)}}
    # Compared by their steps, and those that report nothing on their way by their length.
    # Rivals slow each other down so much that no load of the machine makes them look better together.
    rows = [("friends", 0.05, True, 3, WORTH), ("rivals", 0.85, True, 3, NOT_WORTH), ("silent", 0.05, False, 5, WORTH)]
    for name, contention, reports, trials, told in rows:
        script = SHARING.format(root=str(ROOT), name=name, contention=contention, reports=reports)
        (tmp_path / "train.py").write_text(textwrap.dedent(script))
        daemon.submit({**STUDY, "name": name, "run": run, "search": {"method": "sobol", "trials": trials}}, tmp_path)
        if reports:
            daemon.until(lambda: memory(daemon, name, 1), "it is not seen on its card")  # noqa: B023
            (tmp_path / f"over-{name}-1").touch()
        daemon.until(lambda: re.fullmatch(told, daemon.study(name)["packing"]), f"{name}: nothing measured")  # noqa: B023
        (tmp_path / f"over-{name}-2").touch()
        daemon.wait_ended(name)
        assert daemon.study(name)["counts"] == {"completed": trials}
        shared = [daemon.get(f"/v1/studies/{name}/trials/{n}")["attempts"][0]["shared"] for n in (1, 2, 3)]
        assert shared == [False, True, True], "on one card the first is measured alone"


def test_a_daemon_whose_cards_are_all_hidden_says_so(daemon: DaemonProcess, tmp_path: Path) -> None:
    cards = Cards(tmp_path / "cards", *CARDS)
    daemon.start(**cards.environment, CUDA_VISIBLE_DEVICES="GPU-c")
    assert daemon.get("/v1/gpus") == []
    assert "CUDA_VISIBLE_DEVICES=GPU-c of the daemon leaves it none of 2 GPUs" in daemon.get("/v1/status")["notes"]


def test_a_machine_without_gpus_says_so(shared_daemon: DaemonProcess) -> None:
    assert shared_daemon.get("/v1/gpus") == []
    with pytest.raises(Exception, match="this machine has no GPU"):
        shared_daemon.post("/v1/gpus/yield", {"gpu": "0", "seconds": 60})


CROWDED = """
    import pathlib, tuned
    trial = tuned.current_trial()
    if trial.number == 1:
        trial.report(loss=0.0)
    beside = pathlib.Path("beside")
    if trial.number == 3 or trial.number == 2 and beside.exists():
        raise RuntimeError("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 40.00 GiB")
    while not pathlib.Path(f"go{trial.number}").exists():
        time.sleep(0.02)
    trial.report(loss=trial.params["x"])
"""


def test_who_runs_out_of_memory_on_a_shared_card_runs_again_alone(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import time" + textwrap.dedent(CROWDED))
    cards = Cards(tmp_path / "cards", *CARDS[:1])
    daemon.start(**cards.environment)
    (tmp_path / "beside").touch()
    daemon.submit({**STUDY, "run": {"script": "train.py", "resources": {"gpus": 0.5}}}, tmp_path)
    daemon.until(lambda: daemon.trials("gpus")[1]["attempt"] == 1, "trial 2 never starts")
    again = daemon.wait_state("gpus", 2, "queued")
    assert "CUDA out of memory" in again["reason"] and "it shared its GPU, and runs again alone" in again["reason"]
    (tmp_path / "beside").unlink()
    # Half a card is free, and neither it nor the trial behind it may have that.
    daemon.wait_state("gpus", 1, "running")
    assert [t["state"] for t in daemon.trials("gpus")] == ["running", "queued", "queued"]
    (tmp_path / "go1").touch()
    assert daemon.wait_state("gpus", 2, "running")["attempt"] == 2
    daemon.kill()
    daemon.start(**cards.environment)
    (card,) = daemon.get("/v1/gpus")
    assert (card["held_by"], card["free"]) == (["gpus/2"], 0.0)
    (tmp_path / "go2").touch()
    daemon.wait_ended("gpus")
    found = [(t["state"], t["failure"], t["attempt"]) for t in daemon.trials("gpus")]
    assert found == [("completed", None, 1), ("completed", None, 2), ("failed", "oom", 1)], "the last one was alone"


SLOW = """
    import pathlib, time, tuned
    trial = tuned.current_trial()
    pathlib.Path(trial.checkpoint_dir, "saved").touch()
    trial.report(loss=trial.params["x"])
    while not pathlib.Path("go").exists():
        if trial.should_stop() and pathlib.Path("leave").exists():
            raise SystemExit
        time.sleep(0.02)
"""


def test_who_is_still_leaving_when_the_card_is_taken_back_goes_on_too(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SLOW))
    cards = Cards(tmp_path / "cards", *CARDS[:1])
    daemon.start(**cards.environment)
    daemon.submit({**STUDY, "search": {"method": "sobol", "trials": 1}}, tmp_path)
    # It is seen to be resumable once its first marks are read.
    daemon.until(lambda: daemon.trials("gpus")[0]["last_step"] is not None, "it reports nothing")
    daemon.post("/v1/gpus/yield", {"gpu": "0", "seconds": 7200, "level": "checkpoint"})
    daemon.post("/v1/gpus/yield", {"gpu": "0"})
    assert daemon.trials("gpus")[0]["stop_reason"] == "pause"
    (tmp_path / "leave").touch()
    daemon.until(lambda: daemon.trials("gpus")[0]["attempt"] == 2, "it does not go on")
    (tmp_path / "go").touch()
    daemon.wait_ended("gpus")


TOOL = """#!/bin/sh
# Stands for cuda-checkpoint: says what it was asked, in which state the process is, and fails when told to.
echo "$* $(cut -d' ' -f3 /proc/$3/stat)" >> "{log}"
test ! -e "{fails}"
"""


def test_gpu_memory_is_moved_away_before_a_trial_stands_still(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    log, fails, tool = (tmp_path / name for name in ("log", "fails", "tool"))
    cards = Cards(tmp_path / "cards", *CARDS[:1])
    tool.write_text(TOOL.format(log=log, fails=fails))
    tool.chmod(0o755)
    daemon.start(**cards.environment, TUNED_CUDA_CHECKPOINT=str(tool))
    daemon.submit({**STUDY, "search": {"method": "sobol", "trials": 1}}, tmp_path)
    daemon.wait_state("gpus", 1, "running")
    start = json.loads((daemon.home / "runs/gpus/1/1/start.json").read_text())
    pid = start["pid"]
    cards.set(0, processes={pid: GIB, 1: 2**20})
    fails.touch()
    with pytest.raises(Exception, match="could not move its GPU memory"):
        daemon.post("/v1/pause", {"targets": ["gpus/1"], "level": "cuda"})
    assert not daemon.trials("gpus")[0]["frozen"]
    fails.unlink()
    log.unlink()
    said = daemon.post("/v1/pause", {"targets": ["gpus/1"], "level": "cuda"})
    assert "its GPU memory moved to main memory" in said["effects"][0]

    def state() -> str:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

    daemon.until(lambda: state() == "T", "it does not stand still")
    ((asked, before),) = [line.rsplit(" ", 1) for line in log.read_text().splitlines()]
    assert asked == f"--toggle --pid {pid}" and before in "RSD"
    os.kill(start["supervisor_pid"], signal.SIGSTOP)  # it takes its time to thaw the trial, and the tool waits for that
    daemon.post("/v1/resume", {"targets": ["gpus/1"]})
    assert [line.rsplit(" ", 1)[0] for line in log.read_text().splitlines()] == [asked, asked]
    assert "T" not in [line.rsplit(" ", 1)[1] for line in log.read_text().splitlines()]
    daemon.until(lambda: state() != "T", "it does not go on")
    (tmp_path / "go").touch()
    daemon.wait_ended("gpus")


SLOW_TOOL = """#!/bin/sh
# Stands for cuda-checkpoint where it takes long: until a file says that it may end.
echo "begin $*" >> "{log}"
while [ ! -e "{goes}" ]; do sleep 0.02; done
echo "end $*" >> "{log}"
"""


def test_a_resume_that_overtakes_a_slow_move_of_gpu_memory_is_what_holds(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    log, goes, tool = (tmp_path / name for name in ("log", "goes", "tool"))
    cards = Cards(tmp_path / "cards", *CARDS[:1])
    tool.write_text(SLOW_TOOL.format(log=log, goes=goes))
    tool.chmod(0o755)
    daemon.start(**cards.environment, TUNED_CUDA_CHECKPOINT=str(tool))
    daemon.submit({**STUDY, "search": {"method": "sobol", "trials": 1}}, tmp_path)
    daemon.wait_state("gpus", 1, "running")
    pid = json.loads((daemon.home / "runs/gpus/1/1/start.json").read_text())["pid"]
    cards.set(0, processes={pid: GIB})
    freeze = daemon.home / "runs/gpus/1/1/freeze.json"

    def lines() -> list[str]:
        return log.read_text().splitlines() if log.exists() else []

    pausing = in_background(lambda: daemon.post("/v1/pause", {"targets": ["gpus/1"], "level": "cuda"}))
    daemon.until(lambda: len(lines()) == 1, "the tool does not begin")
    resuming = in_background(lambda: daemon.post("/v1/resume", {"targets": ["gpus/1"]}))
    daemon.until(lambda: not daemon.trials("gpus")[0]["frozen"], "the resume is not committed")
    goes.touch()
    assert pausing()["changed"] == resuming()["changed"] == ["gpus/1"]
    # Away and back: as many moves in one direction as in the other, and nothing stands still.
    daemon.until(lambda: len(lines()) == 4, "its GPU memory does not come back")
    asked = f"--toggle --pid {pid}"
    assert lines() == [f"begin {asked}", f"end {asked}"] * 2
    daemon.until(lambda: not json.loads(freeze.read_text())["frozen"], "it is told to stand still")
    assert json.loads(freeze.read_text())["cuda"] == []
    assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T"
    # A pause, and an end before the tool is done: the end does not wait for it.
    goes.unlink()
    pausing = in_background(lambda: daemon.post("/v1/pause", {"targets": ["gpus/1"], "level": "cuda"}))
    daemon.until(lambda: len(lines()) == 5, "the tool does not begin")
    daemon.post("/v1/kill", {"targets": ["gpus/1"]})
    assert daemon.wait_state("gpus", 1, "failed")["failure"] == "killed"
    goes.touch()
    pausing()


def in_background(call: Callable[[], Any]) -> Callable[[], Any]:
    """Begin a request; the returned function gives its reply."""
    pool = ThreadPoolExecutor(1)
    reply = pool.submit(call)
    pool.shutdown(wait=False)
    return lambda: reply.result(DEADLINE_S)
