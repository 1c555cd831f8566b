"""The trial as a script sees it, inside and outside of a daemon's trial."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import tuned
from tests.patience import DEADLINE_S
from tuned import faults, protocol
from tuned.sdk.daemon_trial import DaemonTrial
from tuned.sdk.local_trial import LocalTrial

PACKAGE = Path(tuned.__file__).parents[1]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The variables of an attempt whose run directory is `tmp_path`."""
    spec = {
        "attempt_id": "abc",
        "study": "digits",
        "number": 3,
        "attempt": 2,
        "seed": 11,
        "stage": "search",
        "params": {"lr": 0.1, "amp": True},
        "device": "cpu:0",
        "checkpoint_dir": str(tmp_path / "checkpoint"),
        "resumed": True,
    }
    return protocol.trial_environment(spec, str(tmp_path))


def lines(folder: Path) -> list[dict[str, Any]]:
    """The metrics, without the times."""
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in record.items() if k != "_time"} for record in records]


def run(code: str, env: dict[str, str], **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(PACKAGE), **env, **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )


class TestInsideADaemon:
    def test_facts(self, env: dict[str, str], tmp_path: Path) -> None:
        trial = DaemonTrial(env)
        assert trial.params == {"lr": 0.1, "amp": True}
        assert (trial.number, trial.seed, trial.attempt, trial.stage, trial.resumed) == (3, 11, 2, "search", True)
        assert trial.device == "cpu"
        assert DaemonTrial({**env, "TUNED_DEVICE": "GPU-1234"}).device == "cuda"
        assert trial.work_dir == tmp_path / "work" and trial.work_dir.is_dir()

    def test_reports(self, env: dict[str, str], tmp_path: Path) -> None:
        trial = DaemonTrial(env)
        trial.report(step=1, loss=0.5, acc=float("nan"))
        trial.report(metrics={"eval/loss": 1}, loss=2)
        assert lines(tmp_path) == [{"sdk": 1}, {"loss": 0.5, "acc": "nan", "step": 1}, {"eval/loss": 1, "loss": 2}]
        with pytest.raises(ValueError, match="loss='abc'"):
            trial.report(loss="abc")
        assert len(lines(tmp_path)) == 3

    def test_a_report_without_room_needs_no_thread(
        self, env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def start(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        rules = tmp_path / "faults"
        monkeypatch.setattr(faults, "_FILE", str(rules))
        monkeypatch.setattr(threading.Thread, "start", start)
        trial = DaemonTrial(env)
        rules.write_text("write metrics.jsonl ENOSPC")
        trial.report(step=1, loss=0.5)
        rules.write_text("")
        trial.report(step=2, loss=0.4)
        assert lines(tmp_path)[1:] == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.4}]

    def test_report_does_not_change_what_it_was_given(self, env: dict[str, str]) -> None:
        given = {"loss": 1.0}
        DaemonTrial(env).report(step=1, metrics=given)
        assert given == {"loss": 1.0}

    def test_checkpoint_dir_says_once_that_it_can_resume(self, env: dict[str, str], tmp_path: Path) -> None:
        trial = DaemonTrial(env)
        assert trial.checkpoint_dir == trial.checkpoint_dir == tmp_path / "checkpoint"
        assert trial.checkpoint_dir.is_dir()
        assert lines(tmp_path) == [{"sdk": 1}, {"checkpoint": 1}]

    def test_should_stop(self, env: dict[str, str], tmp_path: Path) -> None:
        trial = DaemonTrial(env)
        assert not trial.should_stop() and not trial.should_stop(sync=True)
        (tmp_path / "stop.json").write_text("{}")
        assert trial.should_stop() and trial.should_stop()
        (tmp_path / "stop.json").unlink()
        assert trial.should_stop(), "a stop once seen stays"
        assert lines(tmp_path) == [{"sdk": 1}, {"stop_seen": True}]

    def test_trouble_with_the_file_is_not_the_scripts(self, env: dict[str, str], tmp_path: Path) -> None:
        away = tmp_path / "away"
        trial = DaemonTrial({**env, "TUNED_METRICS": str(away / "metrics.jsonl")})
        trial.report(step=1, loss=1.0)
        away.mkdir()
        trial.report(step=2, loss=2.0)
        assert lines(away) == [{"sdk": 1}, {"loss": 1.0, "step": 1}, {"loss": 2.0, "step": 2}]

    def test_threads(self, env: dict[str, str], tmp_path: Path) -> None:
        trial = DaemonTrial(env)

        def work(name: str) -> None:
            for step in range(100):
                trial.report(step=step, metrics={name: step})

        threads = [threading.Thread(target=work, args=(f"m{i}",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = lines(tmp_path)
        for i in range(4):
            assert [r["step"] for r in found if f"m{i}" in r] == list(range(100))

    @pytest.mark.parametrize(("rank", "count"), [("0", 2), ("1", 0)])
    def test_rank_0_alone_reports(self, env: dict[str, str], tmp_path: Path, rank: str, count: int) -> None:
        done = run("import tuned; t = tuned.current_trial(); t.report(loss=1)", env, RANK=rank)
        assert done.returncode == 0, done.stderr
        path = tmp_path / "metrics.jsonl"
        assert (len(lines(tmp_path)) if path.exists() else 0) == count

    def test_what_waits_is_written_at_exit_and_by_its_own_process(self, env: dict[str, str], tmp_path: Path) -> None:
        code = """
import os, sys, tuned
trial = tuned.current_trial()
trial.report(step=1, loss=1.0)
if os.fork() == 0:
    trial.report(step=5, other=1.0)
    sys.exit(0)
os.wait()
os.mkdir(os.path.dirname(os.environ["TUNED_METRICS"]))
"""
        away = tmp_path / "away"
        done = run(code, {**env, "TUNED_METRICS": str(away / "metrics.jsonl")})
        assert done.returncode == 0, done.stderr
        assert lines(away) == [{"sdk": 1}, {"loss": 1.0, "step": 1}]

    def test_forked_worker_reports_too(self, env: dict[str, str], tmp_path: Path) -> None:
        code = """
import multiprocessing, tuned
trial = tuned.current_trial()
trial._lock.acquire()  # as another thread would hold it at the moment of the fork
process = multiprocessing.get_context("fork").Process(target=trial.report, kwargs={"step": 2, "loss": 2.0})
process.start()
process.join()
raise SystemExit(process.exitcode)
"""
        done = run(code.replace("\nraise", "\ntrial._lock.release()\nraise"), env)
        assert done.returncode == 0, done.stderr
        assert lines(tmp_path) == [{"sdk": 1}, {"loss": 2.0, "step": 2}]

    def test_stop_is_agreed_on_by_all_ranks(self, env: dict[str, str], tmp_path: Path) -> None:
        (tmp_path / "stop.json").write_text("{}")
        code = """
import os, sys, torch.distributed as dist, tuned
dist.init_process_group("gloo", rank=int(sys.argv[1]), world_size=2, init_method="file://" + sys.argv[2])
trial = tuned.current_trial()
trial.report(loss=int(sys.argv[1]))
print(trial.should_stop(sync=True), trial.should_stop())
dist.destroy_process_group()
"""
        ranks = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(rank), str(tmp_path / "meeting")],
                # Rank 1 looks for another stop file, which does not come.
                env={**os.environ, "PYTHONPATH": str(PACKAGE), **env, **({"TUNED_STOP": "/nowhere"} if rank else {})},
                stdout=subprocess.PIPE,
                text=True,
            )
            for rank in (0, 1)
        ]
        said = [process.communicate(timeout=DEADLINE_S)[0] for process in ranks]
        assert said == ["True True\n", "True False\n"]
        assert {"loss": 0} in lines(tmp_path) and {"loss": 1} not in lines(tmp_path)


