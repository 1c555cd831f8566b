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
from tuned.core.errors import InvalidInput
from tuned.core.states import VALUED

STUDY, TRIAL = "tuned.study", "tuned.trial"
"""Tags of a run, by which one that is there already is known."""
BATCH = 1000
"""Metrics that MLflow takes at once."""
_STATUS = {"failed": "FAILED", "lost": "KILLED"}
_MAGIC = b"SQLite format 3\0"

Key = tuple[str, int]
"""A trial's number and when it began, in milliseconds: another study may have had its name."""


def write_mlflow(file: Path, study: str, question: str, runs: Iterable[EndedRun]) -> tuple[int, int]:
    """Add the trials that the store does not have yet; one that was cut off in the middle is written anew.

    Returns:
        How many were added, and how many were there already.

    Raises:
        ImportError: MLflow is not installed.
        InvalidInput: It is no such store, or MLflow refuses what is to be written.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.exceptions import MlflowException

    if not _is_store(file):
        raise InvalidInput("is no SQLite store", where=str(file), hint="name a file that is not there yet")
    try:
        return _add(file, study, question, runs)
    except MlflowException as error:
        said = str(error).partition("\n")[0]
        raise InvalidInput(f"MLflow refuses: {said}", where=str(file), hint="see: mlflow experiments --help") from error


def _is_store(file: Path) -> bool:
    """Whether MLflow can have a store there, or make one."""
    if not file.exists():
        return True
    with file.open("rb") as opened:
        return opened.read(len(_MAGIC)) in (b"", _MAGIC)


def _add(file: Path, study: str, question: str, runs: Iterable[EndedRun]) -> tuple[int, int]:
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
        if _key_of(run) in there:
            kept += 1
            continue
        _write(client, experiment, run)
        added += 1
    return added, kept


def _there(client: Any, experiment: str) -> set[Key]:
    """The trials that are there whole; what is left of others is deleted."""
    found, torn, token = set(), [], None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        for run in page:
            if TRIAL in run.data.tags and run.info.status == "RUNNING":
                torn.append(run.info.run_id)
            elif TRIAL in run.data.tags:
                found.add((run.data.tags[TRIAL], run.info.start_time))
        token = page.token
        if not token:
            break
    for run_id in torn:
        client.delete_run(run_id)
    return found


def _key_of(run: EndedRun) -> Key:
    return str(run.row.number), _ms(run.row.started_at or run.row.created_at)


def _write(client: Any, experiment: str, run: EndedRun) -> None:
    from mlflow.entities import Metric, Param

    row = run.row
    tags = {STUDY: row.study, TRIAL: str(row.number), "tuned.state": row.state, "tuned.origin": row.origin}
    tags |= {"tuned.seed": str(row.seed), "tuned.stage": row.stage, "tuned.reason": row.reason}
    params = [Param(_key(name), str(value)) for name, value in row.params.items()]
    metrics = [
        Metric(_key(name), value, _ms(at), int(step)) for name, curve in run.curves.items() for step, value, at in curve
    ]
    # With its tags from the first moment on, so that it is known for a part of one where this is cut off.
    created = client.create_run(experiment, start_time=_key_of(run)[1], run_name=run.row.name, tags=tags)
    run_id = created.info.run_id
    for begin in range(0, len(params), 100):
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
