"""The steps from a search to a final model: list, take one, steer one."""

from __future__ import annotations

from fastapi import APIRouter

from tuned.daemon.http.context import Given
from tuned.daemon.playbook.steps import steps_of
from tuned.wire import StepAction, StepRequest, Steps

router = APIRouter(tags=["finish"])


@router.get("/studies/{name}/steps")
async def steps(name: str, given: Given) -> Steps:
    """A study's steps and what each has given."""
    return steps_of(await given.service.study(name))


@router.post("/studies/{name}/steps")
async def take(name: str, request: StepRequest, given: Given) -> Steps:
    """Take a step now: confirm, ensemble, finalize or report."""
    return await given.finishing.add(name, request.step, request.options)


@router.post("/studies/{name}/steps/steer")
async def steer(name: str, request: StepAction, given: Given) -> Steps:
    """Pause, resume or skip a step."""
    return await given.finishing.steer(name, request.step, request.action)
