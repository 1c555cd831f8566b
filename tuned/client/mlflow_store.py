"""A study in MLflow's tracking store: an experiment, and a run for each ended trial.

Owns that mapping and the use of the package `mlflow` (`mlflow-skinny` is enough). The store is an SQLite file.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tuned.client.ended_runs import EndedRun
from tuned.core.states import VALUED

STUDY, TRIAL = "tuned.study", "tuned.trial"
"""Tags of a run, by which one that is there already is known."""
BATCH = 1000
"""Metrics that MLflow takes at once."""
_STATUS = {"failed": "FAILED", "lost": "KILLED"}


def write_mlflow(file: Path, study: str, question: str, runs: Iterable[EndedRun]) -> tuple[int, int]:
    """Add the trials that the store does not have yet.

    Returns:
        How many were added, and how many were there already.

    Raises:
        ImportError: MLflow is not installed.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    client = MlflowClient(tracking_uri=f"sqlite:///{file.resolve()}")
    known = client.get_experiment_by_name(study)
    experiment = client.create_experiment(study) if known is None else known.experiment_id
    if question:
        client.set_experiment_tag(experiment, "mlflow.note.content", question)
    there, added, kept = _there(client, experiment), 0, 0
    for run in runs:
        if str(run.row.number) in there:
            kept += 1
            continue
        _write(client, experiment, run)
        added += 1
    return added, kept


def _there(client: Any, experiment: str) -> set[str]:
    found, token = set(), None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        found |= {run.data.tags[TRIAL] for run in page if TRIAL in run.data.tags}
        token = page.token
        if not token:
            return found


def _write(client: Any, experiment: str, run: EndedRun) -> None:
    from mlflow.entities import Metric, Param, RunTag

    row = run.row
    began = _ms(row.started_at or row.created_at)
    created = client.create_run(experiment, start_time=began, run_name=run.name)
    tags = {STUDY: row.study, TRIAL: str(row.number), "tuned.state": row.state, "tuned.origin": row.origin}
    tags |= {"tuned.seed": str(row.seed), "tuned.stage": row.stage, "tuned.reason": row.reason}
    params = [Param(_key(name), str(value)) for name, value in row.params.items()]
    metrics = [
        Metric(_key(name), value, _ms(at), int(step)) for name, curve in run.curves.items() for step, value, at in curve
    ]
    run_id = created.info.run_id
    client.log_batch(run_id, params=params[:100], tags=[RunTag(k, v) for k, v in tags.items()])
    for begin in range(100, len(params), 100):
        client.log_batch(run_id, params=params[begin : begin + 100])
    for begin in range(0, len(metrics), BATCH):
        client.log_batch(run_id, metrics=metrics[begin : begin + BATCH])
    status = "FINISHED" if row.state in VALUED else _STATUS.get(row.state, "FAILED")
    client.set_terminated(run_id, status, _ms(row.ended_at or row.created_at))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _key(name: str) -> str:
    """The name with the characters that MLflow allows."""
    return re.sub(r"[^\w\-. /]", "_", name)
