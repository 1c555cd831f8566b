"""A table of runs as another program exported it, one row a run, read through a map of its columns.

Owns that reading: which columns are parameters and metrics, and what a cell means.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuned.client.imported import Found, ended, space_of
from tuned.core.errors import InvalidInput
from tuned.core.names import check_parameter_name, nearest

PREFIXES = ("params.", "params_", "config/", "config.", "hparams/", "param_")
"""Of columns that hold parameters, as W&B, Ray, Optuna, MLflow and tunectl write them."""
_ENDS = {"failed": "failed", "crashed": "failed", "error": "failed", "fail": "failed", "killed": "failed"}
_ENDS |= {"lost": "failed", "pruned": "pruned", "early_stopped": "pruned"}
_OPEN = frozenset(
    {"running", "pending", "queued", "waiting", "preempting", "starting", "paused", "cancelled", "scheduled"}
)
_EMPTY = frozenset({"", "na", "n/a", "nan", "none", "null"})
_WORD = "none"
"""The spelling of a person's own value, as of a regularizer; where Python left something out it wrote `None`."""


def read_table(
    path: Path,
    metrics: Sequence[tuple[str, str]],
    direction: str,
    params: Sequence[tuple[str, str]] = (),
    state: str | None = None,
) -> Found:
    """The runs of a table.

    Args:
        path: The file; its first line names the columns.
        metrics: (name, column), the objective first.
        direction: `minimize` or `maximize`.
        params: (name, column); empty: the columns whose names begin with one of `PREFIXES`.
        state: Column that says how a run ended; None: `state` or `State`, where there is one.

    Raises:
        InvalidInput: It cannot be read, or lacks a column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except UnicodeDecodeError as error:
        raise InvalidInput("is not UTF-8 text", where=str(path)) from error
    except (OSError, csv.Error) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(f"cannot be read: {why}", where=str(path)) from error
    if not rows:
        raise InvalidInput("has no rows below its head", where=str(path))
    columns = [column for column in rows[0] if column]
    chosen = list(params) or _prefixed(columns)
    if not chosen:
        hint = f"--param lr=COLUMN; its columns: {', '.join(columns[:12])}"
        raise InvalidInput("no column is called like a parameter", where=str(path), hint=hint)
    for _, column in [*chosen, *metrics, *([("", state)] if state else [])]:
        if column not in columns:
            raise InvalidInput(f"has no column {column!r}", where=str(path), hint=nearest(column, columns))
    for name, _ in chosen:
        check_parameter_name(name, "--param")
    of_state = state or next((column for column in ("state", "State", "status", "Status") if column in columns), None)
    read = _typed(rows, chosen)
    trials = []
    for row, point in zip(rows, read, strict=True):
        word = (row.get(of_state or "") or "").strip().lower()
        if word in _OPEN:
            continue
        values = {name: _number(row.get(column)) for name, column in metrics}
        known = {name: value for name, value in values.items() if not math.isnan(value)}
        trials.append(ended(point, _ENDS.get(word, "completed"), known if metrics[0][0] in known else {}))
    left = len(rows) - len(trials)
    return Found(path.stem, path.name, [(metrics[0][0], direction)], space_of(read), trials, left)


def _prefixed(columns: Sequence[str]) -> list[tuple[str, str]]:
    found = []
    for column in columns:
        prefix = next((p for p in PREFIXES if column.startswith(p) and len(column) > len(p)), None)
        if prefix is not None:
            found.append((column[len(prefix) :].replace("/", "."), column))
    return found


def _typed(rows: Sequence[Mapping[str, Any]], chosen: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """The points, each column of one type: whole numbers, numbers, switches or words."""
    points: list[dict[str, Any]] = [{} for _ in rows]
    for name, column in chosen:
        cells = [(row.get(column) or "").strip() for row in rows]
        read = _reader([cell for cell in cells if cell.lower() not in _EMPTY])
        for point, cell in zip(points, cells, strict=True):
            if cell.lower() not in _EMPTY or (read is str and cell == _WORD):
                point[name] = read(cell)
    return points


def _reader(cells: Sequence[str]) -> Any:
    if cells and all(cell.lower() in ("true", "false") for cell in cells):
        return lambda cell: cell.lower() == "true"
    numbers = [_number(cell) for cell in cells]
    if not cells or not all(math.isfinite(number) for number in numbers):
        return str
    if all(
        number == int(number) and "." not in cell and "e" not in cell.lower()
        for number, cell in zip(numbers, cells, strict=True)
    ):
        return int
    return float


def _number(cell: str | None) -> float:
    try:
        return float((cell or "").strip())
    except ValueError:
        return math.nan
