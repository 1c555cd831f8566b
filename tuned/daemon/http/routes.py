"""The routers of the modules. Owns where the API begins and which problems every request may give."""

from __future__ import annotations

from fastapi import APIRouter

from tuned.core.names import API
from tuned.daemon.http import problems


def make_router(*tags: str) -> APIRouter:
    """A router below `/v1`.

    Its routes go into the application as they are: `include_router` would build each of them once more, 1.5 MB in all.
    """
    return APIRouter(prefix=API, tags=list(tags), responses=problems.RESPONSES)
