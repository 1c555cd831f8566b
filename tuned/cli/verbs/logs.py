"""`logs`: what a trial printed."""

from __future__ import annotations

import sys
import time

import click

from tuned.cli.exits import Failed
from tuned.cli.session import Session, verb
from tuned.client import api
from tuned.core.targets import parse_target

PIECE = 1 << 18
LARGEST_TAIL = 1 << 22
FOLLOW_S = 0.3
"""Seconds between two looks at a growing log: output makes no events."""


@verb()
@click.argument("target")
@click.option("-f", "--follow", is_flag=True, help="Go on as it grows, until the trial has ended.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="Only the last lines; without it, all.")
@click.option("--attempt", type=click.IntRange(min=1), help="Of an earlier attempt.")
def logs(session: Session, target: str, follow: bool, lines: int | None, attempt: int | None) -> None:
    """Print a trial's output; for a study, its running or latest trial's."""
    study, number = _trial(session, target)
    if session.json:
        _document(session, study, number, follow, lines, attempt)
        return
    offset = 0
    if lines is not None:
        text, offset = _tail(session, study, number, lines, attempt)
        sys.stdout.write(text)
    while True:
        chunk = session.send(api.log(study, number, offset=offset, limit=PIECE, attempt=attempt))
        offset = chunk.next_offset
        sys.stdout.write(chunk.text)
        if chunk.text:
            continue
        if not follow or chunk.ended:
            return
        sys.stdout.flush()
        time.sleep(FOLLOW_S)


def _document(session: Session, study: str, number: int, follow: bool, lines: int | None, attempt: int | None) -> None:
    """One document with the text so far, or with all of it once the trial has ended."""
    if follow:
        while not session.send(api.log(study, number, offset=-1, attempt=attempt)).ended:
            time.sleep(FOLLOW_S)
    pieces, offset = [], 0
    if lines is not None:
        text, offset = _tail(session, study, number, lines, attempt)
        pieces.append(text)
    while True:
        chunk = session.send(api.log(study, number, offset=offset, limit=PIECE, attempt=attempt))
        offset = chunk.next_offset
        pieces.append(chunk.text)
        if not chunk.text:
            break
    document = {"study": study, "number": number, "attempt": chunk.attempt, "ended": chunk.ended}
    session.emit({**document, "text": "".join(pieces)}, lambda: None)


def _tail(session: Session, study: str, number: int, lines: int, attempt: int | None) -> tuple[str, int]:
    """The last lines and where what follows them begins; at most `LARGEST_TAIL` bytes are looked at."""
    size = 1 << 16
    while True:
        chunk = session.send(api.log(study, number, offset=-size, limit=size, attempt=attempt))
        found = chunk.text.splitlines(keepends=True)
        whole = chunk.next_offset <= size
        if whole or len(found) > lines or size >= LARGEST_TAIL:
            return "".join(found[-lines:]) if lines else "", chunk.next_offset
        size *= 4


def _trial(session: Session, text: str) -> tuple[str, int]:
    target = parse_target(text)
    if target.numbers:
        first, last = target.numbers[0]
        if len(target.numbers) > 1 or first != last:
            raise Failed(f"{text}: name one trial (e.g. {target.study}/{first})")
        return target.study, first
    if target.keyword == "best":
        rows = session.send(api.best(target.study))
    elif target.keyword is not None:
        rows = session.send(api.trials(target.study, state=[target.keyword], sort="number"))
    else:
        rows = session.send(api.trials(target.study, state=["starting", "running"], sort="number"))
        if not rows:
            everything = session.send(api.trials(target.study, sort="number"))
            rows = [row for row in everything if row.attempt] or everything
    if not rows:
        raise Failed(f"{text}: there is no such trial yet (see: tunectl trials {target.study})")
    return target.study, rows[-1].number
