"""GPUs as the daemon leases them, behind a driver whose cards are files."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.gpus.standin import GIB, LOST, Cards
from tests.gpus.studies import CARDS, SCRIPT, STUDY
from tuned.client import api_steering
from tuned.client.http import Client
from tuned.daemon.machine.slots import FRESH_S

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e


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

    def uptime() -> float:
        return float(daemon.get("/v1/status")["uptime_s"])

    cards.set(0, processes={1: 4 * GIB})
    since = uptime()
    daemon.until(lambda: uptime() > since + FRESH_S, "time stands still")  # looks of before are too old for a lease now

    def device() -> Any:
        return next(d for d in daemon.get("/v1/status")["devices"] if d["kind"] == "gpu")

    daemon.submit(STUDY, tmp_path)
    daemon.until(lambda: "process 1 of somebody else holds 4.0 GiB" in device()["blocked"], "it does not look")
    assert daemon.get("/v1/studies/gpus/trials/1")["trial"]["state"] == "queued"


def test_a_trial_for_two_cards_says_that_it_waits_for_both(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    cards = Cards(tmp_path / "cards", *CARDS)
    daemon.start(**cards.environment)
    one = {"method": "sobol", "trials": 1}
    daemon.submit({**STUDY, "search": one}, tmp_path)
    daemon.wait_state("gpus", 1, "running")
    run = {"script": "train.py", "resources": {"gpus": 2}}
    daemon.submit({**STUDY, "name": "pair", "run": run, "search": one}, tmp_path)
    trial = daemon.get("/v1/studies/pair/trials/1")["trial"]
    assert trial["waits_for"] == "it needs 2 GPUs at once, and 1 of 2 is free"
    (tmp_path / "go").touch()
    daemon.wait_ended("pair")
    assert sorted(daemon.trials("pair")[0]["slot"].split(",")) == ["gpu:0", "gpu:1"]


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


def test_a_daemon_whose_cards_are_all_hidden_says_so(daemon: DaemonProcess, tmp_path: Path) -> None:
    cards = Cards(tmp_path / "cards", *CARDS)
    daemon.start(**cards.environment, CUDA_VISIBLE_DEVICES="GPU-c")
    assert daemon.get("/v1/gpus") == []
    assert "CUDA_VISIBLE_DEVICES=GPU-c of the daemon leaves it none of 2 GPUs" in daemon.get("/v1/status")["notes"]


def test_a_machine_without_gpus_says_so(shared_daemon: DaemonProcess) -> None:
    assert shared_daemon.get("/v1/gpus") == []
    with pytest.raises(Exception, match="this machine has no GPU"):
        shared_daemon.post("/v1/gpus/yield", {"gpu": "0", "seconds": 60})


WAITING = """
    import pathlib, time, tuned
    tuned.current_trial().report(loss=1.0)
    while not pathlib.Path("go").exists():
        time.sleep(0.02)
"""


def test_a_study_that_came_before_the_driver_uses_all_its_cards(daemon: DaemonProcess, tmp_path: Path) -> None:
    """It was held for one of a machine with one slot, and tried one point at a time for ever."""
    (tmp_path / "train.py").write_text(textwrap.dedent(WAITING))
    cards = Cards(tmp_path / "cards", *CARDS)
    cards.load(None)
    daemon.slots = 1
    daemon.start(**cards.environment)
    daemon.submit(STUDY, tmp_path)
    daemon.wait_state("gpus", 1, "running")
    cards.load("570.1")
    daemon.until(lambda: sum(bool(card["held_by"]) for card in daemon.get("/v1/gpus")) == 2, "a card stands idle")
    (tmp_path / "go").touch()
    daemon.wait_ended("gpus")
