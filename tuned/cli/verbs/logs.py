"""`logs`: what a trial printed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import click

from tuned.cli.exits import Failed
from tuned.cli.session import Session, verb
from tuned.client import api
from tuned.core.states import LIVE
from tuned.core.targets import parse_target

PIECE = 1 << 18
LARGEST_TAIL = 1 << 22
FOLLOW_S = 0.3
"""Seconds between two looks at a growing log: output makes no events."""


@verb()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option("-f", "--follow", is_flag=True, help="Go on as it grows, until the trial has ended.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="Only the last lines; without it, all.")
@click.option("--attempt", type=click.IntRange(min=1), help="Of an earlier attempt.")
def logs(session: Session, targets: Sequence[str], follow: bool, lines: int | None, attempt: int | None) -> None:
    """Print trials' output; for a study, its running or latest trial's.

    With --json and several trials: a list with a document each.
    """
    chosen = list(dict.fromkeys(trial for text in targets for trial in _trials(session, text)))
    if follow and len(chosen) > 1:
        raise click.UsageError(f"one output can be followed (e.g. -f {chosen[0][0]}/{chosen[0][1]})")
    if session.json:
        documents = [_document(session, study, number, follow, lines, attempt) for study, number in chosen]
        session.emit(documents if len(documents) > 1 else documents[0], lambda: None)
        return
    for i, (study, number) in enumerate(chosen):
        if len(chosen) > 1:
            sys.stdout.write(f"{chr(10) if i else ''}==> {study}/{number} <==\n")
        _print(session, study, number, follow, lines, attempt)


def _print(session: Session, study: str, number: int, follow: bool, lines: int | None, attempt: int | None) -> None:
    if not follow:
        now = session.send(api.log(study, number, offset=-1, attempt=attempt))
        for text in _so_far(session, study, number, lines, attempt, now.next_offset):
            sys.stdout.write(text)
        if now.note:
            click.echo(f"{study}/{number}: {now.note}", err=True)
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
        if chunk.ended:
            if chunk.note:
                click.echo(f"{study}/{number}: {chunk.note}", err=True)
            return
        sys.stdout.flush()
        time.sleep(FOLLOW_S)


def _document(
    session: Session, study: str, number: int, follow: bool, lines: int | None, attempt: int | None
) -> dict[str, Any]:
    """One document with the text so far, or with all of it once the trial has ended."""
    while True:
        now = session.send(api.log(study, number, offset=-1, attempt=attempt))
        if now.ended or not follow:
            break
        time.sleep(FOLLOW_S)
    text = "".join(_so_far(session, study, number, lines, attempt, now.next_offset))
    return {
        "study": study, "number": number, "attempt": now.attempt, "ended": now.ended, "note": now.note, "text": text,
    }  # fmt: skip


def _so_far(
    session: Session, study: str, number: int, lines: int | None, attempt: int | None, end: int
) -> Iterator[str]:
    """The output, or its last lines, up to a byte: what a trial prints meanwhile would have no end."""
    if lines is not None:
        yield _tail(session, study, number, lines, attempt)[0]
        return
    offset = 0
    while offset < end:
        limit = min(PIECE, end - offset)
        chunk = session.send(api.log(study, number, offset=offset, limit=limit, attempt=attempt))
        if not chunk.text:
            return
        offset = chunk.next_offset
        yield chunk.text


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


def _trials(session: Session, text: str) -> list[tuple[str, int]]:
    target = parse_target(text)
    if target.numbers:
        first, last = target.numbers[0]
        if len(target.numbers) == 1 and first == last:
            return [(target.study, first)]
        everything = session.send(api.trials(target.study, sort="number"))
        found = [(target.study, row.number) for row in everything if row.attempt and target.includes(row.number)]
        return found or _refuse(text, target.study)
    if target.keyword == "best":
        rows = session.send(api.best(target.study))
    elif target.keyword is not None:
        rows = session.send(api.trials(target.study, state=[target.keyword], sort="number"))
    else:
        rows = session.send(api.trials(target.study, state=sorted(LIVE), sort="number"))
        if not rows:
            everything = session.send(api.trials(target.study, sort="number"))
            rows = [row for row in everything if row.attempt] or everything
    chosen = rows if target.keyword not in (None, "best") else rows[-1:]
    return [(target.study, row.number) for row in chosen] or _refuse(text, target.study)


def _refuse(text: str, study: str) -> NoReturn:
    raise Failed(f"{text}: there is no such trial yet (see: tunectl trials {study})")
