"""The caller of an MCP server and its caps, agreed on with the daemon before the first tool is offered.

Owns that agreement: a server that may change something has caps, or does not start.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tuned.client.api import Call
from tuned.client.http import Client
from tuned.core.errors import Conflict
from tuned.core.verbs import Kind
from tuned.wire import CallerCaps, CallerRow

CALLER = "mcp"
"""The caller's name where nobody gives one."""


def agree_on_caps(
    socket: Path, name: str | None, kinds: Sequence[Kind], gpu_hours: float | None, trials: int | None
) -> Client:
    """A client that names the caller, whose caps the daemon knows.

    Args:
        socket: The daemon's.
        name: Of the caller; None: `TUNED_CALLER`, else `mcp`.
        kinds: The tools offered.
        gpu_hours: Cap that the server is started with; None: as config.toml says.
        trials: The same.

    Raises:
        Conflict: Something may be changed, and nobody has said how much.
    """
    caller = name or os.environ.get("TUNED_CALLER") or CALLER
    client = Client(socket, caller=caller)
    if Kind.CHANGE not in kinds:
        return client
    told = CallerCaps(caller, gpu_hours, trials, Kind.DESTROY in kinds)
    call: Call[CallerRow] = Call("POST", "/callers", "CallerRow", body=told)
    row = Client(socket).send(call)  # who is a caller already, by TUNED_CALLER, can only narrow its own caps
    if row.most_hours is None and row.most_trials is None:
        hint = f"start it with --gpu-hours 8 or --trials 100, or set [caller.{caller}] in config.toml"
        raise Conflict("it has no limit of GPU-hours or trials", where="tunectl mcp", hint=hint)
    return client
