"""Stopping the daemon, and waiting until its process is gone."""

from __future__ import annotations

import math
import os
import select
import time
from time import monotonic
from typing import TYPE_CHECKING

from tuned.cli.exits import TIMED_OUT, Failed
from tuned.cli.session import Session
from tuned.client import api
from tuned.client.problems import NoDaemon

if TYPE_CHECKING:
    from tuned.wire import DaemonStatus


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
