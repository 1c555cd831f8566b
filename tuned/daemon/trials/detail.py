"""One trial in detail, and its output."""

from __future__ import annotations

import asyncio
import pathlib
from dataclasses import asdict, replace
from typing import Annotated

from fastapi import Path, Query
from sqlalchemy import Connection

from storage import queries
from tuned.core.cards.shares import wanted_by
from tuned.core.errors import NotFound
from tuned.core.search.rungs import Decision
from tuned.core.states import LIVE, TrialState
from tuned.core.targets import LARGEST
from tuned.core.trials.trial import Trial
from tuned.daemon.files import run_dirs
from tuned.daemon.files.output import (
    cut_out,
    find_text,
    line_start,
    missing_output,
    output_size,
    read_before,
    read_output,
)
from tuned.daemon.http.context import Context, Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.launch.trial_spec import shown_arguments, shown_command
from tuned.daemon.rows import rung_row, trial_row
from tuned.wire import LogChunk, LogPlace, TrialDetail

router = make_router("trials")

SHOWN_LINES = 20
"""Of those that could not be read."""
Number = Annotated[int, Path(ge=1, lt=LARGEST)]


async def _trial(given: Context, name: str, number: int) -> Trial:
    study = await given.study(name)
    trial = await given.database.ask(lambda conn: queries.trial(conn, study.id, number))
    if trial is None:
        raise NotFound("there is no such trial", where=f"{name}/{number}", hint=f"tunectl trials {name}")
    return trial


@router.get("/studies/{name}/trials/{number}")
async def detail(name: str, number: Number, given: Given) -> TrialDetail:
    """One trial with its folders, arguments and attempts."""
    trial = await _trial(given, name, number)
    study = await given.study(name)

    def more(conn: Connection) -> tuple[list[dict[str, object]], str, int, list[dict[str, object]], list[Decision]]:
        shown = [asdict(line) for line in queries.bad_lines(conn, trial.id)[:SHOWN_LINES]]
        rows, traceback = queries.attempts(conn, trial.id), queries.traceback_of(conn, trial.id)
        attempts = [
            {
                **row,
                "run_dir": str(given.database.located(row["run_dir"])),
                "slot": given.slots.label(str(row["device"])),
            }
            for row in rows
        ]
        return attempts, traceback, queries.bad_line_count(conn, trial.id), shown, queries.decisions(conn, trial.id)

    attempts, traceback, bad, unreadable, decisions = await given.database.ask(more)
    place = await given.database.ask(lambda conn: queries.rank(conn, study, trial.id))
    card = await given.database.ask(lambda conn: queries.figures_on_cards(conn, trial.id))
    objective = study.spec.objective
    waits_for = given.attempts.waits_for(trial.id)
    if not waits_for and trial.state in (TrialState.QUEUED, TrialState.STARTING):
        waits_for = given.launching.trouble or given.preempting.waits_for(trial.id)
    if not waits_for and trial.state is TrialState.QUEUED and not study.spec.run.place:
        wanted = study.spec.run.gpus
        waits_for = given.slots.lacking(None if wanted is None else wanted_by(trial.retries_used, wanted))
    return TrialDetail(
        trial=replace(trial_row(trial, given.slots.label, waits_for, study.spec.constraints), card=card),
        run_dir=str(attempts[-1]["run_dir"]) if attempts else None,
        checkpoint_dir=str(run_dirs.checkpoint_dir(given.runs, name, run_dirs.checkpoints_of(trial))),
        arguments=shown_arguments(study, trial, given.runs),
        traceback=traceback,
        bad_lines=bad,
        attempts=attempts,
        rungs=[rung_row(decision, objective.metric if objective else "") for decision in decisions],
        unreadable=unreadable,
        rank=place[0] if place else None,
        ranked=place[1] if place else 0,
        command=await asyncio.to_thread(shown_command, study, trial, given.runs),
        waits_for=waits_for,
    )


@router.get("/studies/{name}/trials/{number}/log")
async def log(
    name: str,
    number: Number,
    given: Given,
    offset: Annotated[int, Query(gt=-LARGEST, lt=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=2**22)] = 65536,
    attempt: Annotated[int | None, Query(ge=1, lt=LARGEST)] = None,
    before: Annotated[int | None, Query(ge=0, lt=2**62)] = None,
) -> LogChunk:
    """A piece of an attempt's output.

    A negative `offset` counts from the end, and the piece begins with a line; `before`: the lines that end there.
    """
    trial = await _trial(given, name, number)
    wanted = attempt or trial.attempt
    attempts = await given.database.ask(lambda conn: queries.attempts(conn, trial.id))
    row = next((a for a in attempts if a["attempt"] == wanted), None)
    if row is None:
        if attempt is not None:
            raise NotFound("there is no such attempt", where=f"{name}/{number}")
        return LogChunk("", 0, 0, ended=False)
    ended = wanted < trial.attempt or trial.state not in LIVE
    run_dir = given.database.located(row["run_dir"])
    return await asyncio.to_thread(_piece, run_dir, wanted, ended, offset, limit, before)


def _piece(run_dir: pathlib.Path, attempt: int, ended: bool, offset: int, limit: int, before: int | None) -> LogChunk:
    size = output_size(run_dir)
    if before is not None:
        following = min(before, size)
        text, begin = read_before(run_dir, following, limit)
    else:
        begin = line_start(run_dir, size + offset) if offset < 0 else min(offset, size)
        if offset < 0 and begin >= size:  # the last line is longer than the piece: its end is better than nothing
            begin = max(0, size + offset)
        text, following = read_output(run_dir, begin, limit)
    note = "" if text or not ended else missing_output(run_dir)
    return LogChunk(text, attempt, following, ended, note, begin, size)


@router.get("/studies/{name}/trials/{number}/log/find")
async def find_in_log(
    name: str,
    number: Number,
    given: Given,
    text: Annotated[str, Query(min_length=1, max_length=1000)],
    offset: Annotated[int, Query(ge=0, lt=2**62)] = 0,
    up: bool = False,
) -> LogPlace:
    """The next line of the last attempt's output that holds a text, from a byte on, or upwards before it."""
    trial = await _trial(given, name, number)
    attempts = await given.database.ask(lambda conn: queries.attempts(conn, trial.id))
    row = next((a for a in attempts if a["attempt"] == trial.attempt), None)
    if row is None:
        return LogPlace(None)
    run_dir = given.database.located(row["run_dir"])
    return await asyncio.to_thread(_found, run_dir, text, offset, up)


def _found(run_dir: pathlib.Path, text: str, offset: int, up: bool) -> LogPlace:
    begin = find_text(run_dir, text, offset, up)
    if up:
        return LogPlace(begin, cut_out(run_dir, begin or 0, offset))
    return LogPlace(begin, cut_out(run_dir, offset, 2**62 if begin is None else begin))
