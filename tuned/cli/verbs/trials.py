"""`trials`, `best`, `metrics`: trials and what they reported, as lists."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from tuned.cli import render
from tuned.cli.lines import show_line
from tuned.cli.session import Session, verb
from tuned.cli.table import show_table
from tuned.client import api
from tuned.core import words
from tuned.core.ranking import NAMED, SORTS
from tuned.core.states import TrialState
from tuned.core.study import Constraint
from tuned.core.text import one_line
from tuned.core.trials import card_figures

if TYPE_CHECKING:
    from tuned.wire import MetricRow, TrialRow

MOST_METRICS = 12
"""Columns of metrics besides objectives and constraints, with their last value; a trial's page has all."""

STATES = [str(state) for state in TrialState]


@verb()
@click.argument("study")
@click.option(
    "--state",
    multiple=True,
    type=click.Choice(STATES),
    metavar="STATE",
    help=f"Only trials in this state; may be repeated: {', '.join(STATES)}.",
)
@click.option("--filter", help="Such as 'state:run lr<1e-3 act=relu text'; all terms must hold, ! negates one.")
@click.option(
    "--sort",
    help=f"{', '.join(SORTS)}, {NAMED}: value is the best first, watch what runs, then by value.",
)
@click.option("--descending", is_flag=True, default=None, help="Reverse the order.")
@click.option("--limit", type=click.IntRange(min=1), help="At most this many; without it, all.")
@click.option("--offset", type=click.IntRange(min=0), help="Leave out the first ones.")
def trials(
    session: Session,
    study: str,
    state: Sequence[str],
    filter: str | None,
    sort: str | None,
    descending: bool | None,
    limit: int | None,
    offset: int | None,
) -> None:
    """List a study's trials."""
    call = api.trials(
        study,
        state=state or None,
        filter=filter,
        sort=sort,
        descending=descending,
        limit=limit,
        offset=offset,
        metrics=True,
    )
    session.show(call, trials_table)


def _intent(row: TrialRow) -> str:
    if row.stop_reason and row.ended_at is None:
        return f" → {row.stop_reason}"
    return " (frozen)" if row.frozen else ""


def _remark(row: TrialRow) -> str:
    """The remarks on a trial: the bounds it breaks, why it ended, what it waits for, other code than was submitted."""
    broken = f"breaks {', '.join(row.breaks)}" if row.breaks else ""
    code = f"other code {row.code}" if row.code else ""
    return "; ".join(filter(None, (broken, render.because(row), row.waits_for, code)))


def constant_params(rows: Sequence[TrialRow]) -> dict[str, Any]:
    """Parameters that have one value in all of these trials: they stand above a table, whole, and not in its rows."""
    return {
        name: value
        for name, value in rows[0].params.items()
        if all(name in row.params and row.params[name] == value for row in rows[1:])
    }


def card_columns(rows: Sequence[TrialRow]) -> dict[str, Callable[[Mapping[str, float]], str]]:
    """Heading -> a trial's figure of its card; none that no trial has, nor what was never seen to be wrong."""
    found: dict[str, Callable[[Mapping[str, float]], str]] = {}
    for heading, name, form, always in _CARD:
        if any(name in row.card if always else row.card.get(name) for row in rows):
            found[heading] = partial(_cell, name, form)
    return found


def _cell(name: str, form: Callable[[float], str], card: Mapping[str, float]) -> str:
    return form(card[name]) if name in card else words.UNKNOWN


_CARD: tuple[tuple[str, str, Callable[[float], str], bool], ...] = (
    ("memory", card_figures.PEAK, words.size, True),
    ("busy", "utilisation", lambda value: f"{value:.0f}%", True),
    ("Wh", "watt_hours", lambda value: words.number(value, 2), True),
    ("throttled", "throttled", lambda value: f"{value:.0%}", False),
    ("stalled", "stalled", lambda value: f"{value:.0%}", False),
)
"""Heading, figure, its form, and whether it is told where it is zero in all trials."""


def by_relevance(names: Iterable[str], objectives: Sequence[str], rows: Sequence[TrialRow]) -> list[str]:
    """Metrics beside the objectives, those that a narrow terminal keeps longest first.

    Of the same data or the same measure as an objective (`val_acc` and `train_loss` beside `val_loss`) come first, then
    what is measured alike (`train_acc`); what is equal in all of several trials (`epoch`) tells nothing and comes last.
    """
    telling = {word for objective in objectives for word in _parts(objective)}

    names = set(names)
    words_of = Counter(word for name in names for word in _parts(name))

    def place(name: str) -> tuple[bool, int, int, str]:
        constant = len(rows) > 1 and len({row.metrics.get(name) for row in rows}) == 1
        return constant, -len(telling & _parts(name)), -sum(words_of[word] for word in _parts(name)), name

    return sorted(names, key=place)


