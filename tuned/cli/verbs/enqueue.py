"""`enqueue`: points of the user's own, in the types of the study's space."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from tuned.cli.session import Session, verb
from tuned.client import api
from tuned.core import words
from tuned.core.errors import InvalidInput
from tuned.core.final.alike import REASON, REMEDY
from tuned.core.names import no_parameter
from tuned.core.space.text import read_values
from tuned.wire import Enqueue


@verb()
@click.argument("study")
@click.argument("values", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--file", help="Points, one JSON object a line; - reads standard input.")
@click.option("--like", metavar="STUDY/7", help="A trial that gives the values not given here.")
@click.option(
    "--seeds", type=click.IntRange(min=1), default=1, help="How many runs of each point, each with a seed of its own."
)
@click.option("--priority", type=int, default=0, help="Higher runs first.")
def enqueue(
    session: Session,
    study: str,
    values: Sequence[str],
    file: str | None,
    like: str | None,
    seeds: int,
    priority: int,
) -> None:
    """Queue points of your own; parameters left out are suggested.

    lr=.001,.01,.1 queues a point for each value, and several such lists their product.
    """
    if not values and file is None and like is None:
        raise click.UsageError(f"no point was given (write: tunectl enqueue {study} KEY=VALUE..., or --file)")
    points = [] if file is None else _read_points(file)
    if values:
        spec = session.send(api.study(study)).spec
        points.append(_point(values, spec["space"]["parameters"]))
    if like is not None and "/" not in like:
        like = f"{study}/{like}"
    enqueued = session.send(api.enqueue(study, Enqueue(points, priority, like, seeds)))
    if seeds > 1 and REASON in session.send(api.study(study)).study.note:
        click.echo(f"{study}: {REASON} ({REMEDY})", err=True)
    many = "s" if len(enqueued.trials) != 1 else ""
    session.emit(enqueued, lambda: click.echo(f"{study}: trial{many} {words.ranges(enqueued.trials)} queued"))


def _point(values: Sequence[str], parameters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    known = {parameter["name"]: parameter for parameter in parameters}
    point: dict[str, Any] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"{text}: no KEY=VALUE")
        if name not in known:
            raise no_parameter(name, known)
        if name in point:
            raise InvalidInput("is given twice", where=f"space.{name}")
        point[name] = read_values(value, known[name])
    return point


def _read_points(file: str) -> list[dict[str, Any]]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except UnicodeDecodeError as error:
        raise InvalidInput("is not UTF-8 text", where=file) from error
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", where=file) from error
    points = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            point = json.loads(line, parse_constant=_no_number, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise InvalidInput(f"is not JSON: {what}", where=f"{file}:{number}") from None
        if not isinstance(point, dict):
            raise InvalidInput('is no JSON object such as {"lr": 0.01}', where=f"{file}:{number}")
        points.append(point)
    if not points:
        raise InvalidInput("holds no points", where=file)
    return points


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    point = dict(pairs)
    if len(point) < len(pairs):
        twice = next(name for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i]))
        raise ValueError(f"{twice} is given twice")
    return point


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no parameter value")
