"""Named points at which a test can stop, delay or break the daemon.

Owns nothing but that; off unless `TUNED_FAILPOINTS` is set, e.g. `claim.committed=exit,ingest.read=delay:/path`, or
`@/file` to read the same from a file at every point, so that a test can arm and disarm a daemon that runs.
`exit` kills the process as SIGKILL would; `delay:FILE` creates FILE and waits until it is gone; `enospc` raises as a
full disk does, `enospc:FILE` as long as FILE exists; `bug` raises what nobody has foreseen.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from pathlib import Path

ENV_FAILPOINTS = "TUNED_FAILPOINTS"

_armed: dict[str, str] = {}
_file: list[Path] = []


def arm(text: str) -> None:
    """Arm the points that `text` names; an empty text disarms all."""
    _armed.clear()
    _file[:] = [Path(text[1:])] if text.startswith("@") else []
    if not _file:
        _armed.update(_parse(text))


def reach(name: str) -> None:
    """Say that the daemon has come to this point.

    Raises:
        OSError: The point is armed with `enospc`.
        LookupError: It is armed with `bug`.
    """
    if not _armed and not _file:
        return
    action = _action(name)
    if action == "exit":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "enospc" or (action.startswith("enospc:") and Path(action.removeprefix("enospc:")).exists()):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
    elif action == "bug":
        raise LookupError(name)
    elif action.startswith("delay:"):
        window = Path(action.removeprefix("delay:"))
        window.touch()
        while window.exists() and _action(name) == action:
            time.sleep(0.01)


def _parse(text: str) -> dict[str, str]:
    return dict(item.strip().split("=", 1) for item in text.split(",") if "=" in item)


def _action(name: str) -> str:
    if not _file:
        return _armed.get(name, "")
    with contextlib.suppress(OSError):
        return _parse(_file[0].read_text()).get(name, "")
    return ""


arm(os.environ.get(ENV_FAILPOINTS, ""))
