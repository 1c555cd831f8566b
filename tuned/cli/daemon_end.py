"""Stopping the daemon, and waiting until its process is gone.

Owns the question of how it ended: its trials may run on although they were to end, as when it is killed meanwhile.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import time
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from tuned import protocol
from tuned.cli.exits import TIMED_OUT, Failed
from tuned.cli.session import Session
from tuned.client import api
from tuned.client.problems import NoDaemon
from tuned.core import words
from tuned.core.errors import TunedError, Unavailable
from tuned.core.states import LIVE, StopReason, TrialState
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


def ended(told: list[TrialRow]) -> str:
    """The end of these live trials by a daemon that was to end them, in words; empty without any.

    Example:
        2 trials were ended: 1 is queued again, 1 is paused
    """
    became = Counter(_becomes(row) for row in told)
    parts = [f"{'is' if number == 1 else 'are'} {what}" for what, number in became.items()]
    was = f"{words.count(len(told), 'trial')} {'was' if len(told) == 1 else 'were'} ended"
    if len(parts) == 1:
        return f"{was}, and {parts[0]}"
    return f"{was}: {', '.join(f'{n} {p}' for n, p in zip(became.values(), parts, strict=True))}" if parts else ""


def _becomes(row: TrialRow) -> str:
    """A person's pause and an end that somebody asked for before stay what they are."""
    if row.stop_reason not in (None, StopReason.PAUSE):
        return "stopped as asked before"
    stays = row.frozen if row.stop_reason is None else True
    return "paused" if stays and not row.requeue else "queued again"


def still_running(session: Session, told: list[TrialRow]) -> list[str]:
    """The trials of these whose supervisor lives and has not recorded their end."""
    runs = session.home.runs
    return [row.name for row in told if _lives(runs / row.study / str(row.number) / str(row.attempt))]


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
