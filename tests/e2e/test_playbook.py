"""From one file to a final model: the steps of a playbook through a real daemon, one killed in the middle included."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.patience import DEADLINE_S

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SCRIPT = Path(__file__).parents[1] / "scripts" / "finished" / "train.py"

QUICK = """
import tuned
trial = tuned.current_trial()
if trial.stage != "test":
    trial.report(val_accuracy=trial.params["lr"] + trial.seed / 2**40)
else:
    trial.report(test_accuracy=trial.params["lr"])
"""


def study(**over: Any) -> dict[str, Any]:
    return {
        "name": "digits",
        "run": {"script": str(SCRIPT), "python": sys.executable, "preload": ["numpy"]},
        "objective": {"metric": "val_accuracy", "direction": "maximize"},
        "space": {"lr": {"type": "float", "low": 1e-3, "high": 1.0, "log": True}, "epochs": 2},
        "search": {"trials": 6, "point": [{"label": "baseline", "lr": 1e-3}]},
        "finalize": {"length": "epochs"},
        "test": {"metric": "test_accuracy"},
        **over,
    }


def steps(daemon: DaemonProcess) -> dict[str, Any]:
    return {step["id"]: step for step in daemon.get("/v1/studies/digits/steps")["steps"]}


def by_stage(daemon: DaemonProcess) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for trial in daemon.trials("digits"):
        found.setdefault(trial["stage"], []).append(trial)
    return found


def test_one_file_becomes_a_final_model_though_the_daemon_is_killed(daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon.start()
    names = ["coarse", "bayesian", "refine", "confirm", "ensemble", "finalize", "report"]
    daemon.submit(study(playbook={"steps": names, "top": 2, "seeds": 2, "max_seeds": 2}), tmp_path)
    daemon.until(lambda: steps(daemon)["confirm"]["state"] == "running", "the confirmation does not begin")
    daemon.kill()
    daemon.start()
    ended = daemon.wait_ended("digits")
    found, stages = steps(daemon), by_stage(daemon)
    assert {name: step["state"] for name, step in found.items()} == dict.fromkeys(names, "done"), found

    # The trials of other stages are no part of the search: they count apart, and none of them is the best.
    assert (ended["started"], ended["trials"]) == (6, 6)
    assert {stage: len(trials) for stage, trials in stages.items()} == {
        "search": 6,
        "confirm": 6,
        "finalize": 1,
        "test": 1,
    }
    assert ended["best"]["number"] in [trial["number"] for trial in stages["search"]]

    # Each seed meets every configuration, the baseline among them.
    runs = stages["confirm"]
    assert len({trial["seed"] for trial in runs}) == 2 and {trial["retry_of"] for trial in runs} >= {1}
    assert len({(trial["seed"], trial["retry_of"]) for trial in runs}) == 6
    winner = found["confirm"]["result"]["winner"]
    own = [r for r in found["confirm"]["result"]["configurations"] if r["number"] == ended["best"]["number"]]
    told = {name: own[0][name] for name in ("mean", "sem", "runs", "failed")} | {"equal": False} if own else None
    assert ended["best"]["confirmed"] == told
    assert found["finalize"]["result"]["configuration"] == winner
    assert stages["finalize"][0]["params"]["lr"] == daemon.trials("digits")[winner - 1]["params"]["lr"]
    assert found["ensemble"]["result"]["methods"]

    # The bundle comes to the same number in another folder, without the daemon.
    result = found["finalize"]["result"]
    assert result["looks"] == 1 and result["value"] == stages["test"][0]["values"]["test_accuracy"]
    bundle = Path(result["bundle"])
    again = [sys.executable, str(bundle / "reproduce.py"), "--out", str(tmp_path / "again")]
    done = subprocess.run(again, capture_output=True, text=True, timeout=DEADLINE_S, check=False, cwd="/")
    assert done.returncode == 0 and "the same" in done.stdout, done.stdout + done.stderr
    document = json.loads((bundle / "bundle.json").read_text())
    outcome = found["confirm"]["result"]["outcome"]
    assert document["configuration"]["outcome"] == outcome and outcome in (bundle / "README.md").read_text()
    assert document["runs"][1]["expected"] == result["value"] and document["installed"]["packages"]
    page = Path(found["report"]["result"]["file"])
    text = page.read_text()
    assert page.name == "report.html" and "Confirmation" in text
    # The page begins with the result: the final model, its figure, and how each step came to it.
    assert "test_accuracy of the final model" in text[: text.index("<nav>")]
    assert str(bundle) in text and "reproduce.py" in text and "numpy==" in text


def test_steps_by_hand(daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon.start()
    quick = tmp_path / "quick.py"
    quick.write_text(QUICK)
    run = {"script": str(quick), "python": sys.executable}
    daemon.submit(study(run=run, search={"trials": 4, "method": "sobol"}), tmp_path)
    daemon.wait_ended("digits")
    with pytest.raises(Exception, match="no repetition has ended"):
        daemon.get("/v1/studies/digits/analysis/confirm")

    daemon.post(
        "/v1/studies/digits/steps", {"step": "confirm", "options": {"top": 1, "seeds": 2, "max_seeds": 2, "against": 1}}
    )
    ended = daemon.wait_ended("digits")
    assert ended["started"] == 4 and ended["counts"] == {"completed": 8}
    assert [step["state"] for step in steps(daemon).values()] == ["done"]

    daemon.post("/v1/studies/digits/steps", {"step": "finalize", "options": {}})
    daemon.wait_ended("digits")
    with pytest.raises(Exception, match="measured on once"):
        daemon.post("/v1/studies/digits/steps", {"step": "finalize", "options": {}})
    daemon.post("/v1/studies/digits/steps", {"step": "finalize", "options": {"again": True}})
    daemon.wait_ended("digits")
    assert steps(daemon)["finalize-2"]["result"]["looks"] == 2


def test_steps_are_held_skipped_and_refused(daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon.start()
    untold = tmp_path / "untold.py"
    untold.write_text("import tuned\ntrial = tuned.current_trial()\ntrial.report(val_accuracy=trial.params['lr'])\n")
    run = {"script": str(untold), "python": sys.executable}
    with pytest.raises(Exception, match=r"finalize\.args"):
        daemon.submit(study(run=run, finalize={}, test={"metric": "test_accuracy"}, playbook={}), tmp_path)

    playbook = {"steps": ["coarse", "bayesian", "confirm"], "pause_before": ["bayesian"]}
    held = study(run=run, playbook=playbook)
    del held["finalize"], held["test"]
    daemon.submit(held, tmp_path)
    daemon.until(lambda: steps(daemon)["coarse"]["state"] == "done", "coarse does not end")
    assert steps(daemon)["bayesian"]["state"] == "paused" and daemon.study("digits")["state"] == "running"
    coarse = len(daemon.trials("digits"))
    assert coarse < 6
    with pytest.raises(Exception, match=r"finalize\.args"):
        daemon.post("/v1/studies/digits/steps", {"step": "finalize", "options": {}})
    daemon.post("/v1/studies/digits/steps/steer", {"step": "bayesian", "action": "skip"})
    with pytest.raises(Exception, match="bayesian is skipped"):
        daemon.post("/v1/studies/digits/steps/steer", {"step": "bayesian", "action": "resume"})
    daemon.wait_ended("digits")
    assert {name: step["state"] for name, step in steps(daemon).items()} == {
        "coarse": "done",
        "bayesian": "skipped",
        "confirm": "done",
    }
    assert len(by_stage(daemon)["search"]) == coarse
