"""How a study goes, while one waits for it: a bar with running trials on a terminal, a line a trial elsewhere.

Owns that display, on stderr so that stdout keeps the result. It asks for nothing that it does not show.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click

from tuned.cli import render
from tuned.cli.lines import room
from tuned.client import api
from tuned.core import words
from tuned.core.errors import TunedError
from tuned.core.state_words import told
from tuned.core.states import LIVE, TERMINAL, StudyState
from tuned.wire import EventRow, StudyRow, TrialRow

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tuned.client.http import Client

SHOWN_TRIALS = 6
BAR = 20
"""Columns of the bar."""


class Display(Protocol):
    """The display of a wait.

    Attributes:
        tick: Seconds between pictures while trials only report; None: only when a trial moves.
    """

    tick: float | None

    def seen(self, row: StudyRow) -> None:
        """A new picture of the study."""
        ...

    def heard(self, event: EventRow) -> None:
        """Something happened."""
        ...


@contextmanager
def shown(client: Client, *, quiet: bool) -> Iterator[Display]:
    """The display that fits: nothing, a live one on a terminal, else lines."""
    if quiet:
        yield Silence()
    elif sys.stderr.isatty():
        with _live(client) as display:
            yield display
    else:
        yield Lines()


class Silence:
    """Shows nothing."""

    tick: float | None = None

    def seen(self, row: StudyRow) -> None:
        """Nothing is shown."""

    def heard(self, event: EventRow) -> None:
        """Nothing is shown."""


class Lines:
    """One line for each trial that ends."""

    tick: float | None = None

    def __init__(self) -> None:
        self._ended: list[EventRow] = []
        self._waits = False

    def heard(self, event: EventRow) -> None:
        """Remember a trial's end until the picture that belongs to it."""
        if event.type == "trial.moved" and event.data.get("to") in TERMINAL:
            self._ended.append(event)

    def seen(self, row: StudyRow) -> None:
        """A line for each trial that has ended since, and one when the study begins to wait for other studies."""
        if row.waits and not row.finished and not self._waits:
            click.echo(f"{row.name} waits for a slot: others run first (tunectl queue)", err=True)
        self._waits = row.waits
        for event in self._ended:
            data = event.data
            values = render.values(data["values"]) if data.get("values") else ""
            best = f"best {render.values(row.best.values)}" if row.best is not None else ""
            left = _left(row)
            what = told(f"{row.name}/{event.number} {data['to']}", data.get("reason") or "")
            parts = (what, values, best, progress(row), left)
            click.echo("  ".join(part for part in parts if part), err=True)
        self._ended.clear()


def _left(row: StudyRow) -> str:
    """`about 22s left`; nothing in the last second, which an estimate does not know."""
    return f"about {words.duration(row.eta_s)} left" if row.eta_s is not None and row.eta_s >= 1 else ""


def progress(row: StudyRow) -> str:
    """`7 of 50`."""
    return f"{row.finished} of {row.total}" if row.trials else f"{row.finished} done"


@contextmanager
def _live(client: Client) -> Iterator[Display]:
    from rich.console import Console
    from rich.live import Live

    bar = Bar(client)
    with Live(
        get_renderable=bar.picture,
        console=Console(stderr=True, width=room(error=True)),
        refresh_per_second=4,
        transient=True,
    ):
        yield bar


class Bar:
    """A progress bar with time left, the running trials and the best so far."""

    tick: float | None = 0.5

    def __init__(self, client: Client) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._client = client
        self._row: StudyRow | None = None
        self._running: list[TrialRow] = []
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(BAR),
            TextColumn("{task.fields[done]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self._task = self._progress.add_task("", total=None, done="", left="")

    def heard(self, event: EventRow) -> None:
        """The picture that follows shows it."""

    def seen(self, row: StudyRow) -> None:
        """Show this picture and ask for the running trials that belong to it."""
        self._row = row
        try:
            self._running = self._client.send(api.trials(row.name, state=sorted(LIVE), limit=SHOWN_TRIALS))
        except TunedError:
            self._running = []
        left = _left(row)
        if row.state == StudyState.PAUSED:
            left = "paused"
        elif row.waits:
            left = "waits for a slot"
        self._progress.update(
            self._task,
            description=row.name,
            total=row.total,
            completed=row.finished,
            done=progress(row),
            left=left,
        )

    def picture(self) -> RenderableType:
        """The terminal's picture at this moment."""
        from rich.console import Group
        from rich.padding import Padding
        from rich.text import Text

        if self._row is None:
            return Group()
        lines: list[RenderableType] = [self._progress]
        for trial in self._running:
            step = "" if trial.last_step is None else f"step {words.number(trial.last_step)}"
            parts = (f"  {trial.number}", step, render.values(trial.values), render.point(trial.params))
            text = "  ".join(part for part in parts if part and part != "-")
            lines.append(Text(text, style="cyan", no_wrap=True, overflow="ellipsis"))
        if self._row.best is not None:
            best = f"  best {render.best(self._row.best)}"
            lines.append(Text(best, style="green", no_wrap=True, overflow="ellipsis"))
        paused = self._row.reason if self._row.state == StudyState.PAUSED else ""
        lines += [Padding(Text(told, style="yellow"), (0, 0, 0, 2)) for told in (paused, self._row.note) if told]
        return Group(*lines)
