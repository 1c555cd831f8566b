"""The HTTP API: one router a noun, thin handlers. The whole surface is what these routers list.

Handlers parse, call one use case of the service or one query, and translate. They hold no rules.
"""

from __future__ import annotations

from fastapi import FastAPI

from tuned.daemon import gpus, status
from tuned.daemon.http import events, problems
from tuned.daemon.http.context import Context
from tuned.daemon.playbook import routes as steps
from tuned.daemon.steering import routes as verbs
from tuned.daemon.studies import analysis, exporting, listing, space_routes, steering
from tuned.daemon.trials import listing as trials
from tuned.version import VERSION


def make_api(context: Context) -> FastAPI:
    """The ASGI application."""
    api = FastAPI(title="tuned", version=VERSION, docs_url=None, redoc_url=None, responses=problems.RESPONSES)
    api.state.context = context
    problems.install(api)
    nouns = (status, listing, space_routes, trials, verbs, events, analysis, steering, exporting, gpus, steps)
    for router in (noun.router for noun in nouns):
        api.include_router(router, prefix="/v1")
    return api
