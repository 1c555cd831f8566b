"""Verbs that steer what was submitted: `set`, `summary`."""

from __future__ import annotations

from fastapi import APIRouter

from tuned.daemon.api.context import Given
from tuned.wire_steering import Settings, SettingsChanged

router = APIRouter(tags=["steering"])


@router.post("/studies/{name}/set")
async def set_(name: str, request: Settings, given: Given) -> SettingsChanged:
    """Change keys of a submitted study; more trials let an ended one go on."""
    return await given.service.set(name, request.values)
