"""How everything outside the daemon talks to it: typed calls over its socket, its event stream, and scripts' objects.

Owns the client's side of `/v1`; knows the wire's shapes, never the daemon or its database. Importing it costs nothing:
`connect` and `Study` come when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuned.client.script import connect as connect
    from tuned.sdk.definition import Study as Study

__all__ = ["Study", "connect"]


def __getattr__(name: str) -> Any:
    if name == "Study":
        from tuned.sdk.definition import Study

        return Study
    if name == "connect":
        from tuned.client.script import connect

        return connect
    raise AttributeError(f"module 'tuned.client' has no attribute {name!r}")
