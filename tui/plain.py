"""One picture of the daemon as plain text, for pipes and logs: the panes of the UI, printed once."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.cells import Line, cut_line, text_of
from tui.context import Context, Options
from tui.glyphs import ASCII, UNICODE
from tui.pages import PAGE_ROWS
from tui.rows import Rows
from tui.store import Store
from tui.views import curves, frame, machine, studies, trials
from tui.views.first import first_steps
from tuned.client import api
from tuned.core.errors import TunedError
from tuned.home import Home

if TYPE_CHECKING:
    from tui.machine import Endpoint
    from tuned.client.aio import AsyncClient

ROWS = 40


def print_snapshot(home: Home, *, ascii: bool = False, study: str | None = None) -> int:
    """Print studies and the trials of one; the exit code: 0, 1 on an error, 3 without a daemon."""
    from tuned.client.aio import AsyncClient
    from tuned.client.problems import NoDaemon

    async def fetch() -> list[str]:
        async with AsyncClient(home.socket) as client:
            return await snapshot(client, ascii=ascii, study=study, width=shutil.get_terminal_size((100, 40)).columns)

    try:
        lines = asyncio.run(fetch())
    except NoDaemon as error:
        print(f"tunectl ui: {error}", file=sys.stderr)  # noqa: T201
        return 3
    except TunedError as error:
        print(f"tunectl ui: {error}", file=sys.stderr)  # noqa: T201
        return 1
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def print_machines(endpoints: Sequence[Endpoint], *, ascii: bool = False) -> int:
    """Print several machines with their studies, those that are away as such; the exit code."""
    from tui.machine import Machine
    from tui.views.machines import entries, machine_lines
    from tuned.client.aio import AsyncClient

    async def look(machine: Machine) -> None:
        try:
            async with AsyncClient(machine.endpoint.socket) as client:
                await machine.look(client)
        except TunedError as error:
            machine.away = machine.endpoint.problem() or error.what

    async def look_at_all() -> list[Machine]:
        machines = [Machine(endpoint) for endpoint in endpoints]
        await asyncio.gather(*map(look, machines))
        return machines

    width = shutil.get_terminal_size((100, 40)).columns
    listed = entries(asyncio.run(look_at_all()), True)
    lines = machine_lines(listed, None, 0, width, len(listed), ASCII if ascii else UNICODE)
    sys.stdout.write("\n".join(text_of(line).rstrip() for line in lines) + "\n")
    return 0


async def snapshot(client: AsyncClient, *, ascii: bool, study: str | None, width: int) -> list[str]:
    """The picture as lines without trailing blanks."""
    store = Store(time.time)
    context = Context(store, Rows(store), Options(ascii=ascii, study=study), ASCII if ascii else UNICODE)
    store.study = study
    store.put_status(await client.send(api.status()))
    store.put_studies(await client.send(api.studies()))
    if store.study is not None:
        query = context.rows.query()
        store.order(query)
        store.put_page(query, 0, await client.send(query.rows(0, PAGE_ROWS)))
        store.put_best_so_far(store.study, await client.send(api.best_so_far(store.study)))
    store.went_live()
    lines: list[Line] = [frame.head(context, width)]
    listed = len(store.studies) * studies.study_lines(width) if store.studies else len(first_steps(width)) + 1
    lines += studies.studies(context, None, 0, width, listed + 1, False)
    if store.study is not None:
        count = min(ROWS, context.rows.total())
        lines += trials.build(context, 0, width, max(4, count + 2), False)
        if store.best_so_far():
            lines += curves.best_so_far(context, width, 10, False)
    lines += machine.devices(context, width, 3 + len(store.status.devices if store.status else ()), False)
    return [text_of(cut_line(line, width, context.glyphs.more)).rstrip() for line in lines]
