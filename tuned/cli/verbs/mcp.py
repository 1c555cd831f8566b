"""`mcp`: a server on stdin and stdout for coding agents."""

from __future__ import annotations

import click

from tuned.cli.exits import Failed
from tuned.cli.session import Session, verb
from tuned.core.verbs import Kind

LEVELS = tuple(str(kind) for kind in Kind)


@verb()
@click.option(
    "--allow", type=click.Choice(LEVELS), default="read", show_default=True, help="The most that its tools may do."
)
@click.option("--gpu-hours", type=click.FloatRange(min=0), help="Cap: hours of cards that its trials may hold.")
@click.option("--trials", type=click.IntRange(min=0), help="Cap: trials that it may have in all.")
def mcp(session: Session, allow: str, gpu_hours: float | None, trials: int | None) -> None:
    """Serve coding agents on stdin and stdout, by the Model Context Protocol.

    It reads unless --allow says more. Its changes are capped: by --gpu-hours or --trials, or by [caller.NAME] of
    config.toml, where NAME is --caller or `mcp`. With --allow destroy it may delete studies of its own.
    """
    try:
        from tuned.agents.server import make_server
    except ImportError as error:
        hint = "pip install 'tuned-hpo[mcp]'"
        raise Failed(f"tunectl mcp needs the package mcp ({hint} into tunectl's own environment): {error}") from None
    from tuned.agents.caps import agree_on_caps
    from tuned.agents.tools import Tools
    from tuned.cli.pages import topics

    session.ensure_daemon()
    kinds = [kind for kind in Kind if LEVELS.index(kind) <= LEVELS.index(allow)]
    client = agree_on_caps(session.home.socket, session.caller, kinds, gpu_hours, trials)
    make_server(Tools(client, kinds), topics()["agents"].read_text(encoding="utf-8")).run("stdio")
