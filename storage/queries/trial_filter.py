"""A filter of trials as SQL. Owns no statement: what it makes goes behind the WHERE of one over `trials t`."""

from __future__ import annotations

from typing import Any

from tuned.core.trials.filter import (
    NUMERIC_FIELDS,
    TEXTS,
    Columns,
    Compare,
    Contains,
    InStates,
    TrialFilter,
)

Sql = tuple[str, list[Any]]
_FIELDS = {"step": "t.last_step"}
_INFINITY = "9e999"


def condition(found: TrialFilter, columns: Columns, study_id: int) -> Sql:
    """The filter's condition and its parameters; an empty text when everything passes.

    Raises:
        InvalidInput: A name that these trials do not have.
    """
    parts: list[str] = []
    values: list[Any] = []
    for term in found.terms:
        if isinstance(term, InStates):
            sql, more = _in("t.state", sorted(term.states)), sorted(term.states)
        elif isinstance(term, Contains):
            sql, more = _contains(term, study_id)
        else:
            sql, more = _compare(term, columns, study_id)
        if not isinstance(term, InStates) and term.negated:
            sql = f"NOT coalesce(({sql}), 0)"
        parts.append(f"({sql})")
        values += more
    return " AND ".join(parts), values


def _in(column: str, values: list[str]) -> str:
    return f"{column} IN ({', '.join('?' * len(values))})"


_LINE = " || char(10) || ".join(["'#' || t.number", *(f"coalesce(t.{name}, '')" for name in TEXTS)])
"""All texts as one: a needle holds no blank, so it cannot lie across two of them."""


def _contains(term: Contains, study_id: int) -> Sql:
    words = f"SELECT number FROM trial_params WHERE study_id = ? AND num = {_INFINITY} AND instr(lower(txt), ?) > 0"
    return f"instr(lower({_LINE}), ?) > 0 OR t.number IN ({words})", [term.needle, study_id, term.needle]


def _compare(term: Compare, columns: Columns, study_id: int) -> Sql:
    kind, name = columns.source(term.name)
    if kind == "param":
        number, values = _number("num", term)
        sql = f"({number} AND num < {_INFINITY})"
        if term.operator == "=":
            sql += " OR (txt != '' AND lower(txt) = ?)"
            values = [*values, term.text]
        inner = f"SELECT number FROM trial_params WHERE study_id = ? AND name = ? AND ({sql})"
        return f"t.number IN ({inner})", [study_id, name, *values]
    if kind == "metric":
        if columns.metrics[:1] == (name,):
            return _number("t.value", term)
        sql, values = _number(_METRIC, term)
        return sql, [f'$."{name}"'] * sql.count("json_extract") + values
    column = _FIELDS.get(name, f"t.{name}")
    if name in NUMERIC_FIELDS:
        return _number(column, term)
    return (f"lower(coalesce({column}, '')) = ?", [term.text]) if term.operator == "=" else ("0", [])


_METRIC = (
    "(SELECT CASE v WHEN 'nan' THEN NULL WHEN 'inf' THEN 9e999 WHEN '-inf' THEN -9e999 ELSE v END"
    " FROM (SELECT json_extract(t.values_json, ?) AS v))"
)


def _number(column: str, term: Compare) -> Sql:
    if term.number is None:
        return "0", []
    if term.operator == "=":
        return f"{column} BETWEEN ? AND ?", [*term.within]
    return f"{column} {term.operator} ?", [term.number]
