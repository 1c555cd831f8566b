"""Taking over, at start, the attempts that an earlier daemon left alive.

Owns finding them and giving them to `Attempts`, which follows them like its own.
"""

from __future__ import annotations

import asyncio
import logging

from storage import queries
from storage.engine import Database
from storage.queries import LiveAttempt as Row
from tuned import protocol
from tuned.core.cards.shares import share_of, wanted_by
from tuned.core.places import place_of
from tuned.daemon import clock, failpoints
from tuned.daemon.attempts import energy
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.attempts.placing import Placing
from tuned.daemon.files import placed, run_dirs
from tuned.daemon.files.graveyard import Graveyard
from tuned.daemon.machine.slots import Slots
from tuned.daemon.places.places import Places

log = logging.getLogger(__name__)


async def adopt(database: Database, attempts: Attempts, slots: Slots, graveyard: Graveyard, places: Places) -> None:
    """Follow every live attempt of the database; returns before their folders are read.

    Its duties, in this order:

    1. Bring back run directories whose deletion was not committed: attempts may live in them.
    2. Read the live rows, once: the API and the scheduler have not begun, so nothing else changes them.
    3. Count a supervisor as alive by its process id and start time together, since ids are used again. Its processes
       are ours from now on: their GPU memory must not look like somebody else's.
    4. Lease the device before anything is scheduled, with the share and the cores that the trial was started with.
    5. Follow the attempt from its committed offset. `Attempts` then treats it like its own: it commits an end that
       happened meanwhile, calls an attempt lost whose lock is free, and gives a launch that was cut off back to the
       queue behind a `revoked` file, so that it cannot begin late. One in a place is its engine's to tell of; what the
       engine does not know, and never began, is submitted again under its name.
    """

    def live() -> list[Row]:
        with database.read() as conn:
            graveyard.exhume({study.name for study in queries.studies(conn)})
            return queries.live(conn)

    def cores(row: Row) -> list[int]:
        try:
            return list(run_dirs.spec(database.located(row.run_dir)).get("cores", ()))
        except (OSError, protocol.RecordError):
            return []

    def share(row: Row) -> float:
        with database.read() as conn:
            wanted = queries.study_by_id(conn, row.trial.study_id).spec.run.gpus
        return share_of(wanted_by(row.trial.retries_used, wanted or 1.0))

    def spent(row: Row) -> tuple[float, float | None]:
        lives, run_dir = _living(row) is not None, database.located(row.run_dir)
        with database.read() as conn:
            known = energy.so_far(conn, row, run_dir, clock.now(), lives=lives)
            return known, energy.unsampled_since(conn, row) if lives else None

    rows = await asyncio.to_thread(live)
    failpoints.reach("adoption.read")
    for row in rows:
        place = place_of(row.trial.device)
        run_dir = database.located(row.run_dir)
        if place:
            run_dir = placed.followed(graveyard.runs, row.trial.study) / run_dir.parent.name / run_dir.name
        joules, unsampled_since = await asyncio.to_thread(spent, row)
        attempt = LiveAttempt(
            trial_id=row.trial.id,
            study=row.trial.study,
            number=row.trial.number,
            attempt=row.attempt,
            attempt_id=row.attempt_id,
            run_dir=run_dir,
            device=row.trial.device,
            started=False,
            running=row.started,
            offset=row.ingest_offset,
            forked=True,
            claimed_at=row.claimed_at,
            unread=True,
            # Until its start record is read: its processes are ours, whatever they hold of a card.
            supervisor=None if place else _living(row),
            placing=Placing(places.station(place), fresh=False) if place else None,
            spent=joules,
            unsampled_since=unsampled_since,
        )
        if row.shared:
            slots.beside[attempt.holder] = row.claimed_at  # since when is not known any more
        slots.lease(
            attempt.device,
            attempt.holder,
            await asyncio.to_thread(share, row),
            await asyncio.to_thread(cores, row),
        )
        attempts.follow(attempt)
    failpoints.reach("adopted")
    if rows:
        log.info("adopting %d attempts", len(rows))


def _living(row: Row) -> int | None:
    """The supervisor of the row, where it lives."""
    pid, start = row.supervisor_pid, row.supervisor_start
    return pid if pid is not None and start is not None and protocol.process_start_time(pid) == start else None
