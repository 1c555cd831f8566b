"""The verbs on studies and trials: one route each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter

from tuned.daemon.http.context import Context, Given
from tuned.daemon.steering import verbs
from tuned.wire import Changed, Pause, Reprioritise, Targets

router = APIRouter(tags=["verbs"])

_SAYS = {
    "resume": "A paused study goes on; a paused trial is queued again.",
    "cancel": "A study ends; a trial is stopped and discarded from the search.",
    "prune": "A trial is stopped and keeps its result so far.",
    "kill": "A trial is ended now, without grace.",
    "retry": "The point of an ended trial runs again as a new trial.",
    "next": "A queued trial runs before all others.",
}


def _route(verb: str) -> Callable[[Targets, Context], Awaitable[Changed]]:
    async def handler(request: Targets, given: Given) -> Changed:
        return await given.service.act(verb, request.targets)

    handler.__name__ = verb
    handler.__doc__ = _SAYS[verb]
    return handler


for _verb in verbs.VERBS:
    if _verb != "pause":
        router.post(f"/{_verb}")(_route(_verb))


@router.post("/pause")
async def pause(request: Pause, given: Given) -> Changed:
    """A study starts nothing more; a running trial is paused at a level, which says what it keeps and loses.

    With a level, a study's running trials are paused as well.
    """
    return await given.service.pause(request.targets, request.level)


@router.post("/retry/undo")
async def undo_retry(request: Targets, given: Given) -> Changed:
    """Retries that have not begun are taken back; a study that goes on because of one ends again."""
    return await given.service.undo_retry(request.targets)


@router.post("/priority")
async def priority(request: Reprioritise, given: Given) -> Changed:
    """Higher runs first, also across studies."""
    return await given.service.reprioritise(request.targets, request.priority, request.relative)
