"""`[search]` of a study file: method, phases, the size of a grid, and points of the user's own.

Owns their checks. How points are chosen is `tuned/core/search/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuned.core import words
from tuned.core.errors import InvalidInput
from tuned.core.names import check_study_name
from tuned.core.search.grid import LARGEST, grid_size
from tuned.core.space import Point, SearchSpace
from tuned.core.study import SearchPhase, SearchSpec
from tuned.core.study_file.models import SearchTable


def search_of(table: SearchTable, space: SearchSpace) -> SearchSpec:
    """`[search]`, checked.

    Raises:
        InvalidInput: The fault and its key.
    """
    points = tuple(_point(i, point, space) for i, point in enumerate(table.point))
    method, levels = table.method or "auto", table.levels or SearchPhase().levels
    if table.levels is not None and method != "grid":
        raise InvalidInput("is for a grid", where="search.levels", hint='write method = "grid", or drop it')
    trials = table.trials
    phases: tuple[SearchPhase, ...] = ()
    sources = tuple(check_study_name(name, "search.from") for name in table.sources)
    given = SearchSpec(points=points, sources=sources).given
    if table.phase:
        phases, trials = _phases(table, space, given)
    elif method == "grid":
        trials = _grid_trials(space, levels, table.trials, "search", given)
    if trials is None and table.budget is None:
        raise InvalidInput("trials or budget is required", where="search", hint='add trials = 50 or budget = "8h"')
    if not space.tunable and trials is not None and trials > max(1, len(points)):
        raise InvalidInput(
            f"is {trials}, but [space] leaves nothing to choose: all of them would be the same trial",
            where="search.trials",
            hint="give a parameter a range, or write trials = 1 (tunectl confirm STUDY --seeds 3 repeats it)",
        )
    return SearchSpec(
        method, trials, table.budget, table.parallel, table.seed, points, levels, phases, sources, table.lag
    )


def _phases(table: SearchTable, space: SearchSpace, given: int) -> tuple[tuple[SearchPhase, ...], int | None]:
    """The phases, and how many trials the whole search has."""
    if table.method is not None or table.levels is not None:
        key = "method" if table.method is not None else "levels"
        raise InvalidInput(
            "cannot be combined with phases", where=f"search.{key}", hint="name it in each [[search.phase]]"
        )
    phases = []
    for i, entry in enumerate(table.phase):
        where, trials = f"search.phase.{i}", entry.trials
        if entry.method == "grid":
            trials = _grid_trials(space, entry.levels, trials, where, 0 if i else given)
        if trials is None and i < len(table.phase) - 1:
            raise InvalidInput(
                "only the last phase goes on without end", where=f"{where}.trials", hint="add trials = 20"
            )
        if entry.refine and i == 0:
            raise InvalidInput("comes before any result", where=f"{where}.refine", hint="put it into a later phase")
        if entry.refine and entry.method == "grid":
            hint = 'refine before "sobol" or "bayesian"'
            raise InvalidInput("a grid is laid out before the study begins", where=f"{where}.refine", hint=hint)
        phases.append(SearchPhase(entry.method, trials, entry.levels, entry.refine))
    total = table.trials
    if total is None and table.budget is None and phases[-1].trials is not None:
        total = sum(phase.trials or 0 for phase in phases)
    return tuple(phases), total


def _grid_trials(space: SearchSpace, levels: int, trials: int | None, where: str, given: int) -> int:
    """The trials in which a grid is tried, behind those that are given; refused when its points are too many for it."""
    size = grid_size(space, levels)
    if size > LARGEST:
        raise InvalidInput(
            f"the grid has {size:,} points, and {LARGEST:,} is the most",
            where=f"{where}.levels",
            hint='fewer levels, fewer parameters, or method = "sobol", which covers the same space',
        )
    if trials is not None and size > trials:
        raise InvalidInput(
            f"the grid has {size} points, but there {'is' if trials == 1 else 'are'} {words.count(trials, 'trial')}",
            where=f"{where}.trials",
            hint=f'trials = {size}, fewer levels, or method = "sobol"',
        )
    return size + given if trials is None else min(trials, size + given)


def _point(index: int, table: Mapping[str, Any], space: SearchSpace) -> tuple[str, Point]:
    values = dict(table)
    label = values.pop("label", "")
    where = f"search.point.{index}"
    if not isinstance(label, str) or not label.isprintable() or len(label) > 100:
        raise InvalidInput(f"{label!r} is no label", where=f"{where}.label", hint='write label = "baseline"')
    try:
        return label, space.check_partial(values)
    except InvalidInput as error:
        key = (error.where or "").removeprefix("space.")
        raise InvalidInput(error.what, where=f"{where}.{key}", hint=error.hint or "see [space]") from None
    except (ValueError, OverflowError, TypeError) as error:  # an infinite or odd value for a whole number
        raise InvalidInput(str(error), where=where, hint="give plain finite values") from None
