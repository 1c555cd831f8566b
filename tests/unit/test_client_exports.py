"""Ended trials in other programs' files: whole ones once, and none for another's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tuned.client.ended_runs import EndedRun
from tuned.client.event_files import write_events
from tuned.client.mlflow_store import write_mlflow
from tuned.core.errors import InvalidInput
from tuned.wire import TrialRow

pytestmark = pytest.mark.filterwarnings("ignore")  # of the other programs' own packages


def run(number: int, study: str = "s", began: float = 100.0, metric: str = "loss") -> EndedRun:
    row = TrialRow.__new__(TrialRow)
    fields: dict[str, Any] = {
        "study": study, "number": number, "state": "completed", "origin": "sobol", "seed": 1, "stage": "search",
        "reason": "", "params": {"x": 1}, "values": {"loss": 1.0}, "created_at": 99.0, "started_at": began,
        "ended_at": 200.0,
    }  # fmt: skip
    for name, value in fields.items():
        object.__setattr__(row, name, value)
    return EndedRun(row, {metric: [(0.0, 1.0, 150.0)]})


def test_a_trial_that_was_cut_off_half_written_is_written_again_in_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    store = tmp_path / "m.db"
    write = mlflow.MlflowClient.log_batch

    def cut(self: Any, run_id: str, **what: Any) -> None:
        if "metrics" in what:
            raise KeyboardInterrupt
        write(self, run_id, **what)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(mlflow.MlflowClient, "log_batch", cut)
        write_mlflow(store, "s", "", [run(1)])
    assert write_mlflow(store, "s", "", [run(1)]) == (1, 0)
    assert write_mlflow(store, "s", "", [run(1)]) == (0, 1)
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{store}")
    experiment = client.get_experiment_by_name("s").experiment_id
    (only,) = client.search_runs([experiment])
    assert (only.info.status, only.data.metrics) == ("FINISHED", {"loss": 1.0})
    # A study of the same name that came later has trials of its own.
    assert write_mlflow(store, "s", "", [run(1, began=500.0)]) == (1, 0)


def test_what_mlflow_refuses_is_one_line(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    other = tmp_path / "notes.txt"
    other.write_text("hello\n" * 100)
    with pytest.raises(InvalidInput, match="is no SQLite store"):
        write_mlflow(other, "s", "", [run(1)])
    assert other.read_text().startswith("hello")
    store = tmp_path / "m.db"
    write_mlflow(store, "s", "", [])
    with pytest.raises(InvalidInput, match="MLflow refuses"):
        write_mlflow(store, "s", "", [run(1, metric="a//b")])
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{store}")
    client.delete_experiment(client.get_experiment_by_name("s").experiment_id)
    with pytest.raises(InvalidInput, match="deleted"):
        write_mlflow(store, "s", "", [run(1)])


def test_a_folder_of_event_files_is_one_studys_and_each_trial_in_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")

    def cut(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("tuned.client.event_files._events", cut)
        write_events(tmp_path, "loss", [run(1)])
    assert write_events(tmp_path, "loss", [run(1), run(2)]) == (2, 0)
    assert write_events(tmp_path, "loss", [run(1), run(2)]) == (0, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]
    for other in (run(1, "other"), run(1, began=500.0)):
        with pytest.raises(InvalidInput, match="of another study"):
            write_events(tmp_path, "loss", [other])
    (tmp_path / "3").mkdir()
    with pytest.raises(InvalidInput, match="no trial of ours"):
        write_events(tmp_path, "loss", [run(3)])
