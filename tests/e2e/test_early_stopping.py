"""Early stopping through the whole path: trials that do badly are stopped, those that can go on are promoted."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.patience import DEADLINE_S

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

CURVE = """
    import tuned, time
    trial = tuned.current_trial()
    x = trial.params["x"]
    for step in range(1, 30):
        trial.report(step=step, loss=x + 1 / step)
        time.sleep(0.02)
        if trial.should_stop():
            break
"""
RESUMABLE = """
    import tuned, time
    trial = tuned.current_trial()
    x = trial.params["x"]
    saved = trial.checkpoint_dir / "step"
    step = int(saved.read_text()) if saved.exists() else 0
    while step < 27:
        step += 1
        trial.report(step=step, loss=x + 1 / step)
        time.sleep(0.02)
        saved.write_text(str(step))
        if trial.should_stop():
            break
"""


def study(**over: Any) -> dict[str, Any]:
    return {
        "name": "stops",
        "run": {"script": "train.py"},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 5.0}},
        "search": {"method": "sobol", "trials": 9, "seed": 1, "parallel": 2},
        "early_stopping": {"min_step": 3, "max_step": 27, "rescue": 0.0},
        **over,
    }


def write_script(folder: Path, text: str) -> None:
    (folder / "train.py").write_text(textwrap.dedent(text))


def test_bad_trials_are_stopped_with_their_evidence(daemon: DaemonProcess, tmp_path: Path) -> None:
    write_script(tmp_path, CURVE)
    daemon.start()
    daemon.submit(study(), tmp_path)
    ended = daemon.wait_ended("stops")
    assert ended["state"] == "completed"
    assert ended["counts"]["pruned"] >= 3 and ended["counts"]["pruned"] + ended["counts"]["completed"] == 9
    assert ended["early_stopping"]["stopped"] == ended["counts"]["pruned"]
    best = min(daemon.trials("stops"), key=lambda t: t["params"]["x"])
    assert best["state"] == "completed" and ended["best"]["number"] == best["number"]
    pruned = next(t for t in daemon.trials("stops") if t["state"] == "pruned")
    assert "not among the best" in pruned["reason"] and pruned["last_step"] < 29
    (*_, last) = daemon.get(f"/v1/studies/stops/trials/{pruned['number']}")["rungs"]
    assert last["verdict"] == "pruned" and last["peers"] >= 3 and last["cutoff"] < last["value"]


def test_trials_that_can_go_on_wait_at_their_rung_and_the_good_ones_are_promoted(
    daemon: DaemonProcess, tmp_path: Path
) -> None:
    write_script(tmp_path, RESUMABLE)
    daemon.start()
    # The best comes first: it has nobody to be compared with at its first rung, and waits there.
    search = {"method": "sobol", "trials": 9, "seed": 1, "parallel": 2, "point": [{"x": 0.1}]}
    daemon.submit(study(search=search), tmp_path)
    ended = daemon.wait_ended("stops")
    assert ended["state"] == "completed"
    trials = daemon.trials("stops")
    best = min(trials, key=lambda t: t["params"]["x"])
    assert best["state"] == "completed" and best["attempt"] > 1 and best["last_step"] == 27
    assert ended["counts"]["completed"] <= 3
    assert sum(t["last_step"] for t in trials) < 9 * 27 / 2
    steps = [p["step"] for p in daemon.get("/v1/metrics", target=f"stops/{best['number']}", name="loss")]
    assert steps == list(range(1, 28))


def test_a_decision_outlives_the_daemon(daemon: DaemonProcess, tmp_path: Path) -> None:
    """Committed, but never told: the next daemon tells the trial."""
    write_script(tmp_path, CURVE.replace("range(1, 30)", "range(1, 30 if trial.number < 3 else 3000)"))
    daemon.start(TUNED_FAILPOINTS="stop.committed=exit")
    daemon.submit(study(early_stopping={"min_step": 3, "rescue": 0.0}), tmp_path)
    assert daemon.process is not None
    daemon.process.wait(DEADLINE_S)
    daemon.start()
    stopped = daemon.wait_state("stops", 3, "pruned")
    assert "not among the best" in stopped["reason"]


def test_the_median_rule_and_patience(daemon: DaemonProcess, tmp_path: Path) -> None:
    # It ends by being stopped alone, however busy the machine is.
    endless = CURVE.replace("range(1, 30)", "range(1, 3000)")
    write_script(tmp_path, endless.replace("x + 1 / step", "x + (10 - step if step < 6 else 9)"))
    daemon.start()
    daemon.submit(
        study(early_stopping={"method": "none", "patience": 4}, search={"method": "sobol", "trials": 2}), tmp_path
    )
    ended = daemon.wait_ended("stops")
    assert ended["counts"] == {"pruned": 2}
    assert "no better loss for 4 steps" in daemon.trials("stops")[0]["reason"]
    # They have converged: such results are whole ones.
    assert ended["best"]["cut"] is False and ended["best"]["of"] == 2
