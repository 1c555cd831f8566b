"""Modules that our libraries import and the daemon never uses, or seldom: 4 MB are spared at rest.

Owns the list of modules whose places empty ones take, whose names are None, and that FastAPI's models of an OpenAPI
document are built when one is asked for. A process calls `leave_out` before it imports these libraries.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

EMPTY = ("uvicorn.main", "sqlalchemy.dialects.sqlite.aiosqlite")
"""uvicorn's command line with its reloaders, and SQLite's driver for asyncio with all that it is built on."""
MISSING = ("pydantic.v1", "python_multipart")
"""Parts that FastAPI looks for and can do without: pydantic's old half, and forms."""


class _Empty(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


def leave_out() -> None:
    """Put the empty modules where none is imported yet, and import FastAPI's models without building them."""
    for name in EMPTY:
        sys.modules.setdefault(name, _Empty(name))
    for name in MISSING:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    from pydantic import BaseModel

    BaseModel.model_config["defer_build"] = True
    try:
        import_module("fastapi.openapi.models")
    finally:
        del BaseModel.model_config["defer_build"]
