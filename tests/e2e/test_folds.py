"""Cross-validation within trials, and checkpoints to begin from, through a real daemon."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

FOLDED = Path(__file__).parents[1] / "scripts" / "folded" / "train.py"
VALIDATED = """
import tuned
trial = tuned.current_trial()
for fold in trial.folds(5):
    train, valid = fold.split(50)
    assert len(valid) == 10
    fold.report(loss=(trial.params["x"] - 2) ** 2 + fold.number / 10)
"""


def study(name: str, script: Path, **over: Any) -> dict[str, Any]:
    return {
        "name": name,
        "run": {"script": str(script), "python": sys.executable, **over.pop("run", {})},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 4.0}},
        "search": {"trials": 2, "method": "sobol", "parallel": 1, "point": [{"x": 2.0}, {"x": 0.0}]},
        **over,
    }


def curve(daemon: DaemonProcess, target: str, name: str) -> list[tuple[int, float]]:
    return [(row["step"], row["value"]) for row in daemon.get("/v1/metrics", target=target, name=name)]


def test_a_trial_is_the_mean_of_its_folds_and_a_hopeless_one_ends_early(
    shared_daemon: DaemonProcess, tmp_path: Path
) -> None:
    script = tmp_path / "train.py"
    # The second trial lets the daemon see each fold before it asks whether to go on.
    script.write_text(VALIDATED + "    while trial.number == 2 and fold.number > 2 and not trial.should_stop(): pass\n")
    shared_daemon.submit(study("validated", script, early_stopping={"method": "none", "patience": 9}), tmp_path)
    shared_daemon.wait_ended("validated")
    first, second = shared_daemon.trials("validated")
    assert first["state"] == "completed" and first["values"]["loss"] == pytest.approx(0.3)
    folds = curve(shared_daemon, "validated/1", "folds/loss")
    assert folds == [(i, pytest.approx(i / 10)) for i in range(1, 6)]
    assert curve(shared_daemon, "validated/1", "loss_sem")[0][1] == pytest.approx(0.0707, abs=1e-4)
    assert second["state"] == "pruned", second
    assert len(curve(shared_daemon, "validated/2", "folds/loss")) < 5
    intents = [
        e for e in shared_daemon.get("/v1/events/list", study="validated", limit=1000) if e["type"] == "trial.intent"
    ]
    assert "worse than the best trial's by 4" in intents[0]["data"]["why"]


def test_an_unmodified_script_runs_once_a_fold(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    run = {"args": ["{x}", ["--fold", "{fold}"]], "folds": 3}
    patterns = {"patterns": [r"epoch (?P<step>\d+) loss (?P<loss>\S+)"]}
    shared_daemon.submit(study("folded", FOLDED, run=run, metrics=patterns), tmp_path)
    ended = shared_daemon.wait_ended("folded")
    assert ended["counts"] == {"completed": 2}, shared_daemon.trials("folded")
    assert curve(shared_daemon, "folded/1", "loss") == [(0, pytest.approx(0.2)), (1, pytest.approx(0.19))]
    assert curve(shared_daemon, "folded/1", "fold2/loss") == [(0, pytest.approx(0.2)), (1, pytest.approx(0.19))]
    log = shared_daemon.get("/v1/studies/folded/trials/1/log")["text"]
    assert log.count("epoch 0") == 3
    for wrong, says in (({"args": ["{x}", "{fold}"]}, "of no folds"), ({"args": ["{x}"], "folds": 3}, "the same")):
        with pytest.raises(Exception, match=says):
            shared_daemon.submit(study("wrong", FOLDED, run=wrong, metrics=patterns), tmp_path)


def test_trials_begin_from_checkpoints_of_files_and_of_other_studies(
    shared_daemon: DaemonProcess, tmp_path: Path
) -> None:
    saves = tmp_path / "saves.py"
    saves.write_text(
        "import tuned\ntrial = tuned.current_trial()\n"
        "(trial.checkpoint_dir / 'model.txt').write_text(str(trial.params['x']))\n"
        "trial.report(loss=(trial.params['x'] - 2) ** 2)\n"
    )
    shared_daemon.submit(study("similar", saves), tmp_path)
    shared_daemon.wait_ended("similar")
    begins = tmp_path / "begins.py"
    begins.write_text(
        "import tuned, pathlib\ntrial = tuned.current_trial()\nstart = trial.params['init_from']\n"
        "trial.report(loss=9.0 if start == 'none' else float(pathlib.Path(start).read_text()))\n"
    )
    (tmp_path / "big.txt").write_text("7.5")
    space = {"init_from": {"values": ["none", "study:similar/best", "file:big.txt"]}}
    shared_daemon.submit(study("begins", begins, space=space, search={"method": "grid"}), tmp_path)
    shared_daemon.wait_ended("begins")
    found = {t["params"]["init_from"]: t["values"]["loss"] for t in shared_daemon.trials("begins")}
    assert found == {"none": 9.0, "study:similar/best": 2.0, "file:big.txt": 7.5}
    # The best trial of the other study is fixed at submit, and kept as long as somebody begins from it.
    assert shared_daemon.get("/v1/studies/begins")["spec"]["pretrained"]["study:similar/best"] == "similar/1"
    collected = shared_daemon.post("/v1/gc", {"dry_run": True, "quota": 0})["removed"]
    assert not [line for line in collected if line.startswith("similar/1 ")]
    for value, says in (
        ("study:absent/best", "no such study"),
        ("file:absent.pt", "there is no"),
        ("study:x", "names"),
    ):
        wrong = {"init_from": {"values": ["none", value]}}
        with pytest.raises(Exception, match=says):
            shared_daemon.submit(study("wrong", begins, space=wrong, search={"method": "grid"}), tmp_path)
