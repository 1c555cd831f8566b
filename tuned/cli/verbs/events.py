"""`events`: what happened, and what happens."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import click

from tuned.cli import render
from tuned.cli.lines import show_line
from tuned.cli.periods import LengthOfTime
from tuned.cli.session import Session, verb
from tuned.client import api
from tuned.client.stream import follow as follow_stream
from tuned.core import words
from tuned.core.state_words import told
from tuned.core.text import printable
from tuned.wire import EventRow

PAGE = 10_000
DEFAULT_LAST = 100


@verb()
@click.argument("study", required=False)
@click.option("-f", "--follow", is_flag=True, help="Follow new events; with --json, one object a line.")
@click.option("--after", type=click.IntRange(min=0), help="Only events behind this number.")
@click.option(
    "--since", type=LengthOfTime(), metavar="12h", help="Only what happened within this time, e.g. 12h or 7d."
)
@click.option("--limit", type=click.IntRange(min=1), help="With --after the first ones, otherwise the last; 100.")
def events(
    session: Session, study: str | None, follow: bool, after: int | None, since: float | None, limit: int | None
) -> None:
    """List what happened, or follow what happens."""
    if study is not None:
        session.send(api.study(study))
    if since is not None:
        # The stream begins behind a given event: behind the one before the period's first.
        first = session.send(api.events_list(after=after, limit=1, since=time.time() - since))
        last = session.send(api.events_list(limit=1, latest=True))
        after = first[0].seq - 1 if first else max((row.seq for row in last), default=0)
    if follow:
        _follow(session, study, after)
        return
    if after is not None:
        rows = _first(session, study, after, None if since is not None else limit)
        rows = rows[-limit:] if since is not None and limit is not None else rows
    else:
        rows = _last(session, study, limit or (None if session.json else DEFAULT_LAST))
    session.emit(rows, lambda: _print(rows))


def _first(session: Session, study: str | None, after: int, limit: int | None) -> list[EventRow]:
    rows: list[EventRow] = []
    while limit is None or len(rows) < limit:
        page = PAGE if limit is None else min(PAGE, limit - len(rows))
        found = session.send(api.events_list(study, after, page))
        rows += found
        if len(found) < page:
            break
        after = found[-1].seq
    return rows


def _last(session: Session, study: str | None, limit: int | None) -> list[EventRow]:
    if limit is not None and limit <= PAGE:
        return session.send(api.events_list(study, limit=limit, latest=True))
    rows = _first(session, study, 0, None)
    return rows if limit is None else rows[-limit:]


def _follow(session: Session, study: str | None, after: int | None) -> None:
    session.send(api.status())  # starts the daemon when none runs
    for item in follow_stream(session.client, after, study):
        if not isinstance(item, EventRow):
            continue
        if session.json:
            sys.stdout.write(json.dumps(asdict(item)) + "\n")
        else:
            _show(item)
        sys.stdout.flush()


def _print(rows: Iterable[EventRow]) -> None:
    for row in rows:
        _show(row)


def _show(row: EventRow) -> None:
    show_line(line(row), hanging=" " * 8)


def line(event: EventRow) -> str:
    """`12:03:04  digits/7  running → completed  val_loss=0.12`."""
    about = (event.study or "-") if event.number is None else f"{event.study}/{event.number}"
    by = f" [{event.caller}]" if event.caller else ""
    return printable(f"{render.moment(event.at)}  {event.seq:>6}  {about:<20}  {what(event.type, event.data)}{by}")


def what(kind: str, data: dict[str, Any]) -> str:
    """An event in a few words."""
    values = f"  {render.values(data['values'])}" if data.get("values") else ""
    if kind in ("study.moved", "trial.moved"):
        return told(f"{data.get('from')} → {data.get('to')}", data.get("reason") or "") + values
    if kind == "trial.queued":
        return f"queued ({data.get('origin')}) {render.point(data.get('params') or {})}"
    if kind == "trial.intent":
        return f"asked to {data.get('stop_reason')} by {data.get('actor')}"
    if kind in ("study.priority", "trial.priority"):
        return f"priority {data.get('from')} → {data.get('to')}"
    if kind == "trial.metrics":
        last = data.get("last") or {}
        return f"step {words.number(data.get('step'))}: {render.values(last)}"
    if kind in ("study.note", "machine.clock"):
        return str(data.get("text"))
    if kind == "trial.frozen":
        return f"stands still ({data.get('level')})" if data.get("frozen") else "goes on"
    if kind == "trial.preempted":
        lost = words.duration(data.get("loss_s"))
        return (
            f"makes room for {data['for']}"
            if "for" in data
            else f"gets room from {', '.join(data['from'])} ({lost} lost)"
        )
    if kind == "study.changed":
        return "changed: " + "; ".join(data.get("changes") or [])
    return kind.partition(".")[2]
