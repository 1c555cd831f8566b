"""`daemon recover|rebuild`: the database made whole again."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Sequence
from typing import Any

import click

from tuned.cli.daemon_end import end_daemon
from tuned.cli.exits import Failed
from tuned.cli.session import Session, verb
from tuned.client.problems import NoDaemon

STOP_S = 60.0


_DRY = click.option("--dry-run", is_flag=True, help="Only say what would be done; the daemon runs on.")


@verb()
@_DRY
def recover(session: Session, dry_run: bool) -> None:
    """Make a damaged, lost or outdated database whole, and start the daemon.

    Stops the daemon (trials run on), keeps the damaged file, reads all that can be read of it, adds rows of the newest
    sound copy, then the studies, trials and results that only the run directories hold.
    """
    _repair(session, "recover", dry_run)


@verb()
@_DRY
@click.option("--yes", is_flag=True, help="Do not ask.")
def rebuild(session: Session, dry_run: bool, yes: bool) -> None:
    """Make a new database from the run directories alone, and start the daemon.

    The database that is there is kept under another name. Measurements of the devices, events and the reasons behind
    decisions of early stopping are in no run directory.
    """
    if not (yes or dry_run):
        click.confirm("Replace the database by one made from the run directories alone?", abort=True)
    _repair(session, "rebuild", dry_run)


def _repair(session: Session, what: str, dry_run: bool) -> None:
    from tuned.client.autostart import ensure_daemon, refuse_inside_trial
    from tuned.home import prepare_home

    refuse_inside_trial(os.environ)
    prepare_home(session.home)
    if dry_run:
        report = _ask(session, what, "--dry-run")
        session.emit(report, lambda: _say(report["steps"]))
        return
    with contextlib.suppress(NoDaemon):
        end_daemon(session, False, STOP_S)
    report = _ask(session, what)
    if not session.json:
        for step in report["steps"]:
            click.echo(step)
    status = ensure_daemon(session.home, start=session.start)
    session.emit({**report, "pid": status.pid}, lambda: click.echo(f"the daemon runs: pid {status.pid}"))


def _say(steps: Sequence[str]) -> None:
    click.echo("nothing was changed; it would stop the daemon (trials run on), and then:")
    for step in steps:
        click.echo(f"  {step}")
    click.echo("and start the daemon")


def _ask(session: Session, what: str, *options: str) -> dict[str, Any]:
    """Its report."""
    from tuned.client.autostart import repair_command

    command = [*repair_command(session.home, what), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise Failed(lines[-1].removeprefix("tuned: ") if lines else f"{what} ended without a word")
    report: dict[str, Any] = json.loads(done.stdout)
    return report
