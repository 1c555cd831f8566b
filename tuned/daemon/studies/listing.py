"""Studies: submit, list, show, delete, enqueue, best."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from storage import queries
from tuned.core.study import Study
from tuned.core.trials.trial import Trial
from tuned.daemon.http.context import Context, Given
from tuned.daemon.rows import study_row, trial_row
from tuned.wire import Changed, CommandSubmission, Enqueue, Enqueued, StudyRow, Submission, Submitted, TrialRow

router = APIRouter(tags=["studies"])


def _row(given: Context, study: Study, stopping: queries.StoppingReport | None = None) -> StudyRow:
    return study_row(study, given.suggesting.pace(study.id), len(given.slots.default_slots), stopping)


@router.post("/studies")
async def submit(submission: Submission, given: Given) -> Submitted:
    """Take in a study; the same content again is done already, other content under its name is refused."""
    return await given.submitting.submit(submission)


@router.post("/studies/check")
async def check(submission: Submission, given: Given) -> Submitted:
    """What submitting this would do; nothing is kept of it."""
    return await given.submitting.submit(submission, rehearse=True)


@router.post("/commands")
async def queue_command(request: CommandSubmission, given: Given) -> Submitted:
    """Queue one plain command."""
    return await given.submitting.queue_command(request)


@router.get("/studies")
async def studies(given: Given) -> list[StudyRow]:
    """All studies, oldest first."""
    return [_row(given, study) for study in await given.service.read(queries.studies)]


@router.get("/studies/{name}")
async def show(name: str, given: Given) -> dict[str, Any]:
    """One study and its specification."""
    study = await given.service.study(name)
    stopping = await given.service.read(lambda conn: queries.stopping_report(conn, study))
    return {"study": _row(given, study, stopping), "spec": study.spec.to_public_dict()}


@router.delete("/studies/{name}")
async def delete(name: str, given: Given) -> Changed:
    """Delete an ended or paused study with its trials and run directories."""
    return await given.service.delete(name)


@router.post("/studies/{name}/enqueue")
async def enqueue(name: str, request: Enqueue, given: Given) -> Enqueued:
    """Queue points of the user's own; parameters left out are suggested."""
    return await given.service.enqueue(name, request)


@router.get("/studies/{name}/best")
async def best(name: str, given: Given, top: Annotated[int | None, Query(ge=1, le=1000)] = None) -> list[TrialRow]:
    """The best finished trials, best first: `top` by the first objective; without it, the best one.

    With several objectives and without `top`, those that no other trial beats in every objective.
    """
    study = await given.service.study(name)

    def find(conn: Connection) -> list[Trial]:
        if top is None and len(study.spec.objectives) > 1:
            return queries.pareto_front(conn, study)
        return queries.best_trials(conn, study, top or 1)

    trials = await given.service.read(find)
    return [trial_row(trial) for trial in trials]
