"""A study's trials in an order, filtered, a page at a time: what tables show.

Owns the statements that find the numbers of a page. Each order is one walk along an index, in parts: the trials that
have the key, by `value` one tier of `tuned.core.ranking` after the other, then the rest; so a page costs the part of an
index that lies before it, not a sort of all trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam

from storage import rows
from storage.models import trials as table
from storage.queries.observations import LAST_VALUE
from storage.queries.trial_filter import condition
from tuned.core.errors import InvalidInput
from tuned.core.ranking import BY_METRIC, BY_PARAMETER, NAMED, SORTS, WATCH, Tier
from tuned.core.state_words import STATE_ORDER
from tuned.core.states import LIVE
from tuned.core.trials.filter import NO_COLUMNS, NO_FILTER, Columns, TrialFilter
from tuned.core.trials.trial import Trial

_ELAPSED = "elapsed"
_BEGUN = "CASE WHEN t.ended_at IS NOT NULL OR t.state = 'running' THEN t.started_at END"
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

_SOME_KEYS = {"step": "t.last_step", "started": "t.started_at", "ended": "t.ended_at"}
"""Column -> what only some trials have."""

_REST = f"{_STATE}, t.number DESC"
_SCANNED = frozenset({"number", *_KEYS, "step", "started", "ended", _ELAPSED})
"""Columns without an index of their own (or in the order of the file): the filter is applied on the way."""

_MEASURED = (
    "(SELECT t.*, (SELECT v FROM ("
    "SELECT 0 AS place,"
    " CASE e.value WHEN 'nan' THEN NULL WHEN 'inf' THEN 9e999 WHEN '-inf' THEN -9e999 ELSE e.value END AS v"
    " FROM json_each(t.values_json) AS e WHERE e.key = ?"
    f" UNION ALL SELECT 1, v FROM ({LAST_VALUE.format(trial='t.id', name='?').replace('o.value', 'o.value AS v', 1)})"
    ") ORDER BY place LIMIT 1) AS measured FROM trials AS t WHERE t.study_id = ?)"
)
"""Trials with what one metric came to, as tables show it: its summary where it has one, else its last value."""

_LIVE = "t.state IN (" + ", ".join(f"'{state}'" for state in sorted(LIVE)) + ")"

_PAGE = rows.select_trials().where(
    table.c.study_id == bindparam("study_id"), table.c.number.in_(bindparam("wanted", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Order:
    """Which trials, and in which order.

    Attributes:
        sort: One of `SORTS`, `params.NAME` or `metrics.NAME`. Trials without that come last in both directions, by
            state and the newest first; by `value` those cut short come behind those that ran whole; `watch` is the
            order by `value` with the live trials before all.
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
    # The trials that pass are found by one scan; along an index each would be looked up in its place of the file.
    scan = f"WITH f (n) AS MATERIALIZED (SELECT t.number FROM trials t WHERE t.study_id = ? AND {where}) "
    numbers: list[int] = []
    skip, parts = offset, _parts(order)
    for part in parts:
        passing = scan if where and order.sort not in _SCANNED and not part.few else ""
        passes = "t.number IN f" if passing else where
        keyed = f"FROM {part.source} t WHERE {' AND '.join(filter(None, (part.having, passes)))}"
        given = [order.study_id, *values, *part.values] if passing else [*part.values, *values]
        left = None if limit is None else limit - len(numbers)
        found = _numbers(conn, f"{passing}SELECT t.number {keyed} ORDER BY {part.by}", given, left, skip)
        numbers += found
        if part is parts[-1] or (limit is not None and len(numbers) >= limit):
            break
        # A short page ends this part; behind it come the others.
        skip = 0 if found or not skip else skip - _count(conn, f"{passing}SELECT count(*) {keyed}", given)
    return numbers


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


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of an order: the table that is walked, a condition with its values, and the order within it.

    `few`: an index finds its rows, of which there are not many.
    """

    source: str
    having: str
    values: list[Any]
    by: str
    few: bool = False


def _parts(order: Order) -> list[Part]:
    """The stretches of an order, one behind the other."""
    study, sort = order.study_id, order.sort
    down = " DESC" if order.descending else ""

    def walk(having: str, key: str, source: str = "trials", more: Sequence[Any] = (), last: str = "") -> Part:
        by = ", ".join(f"{part}{down}" for part in (key, last, "t.number") if part)
        return Part(source, f"t.study_id = ?{having}", [study, *more], by)

    def rest(having: str, *more: Any) -> Part:
        return Part("trials", f"t.study_id = ? AND {having}", [study, *more], _REST)

    if sort == "number":
        return [walk("", "")]
    if sort in _KEYS:
        return [walk("", _KEYS[sort])]
    if sort in ("value", WATCH):
        parts = [walk(f" AND t.tier = {tier:d}", "t.value") for tier in (Tier.WHOLE, Tier.CUT)]
        unranked = f"t.tier = {Tier.NONE:d}"
        if sort == "value":
            return [*parts, rest(unranked)]
        live = replace(rest(_LIVE), few=True)
        return [live, *parts, rest(f"{unranked} AND NOT {_LIVE}")]
    if sort == _ELAPSED or sort in _SOME_KEYS:
        has = _BEGUN if sort == _ELAPSED else _SOME_KEYS[sort]
        end = f"coalesce(t.ended_at, t.still_since, {float(order.now)!r})"
        key = f"({end} - t.started_at - t.still_s)" if sort == _ELAPSED else has
        return [walk(f" AND {has} IS NOT NULL", key), rest(f"{has} IS NULL")]
    if name := _behind(BY_METRIC, sort):
        given = [name, name, study, study]
        by = f"t.measured{down}, t.number{down}"
        return [
            Part(_MEASURED, "t.study_id = ? AND t.measured IS NOT NULL", given, by),
            Part(_MEASURED, "t.study_id = ? AND t.measured IS NULL", given, _REST),
        ]
    name = _behind(BY_PARAMETER, sort)
    if not name:
        raise InvalidInput(f"trials cannot be sorted by {sort!r}", where="sort", hint=f"by {', '.join(SORTS)}, {NAMED}")
    lacking = "t.number NOT IN (SELECT number FROM trial_params WHERE study_id = ? AND name = ?)"
    named = walk(" AND t.name = ?", "t.num", "trial_params", [name], "t.txt")
    return [named, rest(lacking, study, name)]


def _behind(prefix: str, sort: str) -> str:
    return sort.removeprefix(prefix) if sort.startswith(prefix) else ""


def _numbers(conn: Connection, sql: str, values: list[Any], limit: int | None, offset: int) -> list[int]:
    paged = (*values, -1 if limit is None else limit, offset)
    return [row[0] for row in conn.exec_driver_sql(f"{sql} LIMIT ? OFFSET ?", paged)]


def _count(conn: Connection, sql: str, values: list[Any]) -> int:
    return int(conn.exec_driver_sql(sql, tuple(values)).scalar_one())
