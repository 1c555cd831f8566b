"""Stopping the daemon, and waiting until its process is gone.

Owns the question of how it ended: its trials may run on although they were to end, as when it is killed meanwhile.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import time
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from tuned import protocol
from tuned.cli.exits import TIMED_OUT, Failed
from tuned.cli.session import Session
from tuned.client import api
from tuned.client.problems import NoDaemon
from tuned.core.errors import TunedError, Unavailable
from tuned.core.states import LIVE, TrialState
from tuned.plain_files import is_locked

if TYPE_CHECKING:
    from tuned.wire import DaemonStatus, TrialRow


def end_daemon(session: Session, stop_trials: bool, timeout: float) -> DaemonStatus:
    """Stop the daemon and wait until its process is gone.

    Returns:
        Its status before.

    Raises:
        NoDaemon: None runs.
        Failed: It has not ended in time.
    """
    status = session.client.send(api.status())
    try:
        process = os.pidfd_open(status.pid)
    except OSError:  # it is in another process namespace, or gone this very moment
        process = -1
    session.client.send(api.stop(stop_trials))
    _await_end(session, process, timeout)
    return status


def trials_told(session: Session) -> list[TrialRow]:
    """The live trials, which a daemon that ends them will tell to end; none where it cannot say, or is elsewhere."""
    if session.host is not None:
        return []
    with contextlib.suppress(TunedError):
        return [row for row in session.client.send(api.queue()) if TrialState(row.state) in LIVE]
    return []


def still_running(session: Session, told: list[TrialRow]) -> list[str]:
    """The trials of these whose supervisor lives and has not recorded their end."""
    runs = session.home.runs
    return [
        f"{row.study}/{row.number}" for row in told if _lives(runs / row.study / str(row.number) / str(row.attempt))
    ]


def _lives(run_dir: Path) -> bool:
    """Whether a supervisor holds the lock of an attempt, and has not written its end."""
    return not (run_dir / protocol.EXIT_FILE).exists() and is_locked(run_dir / protocol.LOCK_FILE)


def ended_in_order(session: Session, pid: int) -> bool:
    """Whether a daemon that is gone has ended by itself: then it took its socket away."""
    if session.host is not None:
        return True  # the socket is the tunnel's
    try:
        return session.client.send(api.status()).pid != pid  # another one runs by now
    except NoDaemon:
        return not os.path.lexists(session.home.socket)
    except Unavailable:
        return True


def _await_end(session: Session, process: int, timeout: float) -> None:
    deadline = monotonic() + timeout
    if process >= 0:
        ended = bool(select.select([process], [], [], None if timeout == math.inf else timeout)[0])
        os.close(process)
        if ended:
            return
    while monotonic() < deadline:
        try:
            session.client.send(api.status())
        except NoDaemon:
            return
        time.sleep(0.05)
    raise Failed(f"the daemon has not ended within {timeout:g} s (see: tunectl daemon logs)", TIMED_OUT)
