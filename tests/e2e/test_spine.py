"""The whole path: a study file's content in, trials run, metrics in the database, an ended study out."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.patience import DEADLINE_S

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

QUADRATIC = """
    import tuned
    trial = tuned.current_trial()
    x = trial.params["x"]
    for step in range(5):
        trial.report(step=step, loss=(x - 2) ** 2 + 1 / (step + 1))
    print("done with", x)
"""


def study(**over: Any) -> dict[str, Any]:
    return {
        "name": "quad",
        "run": {"script": "train.py"},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 5.0}},
        "search": {"method": "sobol", "trials": 5, "seed": 1},
        **over,
    }


def write_script(folder: Path, text: str, name: str = "train.py") -> None:
    (folder / name).write_text(textwrap.dedent(text))


def test_script_study_runs_to_its_end(daemon: DaemonProcess, tmp_path: Path) -> None:
    write_script(tmp_path, QUADRATIC)
    daemon.start()
    submitted = daemon.submit(study(), tmp_path)
    assert submitted["created"]
    ended = daemon.wait_ended("quad")
    assert ended["state"] == "completed"
    assert ended["counts"] == {"completed": 5}
    trials = daemon.trials("quad")
    assert [t["number"] for t in trials] == [1, 2, 3, 4, 5]
    best = min(trials, key=lambda t: t["values"]["loss"])
    assert ended["best"]["number"] == best["number"]
    assert best["values"]["loss"] == pytest.approx((best["params"]["x"] - 2) ** 2 + 0.2)
    points = daemon.get("/v1/metrics", target="quad/1", name="loss")
    assert [p["step"] for p in points] == [0, 1, 2, 3, 4]
    log = daemon.get("/v1/studies/quad/trials/1/log")
    assert "done with" in log["text"]


def test_same_submit_is_done_and_other_content_is_refused(daemon: DaemonProcess, tmp_path: Path) -> None:
    write_script(tmp_path, QUADRATIC)
    daemon.start()
    assert daemon.submit(study(), tmp_path)["created"]
    assert not daemon.submit(study(), tmp_path)["created"]
    with pytest.raises(Exception, match=r"search\.trials: 5 -> 6"):
        daemon.submit(study(search={"method": "sobol", "trials": 6, "seed": 1}), tmp_path)


def test_command_with_pattern(daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon.start()
    program = "import sys; [print(f'epoch {i} loss {float(sys.argv[1]) + i}') for i in range(3)]"
    run = {"command": ["python3", "-c", program.replace("{", "{{").replace("}", "}}"), "{x}"]}
    metrics = {"patterns": [r"epoch (?P<step>\d+) loss (?P<loss>\S+)"]}
    daemon.submit(study(run=run, metrics=metrics, search={"method": "random", "trials": 2}), tmp_path)
    ended = daemon.wait_ended("quad")
    assert ended["counts"] == {"completed": 2}
    for trial in daemon.trials("quad"):
        assert trial["values"]["loss"] == pytest.approx(trial["params"]["x"])


def test_canary_pauses_the_study(daemon: DaemonProcess, tmp_path: Path) -> None:
    write_script(tmp_path, "import tuned\ntuned.current_trial()\nraise RuntimeError('broken from the start')\n")
    daemon.start()
    daemon.submit(study(), tmp_path)
    daemon.wait_state("quad", 1, "failed")
    paused = daemon.study("quad")
    assert paused["state"] == "paused"
    assert "broken from the start" in paused["reason"]


def test_queue_runs_a_plain_command(daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon.start()
    body = {"command": ["touch", "{made}"], "cwd": str(tmp_path), "environment": {"PATH": "/usr/bin:/bin"}}
    submitted = daemon.post("/v1/commands", body)
    daemon.wait_ended(submitted["study"])
    assert (tmp_path / "{made}").exists()


def test_daemon_restart_in_the_middle(daemon: DaemonProcess, tmp_path: Path) -> None:
    write_script(
        tmp_path,
        """
        import tuned, time, pathlib
        trial = tuned.current_trial()
        go = pathlib.Path("go")
        while not go.exists():
            time.sleep(0.02)
        trial.report(loss=trial.params["x"])
        """,
    )
    daemon.start()
    daemon.submit(study(), tmp_path)
    daemon.wait_state("quad", 1, "running")
    daemon.wait_state("quad", 2, "running")
    daemon.kill()
    (tmp_path / "go").touch()
    daemon.start()
    ended = daemon.wait_ended("quad")
    assert ended["counts"] == {"completed": 5}
    assert all(t["attempt"] == 1 for t in daemon.trials("quad"))


def test_pause_resume_prune_cancel_kill(daemon: DaemonProcess, tmp_path: Path) -> None:
    write_script(
        tmp_path,
        """
        import tuned, time
        trial = tuned.current_trial()
        open(f"{trial.checkpoint_dir}/saved", "w").close()
        step = 0
        if trial.resumed:
            trial.report(step=100, loss=0.5)
        else:
            while not trial.should_stop():
                trial.report(step=step, loss=1.0 + step)
                step += 1
                time.sleep(0.01)
        """,
    )
    daemon.slots = 4
    daemon.start()
    daemon.submit(study(search={"method": "sobol", "trials": 4, "seed": 1}), tmp_path)
    for number in range(1, 5):
        daemon.wait_state("quad", number, "running")
    assert daemon.post("/v1/pause", {"targets": ["quad/1"], "level": "restart"})["changed"] == ["quad/1"]
    daemon.post("/v1/prune", {"targets": ["quad/2"]})
    daemon.post("/v1/cancel", {"targets": ["quad/3"]})
    daemon.post("/v1/kill", {"targets": ["quad/4"]})
    daemon.wait_state("quad", 1, "paused")
    pruned = daemon.wait_state("quad", 2, "pruned")
    assert pruned["values"]["loss"] == 1.0
    daemon.wait_state("quad", 3, "cancelled")
    killed = daemon.wait_state("quad", 4, "failed")
    assert killed["failure"] == "killed"
    daemon.post("/v1/resume", {"targets": ["quad/1"]})
    resumed = daemon.wait_state("quad", 1, "completed")
    assert resumed["attempt"] == 2
    assert resumed["values"]["loss"] == 0.5
    # The cancelled trial does not count, so another one takes its place.
    daemon.wait_state("quad", 5, "running")


def test_stopping_the_trials_with_the_daemon_queues_them_again(daemon: DaemonProcess, tmp_path: Path) -> None:
    write_script(
        tmp_path,
        """
        import pathlib, time, tuned
        trial = tuned.current_trial()
        saved = pathlib.Path(trial.checkpoint_dir, "here")
        trial.report(step=0, loss=2.0)
        while not trial.resumed and not trial.should_stop():
            time.sleep(0.01)
        saved.touch()
        trial.report(loss=1.0)
        """,
    )
    daemon.start()
    daemon.submit(study(search={"method": "sobol", "trials": 1}), tmp_path)
    # Whoever is not known to listen is ended by a signal.
    daemon.until(lambda: [t["last_step"] for t in daemon.trials("quad")] == [0], "it reports nothing")
    daemon.post("/v1/stop", {"stop_trials": True})
    assert daemon.process is not None
    assert daemon.process.wait(DEADLINE_S) == 0
    daemon.start()
    daemon.wait_ended("quad")
    (trial,) = daemon.trials("quad")
    assert (trial["state"], trial["attempt"]) == ("completed", 2)
