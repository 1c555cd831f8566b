"""The daemon itself: its status, and its end."""

from __future__ import annotations

from dataclasses import replace

from storage import queries
from tuned.core.errors import Unavailable
from tuned.core.states import TrialState
from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router
from tuned.wire import Collect, Collected, DaemonStatus, StopRequest

router = make_router("daemon")


@router.get("/status")
async def status(given: Given) -> DaemonStatus:
    """The daemon, its devices, and how much it has to do; also when its database cannot be used, which a note tells."""
    try:
        studies = await given.database.ask(queries.studies)
    except Unavailable as error:
        known = given.status(0, 0, 0)
        return replace(known, alarms=[str(error), *known.alarms], notes=[str(error), *known.notes])
    live = sum(s.counts.get(state, 0) for s in studies for state in (TrialState.STARTING, TrialState.RUNNING))
    queued = sum(s.counts.get(TrialState.QUEUED, 0) for s in studies)
    return given.status(len(studies), live, queued)


@router.post("/stop")
async def stop(request: StopRequest, given: Given) -> dict[str, bool]:
    """End the daemon. Running trials go on and are adopted later, unless they are to be stopped too."""
    given.stop(request.stop_trials)
    return {"stopping": True}


@router.post("/gc")
async def gc(request: Collect, given: Given) -> Collected:
    """Free disk space: checkpoints, work folders and logs of ended trials, least useful first."""
    return await given.retention.collect(dry_run=request.dry_run, quota=request.quota)
