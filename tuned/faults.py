"""Named operations on files and processes that a test can have fail, and the wall clock, in every process of ours.

Owns nothing but that. Off unless `TUNED_FAULTS` names a file; each of its lines is `OPERATION NAME ERRNO`, such as
`write metrics.jsonl ENOSPC`, with `*` for any name. Operations are `open`, `write`, `fsync`, `rename`, `unlink` and
`fork`; `clock daemon +3600` has the wall clock of that process (`daemon`, `supervisor`, `trial`) stand an hour ahead.
The file is read at every operation, so that a test can arm and disarm processes that run.
Standard library alone: what runs beside the user's code uses it.
"""

from __future__ import annotations

import errno
import os
import time
from typing import Dict, List, Tuple

ENV_FAULTS = "TUNED_FAULTS"
CLOCK = "clock"

_FILE = os.environ.get(ENV_FAULTS, "")


def check(operation: str, path: object) -> None:
    """Say that an operation follows.

    Raises:
        OSError: It is to fail.
    """
    if not _FILE:
        return
    name = os.path.basename(str(path))
    for wanted, named, error in _armed():
        if wanted == operation and named in ("*", name):
            number = getattr(errno, error)
            raise OSError(number, os.strerror(number), str(path))


def wall(process: str) -> float:
    """The machine's clock as this kind of process sees it: Unix seconds."""
    now = time.time()
    if _FILE:
        now += sum(float(ahead) for what, named, ahead in _armed() if what == CLOCK and named in ("*", process))
    return now


def environment() -> Dict[str, str]:
    """The environment of a process that is to see the same faults."""
    return {ENV_FAULTS: _FILE} if _FILE else {}


def _armed() -> List[Tuple[str, str, str]]:
    try:
        with open(_FILE) as file:
            lines = [tuple(line.split()) for line in file]
    except OSError:
        return []
    return [(line[0], line[1], line[2]) for line in lines if len(line) == 3]
