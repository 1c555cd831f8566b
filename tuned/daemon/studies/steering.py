"""Verbs that steer what was submitted: `set`, `summary`."""

from __future__ import annotations

from fastapi import APIRouter

from tuned.daemon import clock
from tuned.daemon.http.context import Given
from tuned.daemon.rows import study_row
from tuned.daemon.studies import summary as summarising
from tuned.wire import Look, NoticeTried, Settings, SettingsChanged, Summary

router = APIRouter(tags=["steering"])


@router.post("/studies/{name}/set")
async def set_(name: str, request: Settings, given: Given) -> SettingsChanged:
    """Change keys of a submitted study; more trials let an ended one go on."""
    return await given.service.set(name, request.values)


@router.post("/summary")
async def summary(request: Look, given: Given) -> Summary:
    """What happened since this client last looked; from now on that is now, unless `keep` is set."""
    now = clock.now()
    seen = await given.service.read(lambda conn: summarising.read(conn, request))
    slots = len(given.slots.default_slots)
    studies = [
        summarising.study_summary(
            study_row(study, given.suggesting.pace(study.id), slots), study, ended, events, before
        )
        for study, ended, events, before in seen.studies
    ]
    if not request.keep:
        await given.database.writer.run(lambda conn: summarising.remember(conn, request.client, seen.seq, now))
    notes = given.status(0, 0, 0).notes
    return Summary(request.client, seen.since, now, studies, seen.deleted, seen.quiet, notes)


@router.post("/studies/{name}/notify")
async def notify(name: str, given: Given) -> NoticeTried:
    """Run the study's notify command now, to see whether it works."""
    command, failure = await given.notifier.try_out(await given.service.study(name))
    return NoticeTried(name, command, failure)
