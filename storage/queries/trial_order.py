"""A study's trials in an order, filtered, a page at a time: what tables show.

Owns the statements that find the numbers of a page. Each order is one walk along an index, in two parts: the trials
that have what is sorted by, then the rest; so a page costs what lies before it in an index, not a sort of all trials.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam

from storage import rows
from storage.models import trials as table
from storage.queries.trial_filter import condition
from tuned.core.errors import InvalidInput
from tuned.core.state_words import STATE_ORDER
from tuned.core.trials.filter import NO_COLUMNS, NO_FILTER, Columns, TrialFilter
from tuned.core.trials.trial import Trial

_PARAMS = "params."
_ELAPSED = "elapsed"
_STATE = "CASE t.state " + " ".join(f"WHEN '{s}' THEN {i}" for i, s in enumerate(STATE_ORDER)) + " ELSE 99 END"
_KEYS = {
    "state": _STATE,
    "priority": "t.priority",
    "created": "t.created_at",
    "attempt": "t.attempt",
    "origin": "t.origin",
    "device": "t.device",
}
"""Column -> what all trials have."""

_SOME_KEYS = {"value": "t.value", "step": "t.last_step", "started": "t.started_at", "ended": "t.ended_at"}
"""Column -> what only some trials have."""

_REST = f"{_STATE}, t.number DESC"
_SCANNED = frozenset({"number", *_KEYS, "step", "started", "ended", _ELAPSED})
"""Columns without an index of their own (or in the order of the file): the filter is applied on the way."""

SORTS = ("number", *_KEYS, *_SOME_KEYS, _ELAPSED)

_PAGE = rows.select_trials().where(
    table.c.study_id == bindparam("study_id"), table.c.number.in_(bindparam("wanted", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Order:
    """Which trials, and in which order.

    Attributes:
        sort: One of `SORTS`, or `params.NAME`. Trials without what is sorted by come last in both directions, by state
            and the newest first.
        now: Unix seconds, for the elapsed time of live trials.
    """

    study_id: int
    columns: Columns = NO_COLUMNS
    found: TrialFilter = NO_FILTER
    sort: str = "number"
    descending: bool = False
    now: float = 0.0


def trial_page(conn: Connection, order: Order, limit: int | None = None, offset: int = 0) -> list[Trial]:
    """Some trials of an order.

    Raises:
        InvalidInput: There is no such order, or the filter names what these trials do not have.
    """
    numbers = trial_numbers(conn, order, limit, offset)
    found: dict[int, Trial] = {}
    for first in range(0, len(numbers), 10_000):
        wanted = {"study_id": order.study_id, "wanted": numbers[first : first + 10_000]}
        for row in conn.execute(_PAGE, wanted):
            trial = rows.to_trial(row)
            found[trial.number] = trial
    return [found[number] for number in numbers if number in found]


def trial_numbers(conn: Connection, order: Order, limit: int | None = None, offset: int = 0) -> list[int]:
    """Numbers of some trials of an order.

    Raises:
        InvalidInput: As for `trial_page`.
    """
    where, values = condition(order.found, order.columns, order.study_id)
    source, having, lacking, key = _parts(order)
    passing = ""
    if where and order.sort not in _SCANNED:
        # The trials that pass are found by one scan; along an index each would be looked up in its place of the file.
        passing = f"WITH f (n) AS MATERIALIZED (SELECT t.number FROM trials t WHERE t.study_id = ? AND {where}) "
        where, values = "t.number IN f", [order.study_id, *values]
    down = " DESC" if order.descending else ""
    by = ", ".join(f"{part}{down}" for part in key)
    keyed = f"FROM {source} t WHERE {' AND '.join(filter(None, (having[0], where)))}"
    keyed_values = [*values, *having[1]] if passing else [*having[1], *values]
    numbers = _numbers(conn, f"{passing}SELECT t.number {keyed} ORDER BY {by}", keyed_values, limit, offset)
    if lacking is None or (limit is not None and len(numbers) >= limit):
        return numbers
    # A short page ends the trials that have what is sorted by; behind it come the others.
    known = bool(numbers) or not offset
    before = offset + len(numbers) if known else _count(conn, f"{passing}SELECT count(*) {keyed}", keyed_values)
    rest = " AND ".join(filter(None, ("t.study_id = ?", lacking[0], where)))
    own = [order.study_id, *lacking[1]]
    return numbers + _numbers(
        conn,
        f"{passing}SELECT t.number FROM trials t WHERE {rest} ORDER BY {_REST}",
        [*values, *own] if passing else [*own, *values],
        None if limit is None else limit - len(numbers),
        max(0, offset + len(numbers) - before),
    )


def trial_count(conn: Connection, order: Order) -> int:
    """How many trials pass the order's filter.

    Raises:
        InvalidInput: The filter names what these trials do not have.
    """
    where, values = condition(order.found, order.columns, order.study_id)
    if order.found.plain and order.found.states is not None:
        marks = ", ".join("?" * len(order.found.states))
        sql = f"SELECT coalesce(sum(n), 0) FROM study_counts WHERE study_id = ? AND state IN ({marks})"
        return _count(conn, sql, [order.study_id, *sorted(order.found.states)])
    sql = "SELECT count(*) FROM trials t WHERE " + " AND ".join(filter(None, ("t.study_id = ?", where)))
    return _count(conn, sql, [order.study_id, *values])


Part = tuple[str, list[Any]]


def _parts(order: Order) -> tuple[str, Part, Part | None, tuple[str, ...]]:
    """The table that is walked, which of its rows have the key, which trials have none, and the key."""
    study, sort = order.study_id, order.sort
    mine: Part = ("t.study_id = ?", [study])
    if sort == "number":
        return "trials", mine, None, ("t.number",)
    if sort in _KEYS:
        return "trials", mine, None, (_KEYS[sort], "t.number")
    if sort == _ELAPSED or sort in _SOME_KEYS:
        has = "t.started_at" if sort == _ELAPSED else _SOME_KEYS[sort]
        key = f"(coalesce(t.ended_at, {float(order.now)!r}) - t.started_at)" if sort == _ELAPSED else has
        return "trials", (f"t.study_id = ? AND {has} IS NOT NULL", [study]), (f"{has} IS NULL", []), (key, "t.number")
    name = sort.removeprefix(_PARAMS)
    if name == sort or not name:
        raise InvalidInput(
            f"trials cannot be sorted by {sort!r}", where="sort", hint=f"by {', '.join(SORTS)} or params.NAME"
        )
    lacking = "t.number NOT IN (SELECT number FROM trial_params WHERE study_id = ? AND name = ?)"
    named = [study, name]
    return "trial_params", ("t.study_id = ? AND t.name = ?", named), (lacking, named), ("t.num", "t.txt", "t.number")


def _numbers(conn: Connection, sql: str, values: list[Any], limit: int | None, offset: int) -> list[int]:
    paged = (*values, -1 if limit is None else limit, offset)
    return [row[0] for row in conn.exec_driver_sql(f"{sql} LIMIT ? OFFSET ?", paged)]


def _count(conn: Connection, sql: str, values: list[Any]) -> int:
    return int(conn.exec_driver_sql(sql, tuple(values)).scalar_one())
