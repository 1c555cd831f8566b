"""`daemon recover|rebuild`: the database made whole again."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from typing import Any

import click

from tuned.cli.daemon_end import end_daemon
from tuned.cli.exits import Failed
from tuned.cli.session import Session, verb
from tuned.client.problems import NoDaemon

STOP_S = 60.0


@verb()
def recover(session: Session) -> None:
    """Make a damaged, lost or outdated database whole, and start the daemon.

    Stops the daemon (trials run on), keeps the damaged file, reads all that can be read of it, adds rows of the newest
    sound copy, then the studies, trials and results that only the run directories hold.
    """
    _repair(session, "recover")


@verb()
@click.confirmation_option("--yes", prompt="Replace the database by one made from the run directories alone?")
def rebuild(session: Session) -> None:
    """Make a new database from the run directories alone, and start the daemon.

    The database that is there is kept under another name. Measurements of the devices, events and the reasons behind
    decisions of early stopping are in no run directory.
    """
    _repair(session, "rebuild")


def _repair(session: Session, what: str) -> None:
    from tuned.client.autostart import ensure_daemon, refuse_inside_trial, repair_command
    from tuned.home import prepare_home

    refuse_inside_trial(os.environ)
    prepare_home(session.home)
    with contextlib.suppress(NoDaemon):
        end_daemon(session, False, STOP_S)
    done = subprocess.run(repair_command(session.home, what), capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise Failed(lines[-1].removeprefix("tuned: ") if lines else f"{what} ended without a word")
    report: dict[str, Any] = json.loads(done.stdout)
    if not session.json:
        for step in report["steps"]:
            click.echo(step)
    status = ensure_daemon(session.home, start=session.start)
    session.emit({**report, "pid": status.pid}, lambda: click.echo(f"the daemon runs: pid {status.pid}"))
