"""Ends what a dead supervisor left behind, so that an attempt is over before it is called lost.

Owns finding and killing such processes: the trial's group, and every own process that carries the attempt's id in its
environment, because a process can leave its group.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Mapping
from typing import Any

from tuned import protocol

log = logging.getLogger(__name__)

PATIENCE_S = 5.0


def of_attempt(attempt_id: str) -> list[int]:
    """Process ids of our own user whose environment names this attempt."""
    wanted = f"{protocol.ENV_ATTEMPT}={attempt_id}".encode()
    uid, found = os.getuid(), []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            if entry.stat().st_uid != uid:
                continue
            with open(f"/proc/{entry.name}/environ", "rb") as file:
                if wanted in file.read().split(b"\0"):
                    found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if not _is_zombie(pid)]


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"Z"
    except OSError:
        return True


def end(attempt_id: str, start: Mapping[str, Any] | None) -> int:
    """Kill everything of an attempt whose supervisor is gone, and wait until it is.

    Args:
        attempt_id: Its id.
        start: Its start record; None when it never got so far.

    Returns:
        How many processes were killed.
    """
    if start is not None and start.get("boot_id") != protocol.boot_id():
        return 0
    killed: set[int] = set()
    deadline = time.monotonic() + PATIENCE_S
    if start is not None and protocol.process_start_time(int(start["pid"])) == start.get("pid_start"):
        _kill_group(int(start["pgid"]), killed)
    while (left := of_attempt(attempt_id)) and time.monotonic() < deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            except ProcessLookupError:
                continue
        time.sleep(0.01)  # the kernel gives no event for the end of a process that is not our child
    if left:
        log.error("attempt %s: processes %s do not die", attempt_id, left)
    return len(killed)


def _kill_group(pgid: int, killed: set[int]) -> None:
    try:
        os.killpg(pgid, signal.SIGKILL)
        killed.add(pgid)
    except (ProcessLookupError, PermissionError):
        return
