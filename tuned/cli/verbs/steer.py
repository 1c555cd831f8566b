"""The verbs that change what runs: pause, resume, cancel, prune, kill, retry, next, priority."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tuned.cli.exits import Failed
from tuned.cli.lines import show_line
from tuned.cli.session import Session, verb
from tuned.client import api, api_steering
from tuned.client.api import Call
from tuned.core.queue.pausing import LEVELS
from tuned.core.verbs import BY_NAME

if TYPE_CHECKING:
    from tuned.wire import Changed


def _steering(name: str) -> click.Command:
    known = BY_NAME[name]

    @click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
    def act(session: Session, targets: Sequence[str]) -> None:
        _apply(session, api.act(name, targets), known.done)

    act.__doc__ = "\n\n".join(filter(None, (known.meaning, known.cost)))
    return verb(name)(act)


@verb()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option("--level", type=click.Choice(LEVELS), help="How running trials are paused; without it, auto.")
def pause(session: Session, targets: Sequence[str], level: str | None) -> None:
    """Pause studies or trials. A paused study starts no more trials; those that run go on, unless --level is given.

    \b
    auto        checkpoint where it can resume, else freeze
    checkpoint  it saves and ends; goes on from what it saved
    cuda        its GPU memory moves to main memory
    freeze      it stands still, and keeps slot and memory
    restart     it ends, saved or not, and may begin anew
    """  # noqa: D301 - click wants the character
    changed = _apply(session, api_steering.pause(targets, level), BY_NAME["pause"].done)
    if level is not None and not session.json and any("/" not in target for target in targets):
        click.echo(f"go on with: tunectl resume {' '.join(changed.changed)}")


resume = _steering("resume")
cancel = _steering("cancel")
prune = _steering("prune")
kill = _steering("kill")


@verb()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option("--undo", is_flag=True, help="Take back retries that have not begun.")
def retry(session: Session, targets: Sequence[str], undo: bool) -> None:
    """Run ended trials again, each as a new trial of the same point."""
    if undo:
        _apply(session, api_steering.undo_retry(targets), "will not run again")
    else:
        _apply(session, api.act("retry", targets), BY_NAME["retry"].done)


next_ = _steering("next")


@verb(context_settings={"ignore_unknown_options": True})
@click.argument("targets", nargs=-1, required=True, metavar="TARGET... N")
def priority(session: Session, targets: Sequence[str]) -> None:
    """Set the priority of studies or trials to N, or move it by +N or -N: higher runs first."""
    *named, value = targets
    if not named or not re.fullmatch(r"[+-]?\d{1,6}", value):
        raise click.UsageError(f"{value!r} is no priority (write: tunectl priority TARGET 10, or +1, or -1)")
    relative = value[0] in "+-"
    _apply(session, api.priority(named, int(value), relative), f"priority {value}")


def _apply(session: Session, call: Call[Changed], done: str) -> Changed:
    changed = session.send(call)
    session.emit(changed, lambda: _tell(changed, done))
    if changed.skipped and not changed.changed:
        raise Failed("; ".join(changed.skipped))
    return changed


def _tell(changed: Changed, done: str) -> None:
    if not changed.changed and not changed.skipped:
        click.echo("no trial is in that state")
    said = {line.partition(": ")[0]: line for line in changed.effects}
    for target in changed.changed:
        more = said.get(target, "").removeprefix(f"{target}: ")
        # A level's effect begins with the level's name; other effects are sentences of their own.
        link = " by " if more.partition(":")[0] in LEVELS else "; "
        show_line(f"{target}: {done}" + (f"{link}{more}" if more else ""), hanging="    ")
    if changed.changed:
        for target in changed.skipped:
            click.echo(f"left alone: {target}", err=True)
