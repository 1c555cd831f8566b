"""The HTTP API: one router for each group of requests. The whole surface is the list of these routers.

A module of requests holds its routes and their transactions: a route parses, runs one transaction or query, and
answers.
"""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from tuned.daemon import gpus, prometheus, status
from tuned.daemon.http import events, problems
from tuned.daemon.http.context import Context
from tuned.daemon.playbook import by_hand
from tuned.daemon.studies import (
    analysis,
    changing,
    deleting,
    exporting,
    importing,
    listing,
    notifying,
    space,
    submitting,
    summary,
)
from tuned.daemon.trials import curves, detail, enqueuing, queue
from tuned.daemon.trials import listing as trials
from tuned.daemon.verbs import acting, pausing, priorities, retries
from tuned.version import VERSION

MODULES = (
    status, prometheus, submitting, listing, deleting, enqueuing, space, trials, detail, curves, queue, acting, pausing,
    retries, priorities, events, analysis, changing, summary, notifying, exporting, importing, gpus, by_hand,
)  # fmt: skip


SILENT: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's own telemetry, which variables of the environment could have sent elsewhere: the daemon tells nobody."""


def make_api(context: Context) -> FastAPI:
    """The ASGI application."""
    api = FastAPI(title="tuned", version=VERSION, docs_url=None, redoc_url=None, telemetry=SILENT)
    api.state.context = context
    problems.install(api)
    for module in MODULES:
        api.router.routes.extend(module.router.routes)
    return api
