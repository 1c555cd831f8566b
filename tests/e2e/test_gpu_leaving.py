"""Trials that leave a card, for an urgent study or for somebody else, and go on afterwards."""

from __future__ import annotations

import json
import sqlite3
import textwrap
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.gpus.standin import GIB, Cards
from tests.gpus.studies import CARDS, SAVING, STUDY
from tuned.daemon.cards.polite import TAKEN

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e


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
    assert card["yielded_until"] is None, "nobody knows until when"
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


def test_the_ledger_has_what_an_idle_daemon_leaves_and_sees(daemon: DaemonProcess, tmp_path: Path) -> None:
    cards = Cards(tmp_path / "cards", *CARDS)
    daemon.start(**cards.environment)
    daemon.post("/v1/gpus/yield", {"gpu": "1", "seconds": 7200})

    def booked(card: int, use: str) -> Any:
        return daemon.get("/v1/gpus/ledger")[card]["uses"].get(use)

    daemon.until(lambda: booked(1, "yielded"), "the yield is not booked")
    cards.set(0, processes={1: 4 * GIB})
    daemon.until(lambda: booked(0, "foreign"), "somebody else's process is not booked")
