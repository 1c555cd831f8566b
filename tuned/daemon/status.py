"""The daemon itself: its status, and its end."""

from __future__ import annotations

from dataclasses import asdict, replace

from storage import queries, repository
from tuned.core.callers import Caps, caps_of
from tuned.core.errors import Conflict, InvalidInput, TunedError, Unavailable
from tuned.core.names import check_caller
from tuned.core.states import LIVE, TrialState, number_in
from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router
from tuned.wire import CallerCaps, CallerRow, Collect, Collected, DaemonStatus, PlaceRow, StopRequest

router = make_router("daemon")


@router.get("/status")
async def status(given: Given) -> DaemonStatus:
    """The daemon, its devices, and how much it has to do; also when its database cannot be used, which a note tells."""
    try:
        studies = await given.database.ask(queries.studies)
    except Unavailable as error:
        return _with_alarm(given.status(None, len(given.attempts.live), None), error)
    live = sum(number_in(LIVE, s.counts) for s in studies)
    queued = sum(s.counts.get(TrialState.QUEUED, 0) for s in studies)
    known = given.status(len(studies), live, queued)
    try:
        return replace(known, callers=[_row(*entry) for entry in (await given.callers.accounts()).items()])
    except (InvalidInput, Unavailable) as error:
        return _with_alarm(known, error)


def _with_alarm(known: DaemonStatus, error: TunedError) -> DaemonStatus:
    """The status with this among its alarms, once: what was met before, or stopped a loop, has told it already."""
    text = str(error)
    alarms, notes = ([text, *(line for line in told if text not in line)] for told in (known.alarms, known.notes))
    return replace(known, alarms=alarms, notes=notes)


def _row(name: str, account: tuple[Caps | None, queries.Spent]) -> CallerRow:
    caps, used = account
    most = caps or Caps()
    row = CallerRow(
        name, used.trials, used.hours, most.trials, most.gpu_hours, most.delete, most.others, caps is not None
    )
    return row


@router.post("/callers")
async def tell_caps(request: CallerCaps, given: Given) -> CallerRow:
    """Keep the caps that a server is started with for its caller: a person's words; a caller may narrow its own."""
    name = check_caller(request.name)
    if given.caller is not None and given.caller.name != name:
        raise Conflict("no caller sets caps of others", where="caller", hint="leave out TUNED_CALLER: a person does")
    table = {key: value for key, value in asdict(request).items() if key != "name" and value is not None}
    caps = caps_of(table, f"caller.{name}")
    if given.caller is not None and given.caller.caps is not None:
        caps = replace(caps.narrowed(given.caller.caps), others=False)
    await given.commit(lambda conn: repository.tell_caps(conn, name, caps.to_dict()))
    return _row(name, (await given.callers.accounts()).get(name, (caps, queries.Spent(0, 0.0))))


@router.post("/places/probe")
async def probe_places(given: Given) -> list[PlaceRow]:
    """Ask every place of `config.toml` how it is, by a job that reads and answers through its folder."""
    return await given.places.probe()


@router.post("/stop")
async def stop(request: StopRequest, given: Given) -> dict[str, bool]:
    """End the daemon. Running trials go on and are adopted later, unless they are to be stopped too."""
    if not given.dry_run:
        given.stop(request.stop_trials)
    return {"stopping": True}


@router.post("/gc")
async def gc(request: Collect, given: Given) -> Collected:
    """Free disk space: checkpoints, work folders and logs of ended trials, least useful first."""
    return await given.retention.collect(dry_run=request.dry_run or given.dry_run, quota=request.quota)
