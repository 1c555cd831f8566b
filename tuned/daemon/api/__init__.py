"""The HTTP API: one router a noun, thin handlers. The whole surface is what these routers list.

Handlers parse, call one use case of the service or one query, and translate. They hold no rules.
"""

from __future__ import annotations

from fastapi import FastAPI

from tuned.daemon.api import (
    analysis,
    daemon,
    events,
    export,
    finish,
    gpus,
    problems,
    spaces,
    steering,
    studies,
    trials,
    verbs,
)
from tuned.daemon.api.context import Context
from tuned.version import VERSION


def make_api(context: Context) -> FastAPI:
    """The ASGI application."""
    api = FastAPI(title="tuned", version=VERSION, docs_url=None, redoc_url=None, responses=problems.RESPONSES)
    api.state.context = context
    problems.install(api)
    nouns = (daemon, studies, spaces, trials, verbs, events, analysis, steering, export, gpus, finish)
    for router in (noun.router for noun in nouns):
        api.include_router(router, prefix="/v1")
    return api
