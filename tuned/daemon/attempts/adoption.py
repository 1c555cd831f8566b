"""Taking over, at start, the attempts that an earlier daemon left alive.

Owns finding them and giving them to `Attempts`, which treats them like its own: what ended meanwhile is committed, what
lives is followed, what vanished is lost, what never started goes back to the queue behind a `revoked` file.
"""

from __future__ import annotations

import asyncio
import logging

from storage import queries
from storage.engine import Database
from storage.queries import LiveAttempt as Row
from tuned import protocol
from tuned.core.queue.gpu_shares import share_of, wanted_by
from tuned.daemon import failpoints
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.files.graveyard import Graveyard
from tuned.daemon.machine.slots import Slots

log = logging.getLogger(__name__)


async def adopt(database: Database, attempts: Attempts, slots: Slots, graveyard: Graveyard) -> None:
    """Follow every live attempt of the database; returns before their folders were looked at."""

    def live() -> list[Row]:
        with database.read() as conn:
            graveyard.exhume({study.name for study in queries.studies(conn)})
            return queries.live(conn)

    def share(row: Row) -> float:
        with database.read() as conn:
            wanted = queries.study_by_id(conn, row.trial.study_id).spec.run.gpus
        return share_of(wanted_by(row.trial.retries_used, wanted or 1.0))

    rows = await asyncio.to_thread(live)
    failpoints.reach("adoption.read")
    for row in rows:
        attempt = LiveAttempt(
            trial_id=row.trial.id,
            study=row.trial.study,
            number=row.trial.number,
            attempt=row.attempt,
            attempt_id=row.attempt_id,
            run_dir=database.located(row.run_dir),
            device=row.trial.device,
            started=False,
            running=row.started,
            offset=row.ingest_offset,
            forked=True,
            claimed_at=row.claimed_at,
            # Whether it was told is not known: it is told again.
            stop=row.trial.stop_reason,
        )
        slots.lease(attempt.device, attempt.holder, await asyncio.to_thread(share, row))
        await asyncio.to_thread(_agree_on_freezing, attempt, row.trial.frozen)
        attempts.follow(attempt)
    failpoints.reach("adopted")
    if rows:
        log.info("adopting %d attempts", len(rows))


def _agree_on_freezing(attempt: LiveAttempt, frozen: bool) -> None:
    """What was committed and not yet told; the supervisor looks when it is found."""
    try:
        record = protocol.read_record(str(attempt.run_dir), protocol.FREEZE_FILE)
        if frozen != bool(record and record["frozen"]):
            told = {"frozen": frozen, "cuda": (record or {}).get("cuda", [])}
            protocol.write_record(str(attempt.run_dir), protocol.FREEZE_FILE, told)
    except (OSError, protocol.RecordError) as error:
        log.warning("attempt %s: %s", attempt.holder, error)
