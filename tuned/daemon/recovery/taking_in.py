"""Takes into the database what only the run directories hold, such as after an older copy was restored.

Owns the order: study, trials, attempts, one transaction a study. How an attempt ended is read from its records by the
same rules as ever; an attempt that may still live is left as a live row, for `adopt` to follow.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from storage import queries, repository
from storage.engine import Database
from storage.repository import restoring
from tuned.core.errors import Unavailable
from tuned.core.states import LIVE, STUDY_ENDED, Actor, StopReason, TrialState, number_in
from tuned.core.trials.endings import Fate
from tuned.core.trials.trial import classify_exit
from tuned.core.words import count
from tuned.daemon import clock
from tuned.daemon.attempts.commits import Progress, commit_ending, commit_progress
from tuned.daemon.attempts.pieces import parse_piece
from tuned.daemon.files import records, run_dirs
from tuned.daemon.recovery import found
from tuned.daemon.recovery.found import FoundAttempt
from tuned.daemon.recovery.lacking import Lacking, lacking
from tuned.launch.descendants import end_supervised

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TakenIn:
    """The result for one study.

    Attributes:
        name: The study's.
        new: Whether its row was made.
        trials, attempts: How many got rows.
        live: How many of the attempts may still be alive.
        left: Folders that could not be read, and why.
    """

    name: str
    new: bool = False
    trials: int = 0
    attempts: int = 0
    live: int = 0
    left: tuple[str, ...] = ()

    def __str__(self) -> str:
        trials = count(self.trials, "trial")
        live = f", {self.live} of them without an end" if self.live else ""
        text = f"{self.name}: {'the study and ' if self.new else ''}{trials}, {count(self.attempts, 'attempt')}{live}"
        return text + (f"; not readable: {_some(self.left)}" if self.left else "")


def refuse_empty(database: Database, runs: Path) -> None:
    """Refuse a database without any study where studies have run: it is not the one that was here.

    Raises:
        Unavailable: It is so.
    """
    with database.read() as conn:
        if queries.study_names(conn):
            return
    folders = [folder.name for folder in found.studies(runs)]
    if folders:
        left = f"{count(len(folders), 'study')}: {_some(folders)}"
        raise Unavailable(
            f"the database is empty, but {runs} holds the run directories of {left}",
            where=str(database.path),
            hint="tunectl daemon recover brings them back; to begin anew, move that folder away",
        )


def take_in(database: Database, runs: Path, *, dry: bool = False) -> list[TakenIn]:
    """Give a row to everything below `runs` that has none. Blocks until it is committed.

    With `dry` only the database changes, which is a copy then: no process is ended.

    Raises:
        Unavailable: It cannot be written.
    """
    with database.read() as conn:
        items = lacking(conn, runs)
    for item in () if dry else items:
        for number, attempts in item.attempts.items():
            for attempt in attempts:
                _end_unreadable(item.folder / str(number) / str(attempt))
    taken = [_take(database, item) for item in items]
    database.writer.submit(_go_on).result()
    return taken


def _go_on(conn: Connection) -> None:
    """No study has ended in which a trial waits or runs: nothing would ever come of that."""
    for study in queries.studies(conn):
        if study.state in STUDY_ENDED and number_in(LIVE | {TrialState.QUEUED}, study.counts):
            restoring.go_on(conn, study.id, clock.now())


def _end_unreadable(run_dir: Path) -> None:
    """End an attempt that lives and cannot be followed: nobody would know of the slot that it holds."""
    read = found.attempt(run_dir)
    if read.spec is not None or not run_dirs.is_held(run_dir):
        return
    start = records.start(run_dir)
    ended = end_supervised(str(run_dir), start)
    log.warning("%s: ended %d processes of an attempt whose spec.json cannot be read", run_dir, ended)


def _some(names: Sequence[str], most: int = 5) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _take(database: Database, item: Lacking) -> TakenIn:
    if item.study is None and item.record is None:
        left = f"{item.folder} has no study.json that can be read"
        return TakenIn(item.folder.name, left=(left,))
    try:
        return database.writer.submit(lambda conn: _study(conn, item, database)).result()
    except (ValueError, KeyError, TypeError) as error:
        log.exception("study %s could not be taken in", item.folder.name)
        return TakenIn(item.folder.name, left=(f"{item.folder}/study.json: {error!r}",))


def _study(conn: Connection, item: Lacking, database: Database) -> TakenIn:
    now = clock.now()
    if item.earlier is not None:
        restoring.forget_study(conn, item.earlier.id, now)
    if item.study is not None:
        study_id = item.study.id
    else:
        assert item.record is not None
        study_id = restoring.restore_study(conn, item.record, now)
    result = TakenIn(item.folder.name, new=item.study is None)
    for number, attempts in item.attempts.items():
        folder = item.folder / str(number)
        read = [found.attempt(folder / str(attempt)) for attempt in attempts]
        usable = [attempt for attempt in read if attempt.spec is not None]
        result = replace(result, left=(*result.left, *(str(a.run_dir) for a in read if a.spec is None)))
        if usable:
            live = _trial(conn, study_id, usable, database, now)
            result = replace(
                result,
                trials=result.trials + 1,
                attempts=result.attempts + len(usable),
                live=result.live + live,
            )
    if item.study is None:
        assert item.record is not None
        for waiting in item.record.get("waiting") or ():
            if int(waiting["number"]) not in item.attempts:
                restoring.restore_trial(conn, study_id, waiting, now)
                result = replace(result, trials=result.trials + 1)
    next_number = int((item.record or {}).get("next_number") or 1)
    restoring.reserve_numbers(conn, study_id, max(item.highest, next_number - 1))
    if item.study is None:
        assert item.record is not None
        restoring.settle_study(conn, study_id, item.record, now)
    return result


def _trial(conn: Connection, study_id: int, attempts: Sequence[FoundAttempt], database: Database, now: float) -> bool:
    """The rows of a trial and of its attempts; whether the last of them may still be alive."""
    last = attempts[-1]
    assert last.spec is not None
    trial_id = restoring.restore_trial(conn, study_id, last.spec, now)
    for attempt in attempts:
        _follow_up(conn, trial_id, database, attempt.at)
        _begin(conn, trial_id, attempt, database)
        if attempt is last and attempt.exit is not None:
            _end(conn, trial_id, attempt, now)
    return last.exit is None


def _begin(conn: Connection, trial_id: int, attempt: FoundAttempt, database: Database) -> None:
    """The row of an attempt as its claim, its start and the wish to end it would have left it."""
    assert attempt.spec is not None
    spec, folder = attempt.spec, database.stored(attempt.run_dir.parent)
    if spec.get("retries_used") is not None:
        restoring.set_retries_used(conn, trial_id, spec["retries_used"])
    device = str(spec.get("device") or "")
    repository.claim(conn, trial_id, device, attempt.attempt_id, folder, attempt.at, at_least=attempt.number)
    if attempt.start is not None:
        began = attempt.start.get("started_at")
        at = float(began) if isinstance(began, int | float) else attempt.at
        repository.started(conn, trial_id, attempt.number, attempt.start, at)
    if attempt.stop is not None:
        repository.set_intent(conn, trial_id, attempt.stop, Actor.RECOVERY, attempt.at, "as it was told")


def _end(conn: Connection, trial_id: int, attempt: FoundAttempt, now: float) -> None:
    """The end of the last attempt, from its exit record."""
    progress = _ingest(conn, trial_id, attempt.number, attempt.run_dir, 0, now)
    commit_ending(conn, progress, Fate.ENDED, attempt.exit, run_dirs.tail(attempt.run_dir), now)


def _follow_up(conn: Connection, trial_id: int, database: Database, at: float) -> None:
    """Bring a trial to where its next attempt can begin: the attempt before has ended, for the next one is there.

    Args:
        conn: The write connection.
        trial_id: The trial.
        database: Where its attempts are.
        at: Unix seconds of the next attempt's claim: the one before had ended by then.
    """
    trial = queries.trial_by_id(conn, trial_id)
    if trial.state in LIVE:
        row = queries.attempts(conn, trial_id)[-1]
        before = found.attempt(database.located(row["run_dir"]))
        if before.attempt_id != row["attempt_id"]:
            before = replace(before, start=None, exit=None, stop=None)
        _supersede(conn, trial_id, row, before, at)
    if queries.trial_by_id(conn, trial_id).state is TrialState.PAUSED:
        repository.move_trial(conn, trial_id, "resume", Actor.SCHEDULER, at)


def _supersede(conn: Connection, trial_id: int, row: Mapping[str, Any], before: FoundAttempt, at: float) -> None:
    """End an attempt that was followed by another."""
    number = int(row["attempt"])
    if row["start"] is None and before.start is not None:
        repository.started(conn, trial_id, number, before.start, at)
    progress = _ingest(conn, trial_id, number, before.run_dir, int(row["ingest_offset"]), at)
    commit_progress(conn, progress, at)
    if before.start is None and before.exit is None and row["start"] is None:
        repository.unclaim(conn, trial_id, number, "it never began", Actor.RECOVERY, at)
        return
    intent = queries.trial_by_id(conn, trial_id).stop_reason
    paused = intent is StopReason.PAUSE
    outcome = classify_exit(before.exit, None, stop_seen=False, tail=run_dirs.tail(before.run_dir))
    repository.end_attempt(
        conn,
        trial_id,
        number,
        "exit_paused" if paused else "retry",
        Actor.RECOVERY,
        at,
        exit_record=before.exit,
        failure=None if paused else outcome.failure,
        reason="" if paused else outcome.reason,
        traceback="",
    )


def _ingest(conn: Connection, trial_id: int, attempt: int, run_dir: Path, offset: int, now: float) -> Progress:
    """Take in the metrics of an attempt that is over; the last piece of them is returned uncommitted."""
    steps = queries.next_auto_steps(conn, trial_id, attempt) if offset else {}
    while True:
        facts = run_dirs.look(run_dir, offset, started=True)
        begin, chunk = parse_piece(facts, offset, steps, over=True)
        progress = Progress(
            trial_id=trial_id,
            attempt=attempt,
            offset=offset,
            next_offset=begin + chunk.consumed,
            start=None,
            chunk=chunk,
            samples=[],
            next_steps=steps,
        )
        if not facts.more:
            return progress
        commit_progress(conn, progress, now)
        offset = progress.next_offset
