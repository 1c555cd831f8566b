"""`daemon start|stop|status|logs|run`: the daemon itself."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tuned.cli.daemon_end import end_daemon, ended, ended_in_order, still_running, trials_told
from tuned.cli.exits import Failed
from tuned.cli.places import place_line
from tuned.cli.session import Session, verb
from tuned.cli.table import show_table
from tuned.cli.verbs.install import install
from tuned.cli.verbs.repair import rebuild, recover
from tuned.client import api
from tuned.core import words
from tuned.core.allowed import AT_ONCE

if TYPE_CHECKING:
    from tuned.wire import DaemonStatus

_SLOTS = click.option(
    "--slots", type=click.IntRange(*AT_ONCE), help="Trials at once; without it, as the machine has it."
)


@click.group()
def daemon() -> None:
    """Start and stop the daemon; show its state and its log."""


@verb()
@_SLOTS
def start(session: Session, slots: int | None) -> None:
    """Start the daemon when none runs; return when it answers."""
    from tuned.client.autostart import ensure_daemon

    status = ensure_daemon(session.home, start=session.start, slots=slots)
    if slots is not None and status.slots != slots:
        click.echo(f"it runs already, with {words.count(status.slots, 'slot')} (stop it first)", err=True)
    session.emit(
        status,
        lambda: click.echo(f"the daemon runs: pid {status.pid}, {words.count(status.slots, 'slot')}, {status.home}"),
    )
    for alarm in status.alarms:
        click.secho(f"but {alarm}", fg="red", err=True)


@verb()
@click.option("--stop-trials", is_flag=True, help="End the running trials, too.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    help="Seconds to wait for it; without it 60, and with --stop-trials as long as trials may take to save.",
)
def stop(session: Session, stop_trials: bool, timeout: float | None) -> None:
    """Stop the daemon; running trials go on, and are adopted when it starts again."""
    told_to_end = trials_told(session) if stop_trials else []
    status = end_daemon(session, stop_trials, timeout if timeout is not None else (math.inf if stop_trials else 60.0))
    left = still_running(session, told_to_end)
    document = {"pid": status.pid, "stopped": True, "running": len(left) if stop_trials else status.running}
    in_order = not stop_trials or ended_in_order(session, status.pid)
    if left or not in_order:
        session.emit(document, lambda: None)
        raise Failed(_not_as_told(left, in_order))
    told = ended(told_to_end) if stop_trials else ""
    if status.running and not told:
        one = status.running == 1
        became = ("was" if one else "were") + " ended" if stop_trials else "runs on" if one else "run on"
        told = f"{words.count(status.running, 'trial')} {became}"
    session.emit(document, lambda: click.echo("; ".join(filter(None, ("the daemon has stopped", told)))))


def _not_as_told(left: list[str], in_order: bool) -> str:
    """The daemon is gone, and not all is as it was told to leave it."""
    runs = f"{', '.join(left)} still {'runs' if len(left) == 1 else 'run'}" if left else "none of its trials runs"
    ended = "the daemon has stopped, but" if in_order else "the daemon ended unexpectedly:"
    return f"{ended} {runs} (tunectl daemon start: the next one follows them; see: tunectl daemon logs)"


@verb()
def status(session: Session) -> None:
    """Show the daemon's state, without starting it."""
    session.start = False
    session.show(api.status(), _show)


def _show(status: DaemonStatus) -> None:
    queued = words.known(status.queued, "queued")
    lines = [
        ("pid", f"{status.pid}, up {words.duration(status.uptime_s)}, {words.size(status.rss_bytes)}"),
        ("version", status.version),
        ("home", status.home),
        ("socket", status.socket),
        ("studies", "unknown" if status.studies is None else str(status.studies)),
        ("trials", f"{status.running_here} running, {queued}, {words.count(status.slots, 'slot')}"),
        ("advisor", status.advisor),
        *(("place", place_line(place)) for place in status.places),
    ]
    for label, text in lines:
        click.echo(f"{label:<8} {text}")
    if status.failures:
        counted = ", ".join(f"{name} {count}" for name, count in status.failures.items())
        click.echo(f"failures {counted} (of background loops, each started again)")
    for note in status.notes:
        click.secho(f"note     {note}", fg="red" if note in status.alarms else None)
    if status.devices:
        click.echo()
        show_table(
            ["device", "name", "memory", "use", "trial", "note"],
            [
                [
                    d.label or d.id,
                    d.name,
                    f"{words.size(d.memory_used)} of {words.size(d.memory_total)}" if d.memory_total else "-",
                    "-" if d.utilisation is None else f"{d.utilisation:.0f} %",
                    d.holder,
                    d.blocked,
                ]
                for d in status.devices
            ],
        )


@verb()
@click.option("-f", "--follow", is_flag=True, help="Go on as it grows.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=50, show_default=True, help="How many last lines.")
def logs(session: Session, follow: bool, lines: int) -> None:
    """Print the daemon's own log; no daemon needs to run."""
    path = session.home.log
    if follow and session.json:
        raise click.UsageError("--follow has no end, so it cannot print one document (leave out --json)")
    if not path.exists():
        raise Failed(f"{path}: no daemon has run here yet")
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - max(1, lines) * 4096))
        tail = b"".join(file.read().splitlines(keepends=True)[-lines:]) if lines else b""
        file.seek(0, os.SEEK_END)
        text = tail.decode(errors="replace")
        session.emit({"file": str(path), "text": text}, lambda: click.echo(text, nl=False))
        if follow:
            _follow(path, file.tell())


def _follow(path: Path, offset: int) -> None:
    while True:
        if path.stat().st_size < offset:
            offset = 0
        with path.open("rb") as file:
            file.seek(offset)
            piece = file.read()
        offset += len(piece)
        if piece:
            click.echo(piece.decode(errors="replace"), nl=False)
        else:
            time.sleep(0.3)


@verb()
@_SLOTS
def run(session: Session, slots: int | None) -> None:
    """Run the daemon in the foreground, until Ctrl-C."""
    from tuned.client.autostart import daemon_command, refuse_inside_trial
    from tuned.home import prepare_home

    refuse_inside_trial(os.environ)
    prepare_home(session.home)
    command = daemon_command(session.home, slots)
    os.execv(command[0], command)


for _command in (start, stop, status, logs, run, install, recover, rebuild):
    daemon.add_command(_command)
