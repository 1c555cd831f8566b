"""A study in other programs, read back by them: MLflow, TensorBoard, Prometheus."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import wait_until
from tests.e2e.tunectl_process import Tunectl
from tests.patience import DEADLINE_S

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tunectl]:
    """A study of which three trials have ended."""
    work = tmp_path_factory.mktemp("exports")
    tunectl = Tunectl(work / "home", work)
    tunectl.write(trials=3)
    try:
        tunectl("submit", "quad.toml", "--wait")
        yield tunectl
    finally:
        tunectl.end()


def needs(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed here")


def reading(code: str, *words: str) -> Any:
    """What a program prints that reads with the package itself."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *words], capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert done.returncode == 0, done.stderr
    return eval(done.stdout.splitlines()[-1])


MLFLOW = """
import os, sys
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
from mlflow import MlflowClient
client = MlflowClient(tracking_uri="sqlite:///" + sys.argv[1])
experiment = client.get_experiment_by_name("quad")
runs = sorted(client.search_runs([experiment.experiment_id]), key=lambda run: run.info.run_name)
history = client.get_metric_history(runs[0].info.run_id, "loss")
print((
    experiment.tags.get("mlflow.note.content"), [run.info.run_name for run in runs], {run.info.status for run in runs},
    [run.data.params["x"] for run in runs], [(m.step, m.value) for m in history], runs[0].data.tags["tuned.trial"],
    all(run.info.start_time <= run.info.end_time for run in runs),
))
"""


def test_mlflow_has_a_run_for_each_trial_and_none_twice(ran: Tunectl) -> None:
    needs("mlflow")
    first = ran.json("export", "quad", "--format", "mlflow", "-o", "mlflow.db")
    assert (first["added"], first["there_already"]) == (3, 0)
    assert ran.json("export", "quad", "--format", "mlflow", "-o", "mlflow.db")["there_already"] == 3
    question, names, status, xs, history, number, ordered = reading(MLFLOW, str(ran.work / "mlflow.db"))
    assert (question, names, status) == ("Where is the minimum?", ["quad/1", "quad/2", "quad/3"], {"FINISHED"})
    assert xs == [str(t["params"]["x"]) for t in ran.json("trials", "quad")] and (number, ordered) == ("1", True)
    assert history == [(r["step"], r["value"]) for r in ran.json("metrics", "quad/1")]


EVENTS = """
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
read = EventAccumulator(sys.argv[1])
read.Reload()
plugins = sorted(read.summary_metadata) if hasattr(read, "summary_metadata") else []
print(([(e.step, e.value) for e in read.Scalars("loss")], plugins))
"""


def test_tensorboard_has_a_folder_for_each_trial(ran: Tunectl) -> None:
    needs("tensorboard")
    assert ran.json("export", "quad", "--format", "tensorboard", "-o", "tb")["added"] == 3
    assert sorted(path.name for path in (ran.work / "tb").iterdir()) == ["1", "2", "3"]
    scalars, plugins = reading(EVENTS, str(ran.work / "tb" / "2"))
    reports = ran.json("metrics", "quad/2")
    assert [step for step, _ in scalars] == [r["step"] for r in reports]
    assert [value for _, value in scalars] == pytest.approx([r["value"] for r in reports])
    assert any(name.startswith("_hparams_") for name in plugins)
    assert ran.json("export", "quad", "--format", "tensorboard", "-o", "tb")["added"] == 0


def test_without_the_package_the_extra_is_named(ran: Tunectl) -> None:
    hidden = "import sys; sys.modules['mlflow'] = None; from tuned.cli.run import run; sys.exit(run(sys.argv[1:]))"
    words = ["export", "quad", "--format", "mlflow", "-o", "m.db"]
    done = subprocess.run(
        [sys.executable, "-I", "-c", hidden, *words],
        env=ran.env, cwd=ran.work, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "pip install 'tuned-hpo[mlflow]'" in done.stderr


def test_figures_for_prometheus_by_file_and_by_socket(ran: Tunectl, tmp_path: Path) -> None:
    parser = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is not installed")
    ran.write(trials=1, hold=True)
    ran("submit", "quad.toml", "--name", "live")
    wait_until(lambda: [row for row in ran.json("status")["running"] if row["state"] == "running"], "it does not run")
    file = tmp_path / "tuned.prom"
    samples = ran.json("metrics-file", str(file))["samples"]
    assert file.stat().st_mode & 0o777 == 0o666 & ~umask() and [p.name for p in tmp_path.iterdir()] == ["tuned.prom"]
    read = {s.name: s for f in parser.text_string_to_metric_families(file.read_text()) for s in f.samples}
    assert sum(len(f.samples) for f in parser.text_string_to_metric_families(file.read_text())) == samples
    assert read["tuned_trial_info"].labels == {"study": "live", "trial": "1", "gpu_uuid": ""}
    assert read["tuned_trials_running"].value == 1 and read["tuned_trial_running_seconds"].value > 0
    assert read["tuned_study_trials"].labels == {"study": "live", "state": "running"}
    curl = ["curl", "-s", "--unix-socket", str(ran.home / "tuned.sock"), "http://tuned/metrics"]
    text = subprocess.run(curl, capture_output=True, text=True, timeout=DEADLINE_S, check=True).stdout
    assert {f.name for f in parser.text_string_to_metric_families(text)} >= {"tuned_build_info", "tuned_trial_info"}
    assert "end in .prom" in ran("metrics-file", str(tmp_path / "x"), code=2)
    ran.release()


def umask() -> int:
    before = os.umask(0)
    os.umask(before)
    return before