def _parts(name: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()))


def trials_table(rows: Sequence[TrialRow], with_study: bool = False) -> None:
    """Print trials for a person, the study's name in front when they are of several."""
    if not rows:
        click.echo("no trials")
        return
    metrics = list(dict.fromkeys(name for row in rows for name in row.values))
    reported = {name for row in rows for name in row.metrics if not name.startswith(card_figures.OF_CARDS)}
    others = by_relevance(reported - set(metrics), metrics, rows)
    more, others = others[MOST_METRICS:], others[:MOST_METRICS]
    constant = {} if with_study else constant_params(rows)
    if constant:
        what = "the same in all of these trials" if len(rows) > 1 else "parameters"
        show_line(f"{what}: {render.point(constant)}", hanging="    ")
    cards = card_columns(rows)
    measured = [*(f"={metric}" for metric in metrics), *(f"~={name}" for name in (*others, *cards))]
    headings = ["number", "state", *measured, "params", "origin", "attempt", "device", "duration"]
    cells = [
        [
            str(row.number),
            render.state(row.state) + _intent(row),
            *(words.number(row.values.get(metric)) for metric in metrics),
            *(words.number(row.metrics.get(metric)) for metric in others),
            *(form(row.card) for form in cards.values()),
            one_line(row.question)
            or render.point({name: value for name, value in row.params.items() if name not in constant}),
            row.origin,
            str(row.attempt) if row.attempt > 1 else "-",
            row.slot or row.device or words.UNKNOWN,
            render.ran(row),
            one_line(_remark(row)),
        ]
        for row in rows
    ]
    headings.append("reason")
    if with_study:
        headings = ["study", *headings]
        cells = [[row.study, *line] for row, line in zip(rows, cells, strict=True)]
    show_table(headings, cells)
    left, row = max(((_left_out(row, more), row) for row in rows), key=lambda pair: pair[0])
    if left:
        click.echo(f"{words.count(left, 'more metric')}: tunectl show {row.name}")


def _left_out(row: TrialRow, names: Sequence[str]) -> int:
    """How many metrics of a trial stand in no column: those of these names, and those that its row was not sent."""
    return sum(name in row.metrics for name in names) + row.metrics_left


@verb()
@click.argument("study")
@click.option(
    "--top", type=click.IntRange(min=1), help="How many points, by the first objective, each with its best run."
)
def best(session: Session, study: str, top: int | None) -> None:
    """Show a study's best trial; with several objectives, those that no other one beats in all of them."""
    rows = session.send(api.best(study, top))
    session.emit(rows, lambda: _best(session, study, rows) if rows else click.echo(_why_none(session, study)))


def _best(session: Session, study: str, rows: Sequence[TrialRow]) -> None:
    """The table, and below it the figure to quote for its first line."""
    trials_table(rows)
    found = session.send(api.study(study)).study.best
    if found is not None and found.number == rows[0].number and (told := render.beside(found)):
        show_line(f"trial {found.number}: {told}", hanging="    ")


def _why_none(session: Session, study: str) -> str:
    """Why no trial is the best one: all break a constraint, or none has a value."""
    from tuned.core.feasibility import none_keeps

    row = session.send(api.study(study)).study
    bounds = [Constraint(c.metric, c.at_most, c.at_least) for c in row.constraints]
    sentence = none_keeps(session.send(api.trials(study)), bounds) if bounds else ""
    return sentence or "no trial has finished with a value yet"


@verb()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option("--name", multiple=True, help="Only this metric; may be repeated.")
def metrics(session: Session, targets: Sequence[str], name: Sequence[str]) -> None:
    """List what trials reported."""
    names: Sequence[str | None] = name or (None,)
    rows = [row for target in targets for one in names for row in session.send(api.metrics(target, one))]
    session.emit(rows, lambda: _metrics_table(rows) if rows else click.echo(_none_reported(session, targets, name)))


def _none_reported(session: Session, targets: Sequence[str], names: Sequence[str]) -> str:
    """Why there is no row: nothing came at all, or none of these names."""
    from tuned.core.names import nearest

    known = {row.name for target in targets for row in session.send(api.metrics(target, None))} if names else ()
    if not known:
        return "nothing has been reported"
    return "; ".join(f"{name} has not been reported ({nearest(name, sorted(known))})" for name in names)


def _metrics_table(rows: Sequence[MetricRow]) -> None:
    show_table(
        ["trial", "attempt", "step", "name", "value"],
        [[f"{r.study}/{r.number}", str(r.attempt), words.number(r.step), r.name, words.number(r.value)] for r in rows],
    )
