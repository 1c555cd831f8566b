"""A study made of another one to measure batch sizes: the same code at one point, the batch size on a ladder.

Owns that derivation, on plain study-file data. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tuned.core.errors import InvalidInput
from tuned.core.names import no_parameter
from tuned.core.space import Parameter, Point, Value
from tuned.core.study_file.space_file import parse_space

LEFT_OUT = ("early_stopping", "finalize", "test", "playbook", "notify", "space_constraint", "constraint")


def ladder(low: int, high: int) -> list[int]:
    """The powers of two from `low` to `high`, both rounded to one.

    Raises:
        InvalidInput: There are fewer than two.
    """
    rungs = [2**i for i in range(max(0, math.ceil(math.log2(max(1, low)))), math.floor(math.log2(max(1, high))) + 1)]
    if len(rungs) < 2:
        raise InvalidInput(
            f"there is no ladder from {low} to {high}", where="--low", hint="such as --low 8 --high 1024"
        )
    return rungs


def probe_study(
    study: Mapping[str, Any], name: str, parameter: str, rungs: list[int], seconds: float, point: Mapping[str, Value]
) -> dict[str, Any]:
    """The study file's data for a ladder of batch sizes, one at a time, smallest first.

    Args:
        study: The study file's data.
        name: Name of the new study.
        parameter: The batch size, in the space or not.
        rungs: Its values.
        seconds: The longest that a rung may run.
        point: Values of the other parameters as far as they are known; the rest get the middle of their range. A batch
            size beyond the known range is the very question, so bounds on `parameter` do not count.
    """
    space = dict(study.get("space", {}))
    parsed = parse_space(space)
    if parameter not in parsed.names:
        raise no_parameter(parameter, parsed.names)
    fixed: Point = {}
    for p in parsed.parameters:
        if p.name == parameter:
            fixed[p.name] = rungs[0]
        elif p.is_active(fixed):
            fixed[p.name] = point.get(p.name, middle(p))
    dropped = [p.name for p in parsed.parameters if p.name not in fixed]
    table: dict[str, Any] = {key: {"type": "fixed", "value": value} for key, value in fixed.items()}
    table[parameter] = {"type": "choice", "values": list(rungs), "ordered": True}
    run = dict(study.get("run", {}))
    run["args"] = [item for item in run.get("args", []) if not _mentions(item, dropped)]
    # A neighbour on the card would take of the speed that is measured.
    resources = {**run.get("resources", {}), "share": "never"}
    run |= {"timeout": f"{seconds:g}s", "retries": {"lost": 1}, "resources": resources}
    if not run["args"]:
        del run["args"]
    question = f"Which {parameter} fits the memory, and which is fastest?"
    kept = {key: value for key, value in study.items() if key not in (*LEFT_OUT, "search", "space", "run")}
    search = {"method": "grid", "trials": len(rungs), "parallel": 1}
    return {**kept, "name": name, "question": question, "run": run, "space": table, "search": search}


def _mentions(item: Any, names: list[str]) -> bool:
    """Whether a group of arguments has a placeholder of a parameter that is not active at this point."""
    if not isinstance(item, list):
        return False
    return any(f"{{{name}{end}" in text for text in item for name in names for end in ("}", ":"))


def middle(parameter: Parameter) -> Value:
    """A value in the middle of a parameter's range, on its own scale; the first of a choice."""
    if parameter.kind not in ("float", "int"):
        return parameter.values[0]
    assert parameter.low is not None and parameter.high is not None
    low, high = float(parameter.low), float(parameter.high)
    value = math.sqrt(low * high) if parameter.log else (low + high) / 2
    return round(value) if parameter.kind == "int" else value
