"""Other people's scripts, each tuned as it is: `tests/scripts/` holds them, in the manner of public examples."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A project of its own: a copy of the script's folder, named by the test's marker."""
    target = tmp_path / "project"
    shutil.copytree(SCRIPTS / request.param, target)
    return target


def of(name: str) -> Any:
    return pytest.mark.parametrize("folder", [name], indirect=True, ids=[name])


def submit(daemon: DaemonProcess, folder: Path, name: str, **study: Any) -> Any:
    study = {"name": name, "objective": {"metric": "val_loss", "direction": "minimize"}, **study}
    study["run"].setdefault("python", sys.executable)
    study["search"] = {"method": "sobol", "parallel": 2, **study["search"]}
    return daemon.submit(study, folder)


def log(daemon: DaemonProcess, name: str, number: int) -> str:
    return str(daemon.get(f"/v1/studies/{name}/trials/{number}/log")["text"])


def curve(daemon: DaemonProcess, target: str, metric: str) -> list[tuple[int, float]]:
    return [(point["step"], point["value"]) for point in daemon.get("/v1/metrics", target=target, name=metric)]


def run_dir(daemon: DaemonProcess, name: str, number: int, attempt: int = 1) -> Path:
    return daemon.home / "runs" / name / str(number) / str(attempt)