class TestAlone:
    def test_prints(self, capsys: pytest.CaptureFixture[str]) -> None:
        trial = LocalTrial()
        trial.report(step=3, val_loss=0.25, acc=float("inf"))
        trial.report(loss=1)
        assert capsys.readouterr().out == "step 3  val_loss 0.25  acc inf\nloss 1\n"
        assert trial.should_stop() is False

    def test_folders(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        trial = LocalTrial()
        assert trial.checkpoint_dir.is_dir() and trial.checkpoint_dir.resolve().parent == tmp_path
        assert trial.work_dir.resolve() == tmp_path


class TestCurrentTrial:
    CODE = """
import tuned
trial = tuned.current_trial(defaults={"lr": 1.0, "width": 8})
assert tuned.current_trial(defaults={"depth": 2}) is trial
print(trial.params, type(trial).__name__)
"""

    def test_outside_uses_the_defaults(self) -> None:
        outside = {name: value for name, value in os.environ.items() if not name.startswith("TUNED_")}
        done = subprocess.run(
            [sys.executable, "-c", self.CODE],
            env={**outside, "PYTHONPATH": str(PACKAGE)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "{'lr': 1.0, 'width': 8, 'depth': 2} LocalTrial\n"

    def test_inside_the_study_wins(self, env: dict[str, str]) -> None:
        done = run(self.CODE, env)
        assert done.stdout == "{'lr': 0.1, 'amp': True, 'width': 8, 'depth': 2} DaemonTrial\n", done.stderr
