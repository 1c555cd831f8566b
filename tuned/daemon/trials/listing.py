"""Lists of trials: filtered, sorted, a page at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy import Connection

from storage import queries
from storage.queries import Order
from tuned.core.errors import InvalidInput
from tuned.core.names import nearest
from tuned.core.ranking import BY_METRIC, BY_PARAMETER, WATCH
from tuned.core.states import TrialState
from tuned.core.targets import LARGEST
from tuned.core.trials.filter import Columns, InStates, TrialFilter, parse
from tuned.daemon import clock
from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.rows import trial_row, trial_rows
from tuned.wire import TrialNumbers, TrialRow

router = make_router("trials")


async def _order(
    name: str,
    given: Given,
    state: Annotated[list[TrialState] | None, Query()] = None,
    filter: Annotated[str, Query(max_length=4000)] = "",
    sort: str = "number",
    descending: bool = False,
) -> Order:
    """The order that a request asks for; `sort` may be the name of an objective or of a constraint's metric."""
    study = await given.study(name)
    found = parse(filter)
    if state is not None:
        found = TrialFilter(found.text, (InStates(frozenset(state)), *found.terms))
    objective, spec = study.spec.objective, study.spec
    if objective is not None and sort == objective.metric:
        sort = "value"
    measured = tuple(one.metric for one in spec.measured)
    if sort in measured:
        sort = BY_METRIC + sort
    named, known = sort.removeprefix(BY_PARAMETER), (*spec.space.names, *dict(spec.space.gone))
    if named != sort and named not in known:
        raise InvalidInput(f"trials have no parameter {named!r}", where="sort", hint=nearest(named, known))
    named = sort.removeprefix(BY_METRIC)
    if named not in (sort, *measured):
        await given.database.ask(lambda conn: _check_metric(conn, study.id, named))
    columns = Columns(spec.space.names, measured)
    # The best first whichever way is better: the stored order is that of the numbers.
    if sort in ("value", WATCH) and objective is not None and objective.direction == "maximize":
        descending = not descending
    return Order(study.id, columns, found, sort, descending, clock.now())


def _check_metric(conn: Connection, study_id: int, name: str) -> None:
    if not queries.reports(conn, study_id, name):
        hint = nearest(name, queries.study_metrics(conn, study_id))
        raise InvalidInput(f"no trial has reported a metric {name!r}", where="sort", hint=hint)


Ordered = Annotated[Order, Depends(_order)]
Limit = Annotated[int | None, Query(ge=1, lt=LARGEST)]
Offset = Annotated[int, Query(ge=0, lt=LARGEST)]


@router.get("/studies/{name}/trials")
async def trials(
    name: str, order: Ordered, given: Given, limit: Limit = None, offset: Offset = 0, metrics: bool = False
) -> list[TrialRow]:
    """A study's trials; with `metrics`, each with the last value of what it reported (`metrics_left`: but for so many).

    `filter` is such as `state:run lr<1e-3 act=relu text`; `sort` is number, value (or the objective's name; the best
    first), watch (the live ones, then by value), state, priority, step, created, started, ended, elapsed, attempt,
    origin, device, `params.NAME` or `metrics.NAME`.
    """
    bounds = (await given.study(name)).spec.constraints

    def page(conn: Connection) -> list[TrialRow]:
        found = queries.trial_page(conn, order, limit, offset)
        label = given.slots.label
        if metrics:
            rows = trial_rows(conn, found, label, bounds)
        else:
            rows = [trial_row(trial, label, bounds=bounds) for trial in found]
        waits = (given.attempts.waits_for(trial.id) for trial in found)
        return [replace(row, waits_for=wait) if wait else row for row, wait in zip(rows, waits, strict=True)]

    return await given.database.ask(page)


@router.get("/studies/{name}/trial-numbers")
async def trial_numbers(order: Ordered, given: Given, limit: Limit = None, offset: Offset = 0) -> TrialNumbers:
    """The numbers of trials alone, in order, and how many pass the filter; see `trials`."""
    return await given.database.ask(
        lambda conn: TrialNumbers(queries.trial_numbers(conn, order, limit, offset), queries.trial_count(conn, order))
    )
