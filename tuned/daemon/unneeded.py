"""Modules that our libraries import and the daemon never uses: empty ones take their places, and 4 MB are spared.

Owns their list. A process calls `leave_out` before it imports these libraries; names of an empty module are None.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

EMPTY = (
    "uvicorn.main", "logging.config", "configparser", "sqlalchemy.dialects.sqlite.aiosqlite", "html.entities"
)  # fmt: skip
"""uvicorn's command line with its reloaders and what reads files of a logging configuration (there is none), SQLite's
driver for asyncio with all that it is built on, and the names of HTML's characters (of a debugger's pages)."""
MISSING = ("pydantic.v1", "python_multipart")
"""Parts that FastAPI looks for and can do without: pydantic's old half, and forms."""


class _Empty(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


def leave_out() -> None:
    """Put the empty modules where none is imported yet."""
    for name in EMPTY:
        sys.modules.setdefault(name, _Empty(name))
    for name in MISSING:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
