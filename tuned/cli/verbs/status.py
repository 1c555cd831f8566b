"""`status`: the daemon, its slots, what runs and what failed, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tuned.cli.session import Session, verb
from tuned.cli.verbs.trials import trials_table
from tuned.client import api
from tuned.core import words

if TYPE_CHECKING:
    from tuned.wire import CallerRow, DaemonStatus, StudyRow, TrialRow


@verb()
def status(session: Session) -> None:
    """Show the daemon, its slots, the trials that run and those that failed."""
    daemon = session.send(api.status())
    rows = session.send(api.queue())
    running = [row for row in rows if row.state != "queued"]
    failed = {study.name: study.counts.get("failed", 0) + study.counts.get("lost", 0) for study in _open(session)}
    failed = {name: count for name, count in failed.items() if count}
    document = {
        "daemon": asdict(daemon),
        "running": [asdict(row) for row in running],
        "queued": daemon.queued,
        "failed": failed,
    }
    session.emit(document, lambda: _show(daemon, running, failed))


def _open(session: Session) -> Sequence[StudyRow]:
    return [row for row in session.send(api.studies()) if row.ended_at is None]


def _used(row: CallerRow) -> str:
    trials, hours = (f" of {most}" if most is not None else "" for most in (row.most_trials, row.most_hours))
    caps = "" if row.capped else ", no caps"
    return f"{row.trials}{trials} trials, {row.hours:.2f}{hours} GPU-hours{caps}"


def _show(daemon: DaemonStatus, running: Sequence[TrialRow], failed: dict[str, int]) -> None:
    click.echo(f"daemon   pid {daemon.pid}, up {words.duration(daemon.uptime_s)}, {daemon.home}")
    click.echo(f"slots    {words.count(daemon.slots, 'slot')}, {daemon.running} running, {daemon.queued} queued")
    for note in daemon.notes:
        click.echo(f"note     {note}")
    for row in daemon.callers:
        click.echo(f"caller   {row.name}: {_used(row)}")
    for name, count in failed.items():
        click.echo(f"failed   {count} of {name} (tunectl trials {name} --state failed)")
    if running:
        click.echo()
        trials_table(running, with_study=True)
