"""Named points at which a test can stop, delay or break the daemon.

Owns nothing but that; off unless `TUNED_FAILPOINTS` is set, e.g. `claim.committed=exit,ingest.read=delay:/path`.
`exit` kills the process as SIGKILL would; `delay:FILE` creates FILE and waits until it is gone; `enospc` raises as a
full disk does.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path

ENV_FAILPOINTS = "TUNED_FAILPOINTS"

_armed: dict[str, str] = {}


def arm(text: str) -> None:
    """Arm the points that `text` names; an empty text disarms all."""
    _armed.clear()
    for item in filter(None, text.split(",")):
        name, _, action = item.partition("=")
        _armed[name] = action


def reach(name: str) -> None:
    """Say that the daemon has come to this point.

    Raises:
        OSError: The point is armed with `enospc`.
    """
    if not _armed:
        return
    action = _armed.get(name)
    if action is None:
        return
    if action == "exit":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "enospc":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
    elif action.startswith("delay:"):
        window = Path(action.removeprefix("delay:"))
        window.touch()
        while window.exists():
            time.sleep(0.01)


arm(os.environ.get(ENV_FAILPOINTS, ""))
