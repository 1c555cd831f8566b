"""Forking the trial: where the machine has no process to give, the supervisor waits.

Owns that wait (a new attempt would fare no better), and telling of it: in the log, and in `wait.json` for the daemon.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any, Mapping

from tuned import faults, protocol
from tuned.launch.output import Output

TRY_AGAIN = 1.0
"""Seconds between two tries."""


def fork_trial(spec: Mapping[str, Any], run_dir: str, output: Output) -> int:
    """Fork, however long that takes.

    Returns:
        As `os.fork`; -1 where the attempt was told to end before it could begin.

    Raises:
        OSError: It cannot be forked, for another reason than want.
    """
    told = ""
    while True:
        try:
            faults.check("fork", "trial")
            pid = os.fork()
        except OSError as error:
            if error.errno not in protocol.SCARCE:
                raise
            why = "the machine has no process to give: %s" % error.strerror
            if why != told:
                _tell(spec, run_dir, output, why)
                told = why
        else:
            if pid and told:
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(run_dir, protocol.WAIT_FILE))
            return pid
        time.sleep(TRY_AGAIN)
        if os.path.exists(os.path.join(run_dir, protocol.STOP_FILE)):
            return -1


def _tell(spec: Mapping[str, Any], run_dir: str, output: Output, why: str) -> None:
    output.tell(why)
    record = {"attempt_id": spec["attempt_id"], "why": why}
    # A user without processes may have no disk either: then only the log tells.
    with contextlib.suppress(OSError):
        protocol.write_record(run_dir, protocol.WAIT_FILE, record, durable=False)
