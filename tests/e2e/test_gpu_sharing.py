"""Several trials on one card: packed where that brings something, alone where memory did not do."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.gpus.standin import ENV_FOLDER, GIB, Cards
from tests.gpus.studies import CARDS, STUDY

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]

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
