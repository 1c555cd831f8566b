"""Takes in what was appended to the metrics file of an attempt after its end, such as by a job that it left elsewhere.

Owns finding such files. The lines are stored as observations; the row of a trial that has ended stays as it is.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial

from storage import queries
from storage.engine import Database
from storage.queries import ReadAttempt
from tuned.core.trials.metric_lines import parse_chunk
from tuned.daemon import clock
from tuned.daemon.attempts.commits import Progress, commit_progress
from tuned.daemon.files import run_dirs
from tuned.protocol import METRICS_FILE

log = logging.getLogger(__name__)

LATE_S = 7 * 86_400.0
"""So long after its end an attempt's file is looked at."""


async def take_late_lines(database: Database) -> int:
    """Look at the files of all attempts that ended lately.

    Returns:
        How many observations came late.
    """
    taken = 0
    for attempt in await database.ask(lambda conn: queries.ended_since(conn, clock.now() - LATE_S)):
        taken += await _take(database, attempt)
    if taken:
        log.info("%d observations came after the end of their attempts", taken)
    return taken


async def _take(database: Database, attempt: ReadAttempt) -> int:
    taken = 0
    while (found := await asyncio.to_thread(_read, database, attempt)) is not None:
        await database.writer.run(partial(commit_progress, progress=found, now=clock.now()))
        taken += len(found.chunk.observations)
        attempt = replace(attempt, ingest_offset=found.next_offset)
    return taken


def _read(database: Database, attempt: ReadAttempt) -> Progress | None:
    """The next lines of a file; None when there is none."""
    try:
        run_dir = database.located(attempt.run_dir)
        if (run_dir / METRICS_FILE).stat().st_size <= attempt.ingest_offset:
            return None
        facts = run_dirs.look(run_dir, attempt.ingest_offset, started=True)
    except OSError:
        return None
    with database.read() as conn:
        steps = queries.next_auto_steps(conn, attempt.trial_id, attempt.attempt)
    chunk = parse_chunk(facts.data, attempt.ingest_offset, steps)
    if not chunk.consumed:
        return None
    return Progress(
        trial_id=attempt.trial_id,
        attempt=attempt.attempt,
        offset=attempt.ingest_offset,
        next_offset=attempt.ingest_offset + chunk.consumed,
        start=None,
        chunk=chunk,
        samples=[],
        note="it was written after the end of its attempt",
    )
