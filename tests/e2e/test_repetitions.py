"""What is run again uses nothing up of a search."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SCRIPT = """
    import pathlib, time, tuned
    trial = tuned.current_trial()
    while trial.number > 3 and not pathlib.Path("go").exists():
        time.sleep(0.02)
    trial.report(step=1, loss=trial.params["x"])
    if trial.number == 3 and not pathlib.Path("mended").exists():
        raise SystemExit("its data was not there")
    if trial.number == 2 and trial.attempt == 1:
        raise SystemExit("fails once")
"""
STUDY: dict[str, Any] = {
    "name": "again",
    "run": {"script": "train.py", "retries": {"error": 1}},
    "objective": {"metric": "loss", "direction": "minimize"},
    "space": {"x": {"type": "int", "low": 1, "high": 9}},
    "search": {"method": "grid", "levels": 9, "parallel": 1},
}


def test_retries_and_further_seeds_use_up_none_of_the_points(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    shared_daemon.submit(STUDY, tmp_path)
    shared_daemon.wait_state("again", 3, "failed")
    (tmp_path / "mended").touch()
    assert shared_daemon.post("/v1/retry", {"targets": ["again/3"]})["changed"]
    numbers = shared_daemon.post("/v1/studies/again/enqueue", {"points": [{"x": 9}], "seeds": 3})["trials"]
    (tmp_path / "go").touch()
    ended = shared_daemon.wait_ended("again")
    trials = {trial["number"]: trial for trial in shared_daemon.trials("again")}
    searched = sorted(t["params"]["x"] for t in trials.values() if t["retry_of"] is None and t["number"] not in numbers)
    # The search leaves a point of a person's out, unless it was queued already.
    assert searched in (list(range(1, 9)), list(range(1, 10)))
    assert (trials[2]["state"], trials[2]["attempt"]) == ("completed", 2)
    assert [trials[n]["retry_of"] for n in numbers] == [None, numbers[0], numbers[0]]
    assert len({trials[n]["seed"] for n in numbers}) == 3
    points = len(searched) + 1
    assert (ended["state"], ended["started"], ended["trials"]) == ("completed", points, 9)
    assert "the seed does not reach the code" in ended["note"], "three equal results"
    assert ended["again"] == {"completed": 3} and len(trials) == points + 3
