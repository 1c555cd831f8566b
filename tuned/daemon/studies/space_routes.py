"""A study's search space: its versions, and edits while it runs."""

from __future__ import annotations

from fastapi import APIRouter

from tuned.daemon.http.context import Given
from tuned.wire import SpaceChange, SpaceChanged, SpacePage

router = APIRouter(tags=["space"])


@router.get("/studies/{name}/space")
async def versions(name: str, given: Given) -> SpacePage:
    """The versions of a study's space, oldest first."""
    return await given.spaces.page(name)


@router.post("/studies/{name}/space")
async def change(name: str, request: SpaceChange, given: Given) -> SpaceChanged:
    """Edit the space; trials that fit go on counting, suggestions that have not started and do not are replaced."""
    return await given.spaces.change(name, request)
