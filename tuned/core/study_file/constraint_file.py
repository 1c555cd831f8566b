"""Reading `[[space_constraint]]` into conditions on a space, or one line that says what is wrong with them.

Owns their spelling, and the refusal of conditions that no point meets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tuned.core.errors import InvalidInput
from tuned.core.names import no_parameter
from tuned.core.search.design import complete_point
from tuned.core.space import Parameter, SearchSpace
from tuned.core.space.constraints import LinearConstraint
from tuned.core.study_file.models import ConstraintTable, LinearTable


def constrained(space: SearchSpace, tables: Sequence[LinearTable]) -> SearchSpace:
    """The space with its conditions.

    Raises:
        InvalidInput: A condition names no numeric parameter, has no bound, or cannot be met.
    """
    if not tables:
        return space
    found = tuple(_constraint(i, table, space) for i, table in enumerate(tables))
    whole = replace(space, constraints=found)
    try:
        complete_point(whole, {}, 0, 0)
    except InvalidInput:
        raise InvalidInput(
            "no point of the space was found that meets it", where="space_constraint", hint="widen a bound"
        ) from None
    return whole


def check_bounds(table: LinearTable | ConstraintTable, where: str) -> None:
    """Refuse a constraint that no value breaks, or that none keeps.

    Raises:
        InvalidInput: It has no bound, or the lower one is above the upper one.
    """
    if table.at_most is None and table.at_least is None:
        raise InvalidInput("has no bound", where=where, hint="add at_most = ... or at_least = ...")
    if table.at_most is not None and table.at_least is not None and table.at_least > table.at_most:
        raise InvalidInput("at_least is above at_most", where=f"{where}.at_least", hint="swap them")


def _constraint(index: int, table: LinearTable, space: SearchSpace) -> LinearConstraint:
    where = f"space_constraint.{index}"
    check_bounds(table, where)
    for name, weight in table.linear.items():
        path = f"{where}.linear.{name}"
        if name not in space.names:
            raise no_parameter(name, space.names, path)
        if not _is_numeric(space[name]):
            raise InvalidInput(f"{name} is no number", where=path, hint="name ints, floats and choices of numbers")
        if weight == 0:
            raise InvalidInput("a weight of 0 says nothing", where=path, hint="leave it out")
    found = LinearConstraint(tuple(table.linear.items()), table.at_most, table.at_least)
    least, most = _range(found, space)
    if (found.at_most is not None and least > found.at_most) or (found.at_least is not None and most < found.at_least):
        raise InvalidInput(
            f"no point meets {found}: the sum lies between {least:g} and {most:g}", where=where, hint="widen the bound"
        )
    return found


def _is_numeric(parameter: Parameter) -> bool:
    return parameter.kind in ("float", "int") or all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in parameter.values
    )


def _range(found: LinearConstraint, space: SearchSpace) -> tuple[float, float]:
    """The least and the greatest that the sum can be."""
    least = most = 0.0
    for name, weight in found.terms:
        parameter = space[name]
        ends = [weight * end for end in parameter.numeric_ends]
        if parameter.when:
            ends.append(0.0)
        least, most = least + min(ends), most + max(ends)
    return least, most
