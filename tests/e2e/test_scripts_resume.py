"""Unmodified scripts that save and go on, as trainers do: folders of steps, some of them half written."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def test_the_newest_complete_folder_is_handed_on(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(SCRIPTS / "checkpoints", project)
    go = tmp_path / "go"
    study = {
        "name": "folders",
        "run": {
            "script": "train.py",
            "python": sys.executable,
            "args": ["--lr", "{lr}", "--output_dir", "{checkpoint_dir}", "--wait_for", str(go)],
            "resume": {
                "when": "{checkpoint_dir}/checkpoint-*",
                "args": ["--resume_from_checkpoint", "{resume}"],
            },
        },
        "metrics": {"patterns": [r"'eval_loss': (?P<eval_loss>[^,]+), 'step': (?P<step>\d+)"]},
        "objective": {"metric": "eval_loss", "direction": "minimize", "summary": "last"},
        "space": {"lr": {"type": "float", "low": 0.1, "high": 0.5}},
        "search": {"method": "sobol", "trials": 1},
    }
    shared_daemon.submit(study, project)

    def seven_steps() -> bool:
        [trial] = shared_daemon.trials("folders")
        assert trial["state"] != "failed", trial["reason"]
        return len(shared_daemon.get("/v1/metrics", target="folders/1", name="eval_loss")) == 7

    shared_daemon.until(seven_steps, "seven steps")
    shared_daemon.post("/v1/pause", {"targets": ["folders/1"]})
    shared_daemon.wait_state("folders", 1, "paused")
    go.touch()
    half = shared_daemon.home / "runs" / "folders" / "1" / "checkpoint" / "checkpoint-7"
    assert sorted(entry.name for entry in half.iterdir()) == ["weights.json"]
    shutil.rmtree(half)
    half.mkdir()  # as it would lie there when the pause came a moment earlier
    (half / "weights.json").write_text("0")
    (project / "train.py").write_text((project / "train.py").read_text().replace("os.mkdir(", "os.makedirs("))
    (project / "train.py").write_text((project / "train.py").read_text().replace("(folder)", "(folder, exist_ok=True)"))
    shared_daemon.post("/v1/resume", {"targets": ["folders/1"]})
    assert shared_daemon.wait_ended("folders")["counts"] == {"completed": 1}
    [trial] = shared_daemon.trials("folders")
    text = shared_daemon.get("/v1/studies/folders/trials/1/log")["text"]
    assert trial["attempt"] == 2 and "resumed checkpoint-6" in text
    assert trial["values"]["eval_loss"] == pytest.approx((10 * (1 - trial["params"]["lr"]) ** 12) ** 2)


def test_a_pause_waits_for_the_save_and_a_torn_one_takes_nothing_away(
    shared_daemon: DaemonProcess, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(SCRIPTS / "torn", project)
    study = {
        "name": "torn",
        "run": {
            "script": "train.py",
            "python": sys.executable,
            "args": ["--lr", "{lr}", "--out_dir", "{checkpoint_dir}", "--folder", str(project)],
            "resume": {"when": "{checkpoint_dir}/*.pt", "args": ["--init_from", "resume"]},
        },
        "metrics": {"patterns": [r"step (?P<step>\d+): val loss (?P<loss>\S+)"]},
        "objective": {"metric": "loss", "direction": "minimize", "summary": "last"},
        "space": {"lr": {"type": "float", "low": 0.1, "high": 0.5}},
        "search": {"method": "sobol", "trials": 1},
    }
    saved = shared_daemon.home / "runs/torn/1/checkpoint"
    shared_daemon.submit(study, project)
    shared_daemon.until((project / "saving").exists, "the middle of a save")
    shared_daemon.post("/v1/pause", {"targets": ["torn/1"]})
    shared_daemon.until(lambda: (saved.parent / "1/stop.json").exists(), "it was told to stop")
    (project / "go").touch()
    shared_daemon.wait_state("torn", 1, "paused")
    assert (saved / "ckpt.pt").read_bytes() == b"", "its answer to the signal was a save that was cut off"
    assert (saved.parent / "checkpoint.copy/ckpt.pt").stat().st_size > 0
    (saved / "other.pt").write_bytes(b"other")  # or it would be clear that there is nothing to go on from

    shared_daemon.post("/v1/resume", {"targets": ["torn/1"]})
    shared_daemon.until((project / "again").exists, "it goes on from the copy")
    [trial] = shared_daemon.trials("torn")
    assert trial["attempt"] == 3
    log = "/v1/studies/torn/trials/1/log"
    shared_daemon.until(lambda: "resumed at step 3" in shared_daemon.get(log)["text"], "the step that was copied")
    assert trial["values"]["loss"] == pytest.approx(10 * (1 - trial["params"]["lr"]) ** 3)
    # Nothing is left to fall back to: what it had reported counts.
    shared_daemon.post("/v1/pause", {"targets": ["torn/1"]})
    shared_daemon.wait_state("torn", 1, "paused")
    shutil.rmtree(saved.parent / "checkpoint.copy")
    (saved / "ckpt.pt").write_bytes(b"torn")
    shared_daemon.post("/v1/resume", {"targets": ["torn/1"]})
    ended = shared_daemon.wait_ended("torn")
    [trial] = shared_daemon.trials("torn")
    assert ended["counts"] == {"pruned": 1} and ended["best"]["number"] == 1
    assert "could not go on from its checkpoint" in trial["reason"]
    assert sorted(path.name for path in saved.parent.iterdir()) == ["1", "2", "3", "4", "checkpoint"]