def processes_of(marker: str) -> list[int]:
    """Processes whose environment holds the text."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if marker.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@of("flags")
def test_argparse_with_flags_and_groups(shared_daemon: DaemonProcess, folder: Path) -> None:
    points = [
        {"lr": 0.123456, "optimizer": "sgd", "nesterov": False, "no-bias": True},
        {"lr": 0.2, "optimizer": "momentum", "momentum": 0.5, "nesterov": True, "no-bias": False},
    ]
    submitted = submit(
        shared_daemon,
        folder,
        "flags",
        run={
            "script": "train.py",
            "args": ["--lr", "{lr:.2g}", ["--momentum", "{momentum}"], "{params:flags}"],
        },
        metrics={
            "patterns": [r"Epoch\s+(?P<step>\d+)/\d+  train loss (?P<train_loss>\S+)  val_loss: (?P<val_loss>\S+)"]
        },
        space={
            "lr": {"type": "float", "low": 0.01, "high": 1.0, "log": True},
            "optimizer": ["sgd", "momentum"],
            "momentum": {"type": "float", "low": 0.0, "high": 0.9, "when": {"optimizer": "momentum"}},
            "nesterov": {"type": "bool"},
            "no-bias": {"type": "bool"},
            "epochs": 3,
        },
        search={"trials": 2, "point": points},
    )
    assert submitted["arguments"][0] == ["train.py", "--lr", "0.12", "--optimizer=sgd", "--no-bias", "--epochs=3"]
    assert submitted["code"] and "run.python names it" in submitted["python_why"]
    assert shared_daemon.wait_ended("flags")["counts"] == {"completed": 2}
    first, second = shared_daemon.trials("flags")
    assert first["params"]["lr"] == 0.12 and "momentum" not in first["params"] and first["code"] == ""
    assert "'no_bias': True" in log(shared_daemon, "flags", 1)
    assert "'momentum': 0.5" in log(shared_daemon, "flags", 2) and "'nesterov': True" in log(shared_daemon, "flags", 2)
    assert [step for step, _ in curve(shared_daemon, "flags/2", "val_loss")] == [1, 2, 3]
    assert second["values"]["val_loss"] == min(value for _, value in curve(shared_daemon, "flags/2", "val_loss"))
    start = json.loads((run_dir(shared_daemon, "flags", 1) / "start.json").read_text())
    assert start["code"]["mode"] == "live" and start["code"]["hash"] == submitted["code"]


@of("configured")
def test_configuration_file_in_a_snapshot(shared_daemon: DaemonProcess, folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "points.csv").write_text("5\n7\n")
    (folder / ".gitignore").write_text("data/\n*.tmp\n")
    (folder / "left.tmp").write_text("ignored")
    git = ["git", "-C", str(folder), "-c", "user.name=u", "-c", "user.email=u@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    (folder / "untracked.txt").write_text("new")
    before = sorted(p.relative_to(folder) for p in folder.rglob("*") if ".git" not in p.parts)
    submitted = submit(
        shared_daemon,
        folder,
        "configured",
        run={
            "script": "train.py",
            "args": ["config.yaml", "log=logs/run.jsonl"],
            "code": "snapshot",
            "data": ["data"],
            "config": [{"from": "base.yaml", "to": "config.yaml", "set": {"optim.lr": "lr", "train.epochs": "epochs"}}],
        },
        metrics={"jsonl": "logs/run.jsonl", "rename": {"eval/loss": "val_loss"}},
        space={"lr": {"type": "float", "low": 0.01, "high": 0.4}, "epochs": 3},
        search={"trials": 3, "seed": 2},
    )
    # What is edited after submit changes nothing.
    (folder / "train.py").write_text("raise SystemExit('edited')\n")
    (folder / "model.py").write_text("raise SystemExit('edited')\n")
    assert shared_daemon.wait_ended("configured")["counts"] == {"completed": 3}
    for trial in shared_daemon.trials("configured"):
        expected = {epoch: (3 * (1 - 2 * trial["params"]["lr"]) ** (epoch + 1)) ** 2 for epoch in range(3)}
        found = dict(curve(shared_daemon, f"configured/{trial['number']}", "val_loss"))
        assert found == pytest.approx(expected)
    work = run_dir(shared_daemon, "configured", 1) / "work"
    config = (work / "config.yaml").read_text()
    assert "warmup: 1e-3" in config and "amp: off" in config and "betas: [0.9, 0.999]" in config
    assert (work / "data").is_symlink() and (work / "untracked.txt").exists() and not (work / "left.tmp").exists()
    assert "edited" not in (work / "train.py").read_text()
    code = shared_daemon.home / "runs" / "configured" / "code" / submitted["code"]
    assert not (code / "logs").exists() and not (code / "config.yaml").exists()
    assert sorted(p.relative_to(folder) for p in folder.rglob("*") if ".git" not in p.parts) == before
    start = json.loads((run_dir(shared_daemon, "configured", 1) / "start.json").read_text())
    assert start["code"]["mode"] == "snapshot" and len(start["code"]["commit"]) == 40
    assert subprocess.run([*git, "diff", "--cached", "--quiet"], check=False).returncode == 0


@of("saves")
def test_script_that_saves_into_its_folder_goes_on(shared_daemon: DaemonProcess, folder: Path) -> None:
    go = folder.parent / "go"
    submit(
        shared_daemon,
        folder,
        "saves",
        run={
            "script": "train.py",
            "args": ["--lr", "{lr}", "--wait-for", str(go)],
            "code": "snapshot",
            "resume": {"when": "checkpoint.pt", "args": ["--resume", "checkpoint.pt"]},
        },
        metrics={"csv": "scores.csv"},
        space={"lr": {"type": "float", "low": 0.1, "high": 0.5}},
        search={"trials": 2},
    )

    def scored() -> bool:
        return all(len(curve(shared_daemon, f"saves/{n}", "val_loss")) == 2 for n in (1, 2))

    shared_daemon.wait_state("saves", 2, "running")
    shared_daemon.until(scored, "two epochs of both trials")
    shared_daemon.post("/v1/pause", {"targets": ["saves/1"]})
    shared_daemon.wait_state("saves", 1, "paused")
    go.touch()
    shared_daemon.post("/v1/resume", {"targets": ["saves/1"]})
    assert shared_daemon.wait_ended("saves")["counts"] == {"completed": 2}
    first, second = shared_daemon.trials("saves")
    assert first["attempt"] == 2 and second["attempt"] == 1
    assert "resumed at epoch 2" in log(shared_daemon, "saves", 1)
    for trial in (first, second):
        expected = (10 * (1 - trial["params"]["lr"]) ** 4) ** 2
        assert trial["values"]["val_loss"] == pytest.approx(expected)
    assert not (folder / "checkpoint.pt").exists()


@of("bars")
def test_progress_bars_on_stderr(shared_daemon: DaemonProcess, folder: Path) -> None:
    submit(
        shared_daemon,
        folder,
        "bars",
        run={"script": "train.py", "args": ["--rate", "{rate}"]},
        metrics={
            "stderr": [r"accuracy=(?P<accuracy>[\d.]+)", r"\[loss=(?P<loss>[\d.]+)\]"],
            "rename": {"loss": "val_loss"},
        },
        objective={"metric": "accuracy", "direction": "maximize"},
        space={"rate": {"type": "float", "low": 0.01, "high": 0.05}},
        search={"trials": 1},
    )
    assert shared_daemon.wait_ended("bars")["counts"] == {"completed": 1}
    assert [step for step, _ in curve(shared_daemon, "bars/1", "accuracy")] == [0, 1, 2, 3]
    losses = curve(shared_daemon, "bars/1", "val_loss")
    assert [step for step, _ in losses] == list(range(18))
    rate = shared_daemon.trials("bars")[0]["params"]["rate"]
    assert losses[-1][1] == pytest.approx((1 - rate) ** 18, abs=1e-4)


@of("wrapped")
def test_shell_script_around_a_program(shared_daemon: DaemonProcess, folder: Path) -> None:
    submit(
        shared_daemon,
        folder,
        "wrapped",
        run={
            "command": ["./run.sh", "{lr}", ["--layers={layers}"]],
            "env": {"OUT_DIR": "{run_dir}/work", "WANDB_NAME": "{study}-{number}"},
        },
        metrics={"stdout": r"error (?P<error>\S+)"},
        objective={"metric": "error", "direction": "minimize", "summary": "last"},
        space={
            "lr": {"type": "float", "low": 0.01, "high": 0.1},
            "deep": {"type": "bool"},
            "layers": {"type": "int", "low": 1, "high": 3, "when": {"deep": True}},
        },
        search={"trials": 2, "point": [{"lr": 0.05, "deep": False}, {"lr": 0.04, "deep": True, "layers": 2}]},
    )
    assert shared_daemon.wait_ended("wrapped")["counts"] == {"completed": 2}
    values = [trial["values"]["error"] for trial in shared_daemon.trials("wrapped")]
    assert values == pytest.approx([0.02 / 4, 0.01 * 2 / 4])
    for number in (1, 2):
        assert (run_dir(shared_daemon, "wrapped", number) / "work" / "results" / "log.txt").exists()


@of("ranks")
def test_torchrun_side_by_side(shared_daemon: DaemonProcess, folder: Path) -> None:
    launch = ["python", "-m", "torch.distributed.run", "--nproc-per-node", "2", "train.py", "--lr", "{lr}"]
    submit(
        shared_daemon,
        folder,
        "ranks",
        run={"command": launch, "env": {"OMP_NUM_THREADS": "1"}},
        metrics={"patterns": [r"step (?P<step>\d+) port (?P<port>\d+) loss (?P<val_loss>\S+)"]},
        space={"lr": {"type": "float", "low": 0.01, "high": 0.4}},
        search={"trials": 2},
    )
    assert shared_daemon.wait_ended("ranks")["counts"] == {"completed": 2}
    ports = {curve(shared_daemon, f"ranks/{n}", "port")[0][1] for n in (1, 2)}
    assert len(ports) == 2
    for number in (1, 2):
        assert [step for step, _ in curve(shared_daemon, f"ranks/{number}", "val_loss")] == [0, 1, 2]
        assert len(re.findall("step 0 ", log(shared_daemon, "ranks", number))) == 1


@of("ranks")
def test_all_ranks_stop_together(shared_daemon: DaemonProcess, folder: Path) -> None:
    (folder / "out").mkdir()
    submit(
        shared_daemon,
        folder,
        "spawned",
        run={"script": "spawned.py", "args": [str(folder / "out")], "env": {"OMP_NUM_THREADS": "1"}, "grace": "60s"},
        objective={"metric": "loss", "direction": "minimize"},
        space={"lr": {"type": "float", "low": 0.0, "high": 1.0}},
        search={"trials": 2, "parallel": 1},
    )
    out = folder / "out"
    shared_daemon.until(lambda: (out / "1-0").exists() and (out / "1-1").exists(), "both ranks run")
    shared_daemon.post("/v1/prune", {"targets": ["spawned/1"]})
    assert shared_daemon.wait_state("spawned", 1, "pruned")["values"]["loss"] > 0
    stops = [(out / f"1-{rank}-stopped").read_text() for rank in (0, 1)]
    assert stops[0] == stops[1]
    steps = [step for step, _ in curve(shared_daemon, "spawned/1", "loss")]
    assert steps == list(range(len(steps)))
    shared_daemon.wait_state("spawned", 2, "running")
    ids = [shared_daemon.get(f"/v1/studies/spawned/trials/{n}")["attempts"][-1]["attempt_id"] for n in (1, 2)]
    shared_daemon.until(lambda: len(processes_of(ids[1])) >= 2, "trial 2 starts its ranks")
    shared_daemon.post("/v1/kill", {"targets": ["spawned/2"]})
    assert shared_daemon.wait_state("spawned", 2, "failed")["failure"] == "killed"
    assert [processes_of(attempt) for attempt in ids] == [[], []]
