"""`import`: a study that ran elsewhere, taken in piece by piece, as results that others begin with.

Owns these transactions. The client reads the other program's file; nothing of it runs here.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection

from storage import queries, repository
from storage.repository.importing import EndedTrial
from tuned.core import words
from tuned.core.errors import Conflict, InvalidInput
from tuned.core.states import Actor, PausedBy, TrialState
from tuned.core.study import Study
from tuned.core.study_file.parse import parse_study
from tuned.daemon import clock
from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.study_moves import drain_study
from tuned.disk import Disk
from tuned.protocol import decode_number
from tuned.wire import Import, Imported, ImportedTrial

router = make_router("studies")

MOST = 1000
"""Trials in one piece."""
COMMAND = ["/bin/false"]
"""Of a study that ran elsewhere: what it ran is not known here, so a trial that somebody queues in it fails."""
IMPORTING = "its trials are being imported"
_STATES = (TrialState.COMPLETED, TrialState.PRUNED, TrialState.FAILED)


@router.post("/imports")
async def import_study(request: Import, given: Given) -> Imported:
    """Take in a piece of a study that ran elsewhere; the first piece makes the study, the last one ends it."""
    if len(request.trials) > MOST:
        raise InvalidInput(f"{len(request.trials)} trials in one piece", where="trials", hint=f"send {MOST} at a time")
    data = {**request.study, "run": {"command": COMMAND, "cwd": "/"}}
    spec = await asyncio.to_thread(parse_study, data, base="/", environment={}, files=Disk())
    if spec.objective is None:
        raise InvalidInput("there is no objective", where="objective", hint="name the metric that was improved")
    ended = [_ended(trial, f"trials.{i}") for i, trial in enumerate(request.trials)]

    def take(conn: Connection) -> Imported:
        now, study = clock.now(), queries.study(conn, spec.name)
        if request.first or given.dry_run:  # of a dry run nothing is kept for the next piece: each one stands alone
            if study is not None and study.paused_by == PausedBy.IMPORT:
                hint = f"unless it goes on: tunectl delete {spec.name}, and type it again"
                raise Conflict("an import under that name was cut off", where=spec.name, hint=hint)
            if study is not None:
                raise Conflict("there is a study of that name", where=spec.name, hint="choose another one with --name")
            study_id = repository.create_study(conn, spec, {}, now)
            repository.move_study(conn, study_id, "pause", Actor.SCHEDULER, now, IMPORTING, PausedBy.IMPORT)
            study = queries.study_by_id(conn, study_id)
        _check_open(study, spec.name)
        assert study is not None
        numbers = repository.add_ended(conn, study, ended, f"imported from {request.source}", now)
        total = numbers[-1] if numbers else sum(study.counts.values())
        if request.last:
            reason = f"{words.count(total, 'trial')} imported from {request.source}"
            drain_study(conn, study.id, reason, Actor.SCHEDULER, now)
        return Imported(spec.name, total)

    taken = await given.commit(take)
    given.hub.scheduler.set()
    return taken


def _check_open(study: Study | None, name: str) -> None:
    if study is None or study.paused_by != PausedBy.IMPORT:
        raise Conflict("is not being imported", where=name, hint="begin again with another --name")


def _ended(trial: ImportedTrial, where: str) -> EndedTrial:
    state = next((state for state in _STATES if state == trial.state), None)
    if state is None:
        raise InvalidInput(f"{trial.state!r} is no end", where=f"{where}.state", hint=", ".join(_STATES))
    try:
        values = {name: decode_number(value) for name, value in trial.values.items()}
        curve = sorted({float(step): decode_number(value) for step, value in trial.curve}.items())
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"holds a value that is no number: {error}", where=where) from None
    for name, value in trial.params.items():
        if not isinstance(value, bool | int | float | str):
            raise InvalidInput("is no value of a parameter", where=f"{where}.params.{name}")
    return EndedTrial(dict(trial.params), state, values, trial.reason, curve, trial.started_at, trial.ended_at)
