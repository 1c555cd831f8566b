"""A study file's plain data to checked tables; pydantic's errors become our one line.

Owns that translation. The keys are `tuned.core.study_file.models`'.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError, create_model
from pydantic.fields import FieldInfo

from tuned.core.errors import InvalidInput
from tuned.core.names import nearest
from tuned.core.states import Failure
from tuned.core.study_file.models import StudyTable, Table

_WithSpace = create_model("_WithSpace", __base__=StudyTable, space=(dict[str, Any], {}))


def read_tables(data: Mapping[str, Any]) -> tuple[StudyTable, dict[str, Any]]:
    """The checked tables and the raw `[space]`.

    Raises:
        InvalidInput: The first thing that is wrong, with its dotted path and the remedy.
    """
    plain = dict(data)
    single = isinstance(plain.get("objective"), Mapping)
    if single:
        plain["objective"] = [plain["objective"]]
    try:
        tables = _WithSpace.model_validate(plain)
    except ValidationError as error:
        raise _translate(error, single) from None
    for name in tables.run.retries:
        if name not in list(Failure):
            raise InvalidInput(
                "is no kind of failure", where=f"run.retries.{name}", hint=nearest(name, [str(f) for f in Failure])
            )
    return tables, dict(plain.get("space", {}))


def _translate(error: ValidationError, single_objective: bool) -> InvalidInput:
    # Unknown keys come first: a typo explains the key that then seems missing.
    errors = sorted(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    first = errors[0]
    loc = [part for part in first["loc"] if not (isinstance(part, str) and part.startswith("function-"))]
    shown = [p for i, p in enumerate(loc) if not (single_objective and i == 1 and loc[0] == "objective")]
    where = ".".join(str(part) for part in shown) or "the file"
    context, given = first.get("ctx", {}), first["input"]
    match first["type"]:
        case "extra_forbidden":
            return InvalidInput("is not a known key", where=where, hint=_remedy(str(loc[-1]), loc[:-1]))
        case "missing":
            return InvalidInput("is required", where=where, hint=_REQUIRED.get(where, "add it"))
        case "tuned":
            return InvalidInput(context["what"], where=where, hint=context["hint"])
        case "literal_error":
            known = [w.strip("' ") for w in re.split(r",| or ", context["expected"])]
            hint = nearest(given, known)
            what = f"{_short(given)} is not one of {', '.join(known)}"
            return InvalidInput(what, where=where, hint="write one of these" if hint.startswith("known") else hint)
        case "model_type" | "dict_type" | "model_attributes_type":
            return InvalidInput("is not a table", where=where, hint=f"write [{where}] above its keys")
        case "list_type" | "tuple_type":
            hint = f"write [[{where}]]" if isinstance(given, Mapping) else "write it in [ ]"
            return InvalidInput("is not a list", where=where, hint=hint)
        case "string_type":
            return InvalidInput(f"{_short(given)} is not text", where=where, hint="put it in quotes")
        case "string_pattern_mismatch":
            return InvalidInput("holds control characters", where=where, hint="write one plain line")
        case "int_type" | "int_from_float":
            what = f"{_short(given)} is not a whole number"
            return InvalidInput(what, where=where, hint="write digits, without quotes")
        case "bool_type":
            return InvalidInput(f"{_short(given)} is neither true nor false", where=where, hint="write true or false")
        case "too_short" | "string_too_short":
            return InvalidInput("is empty", where=where, hint="give it something, or leave it out")
        case "string_too_long":
            return InvalidInput(f"is longer than {context['max_length']} characters", where=where, hint="shorten it")
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            side, bound = next((side, context[key]) for key, side in _BOUNDS.items() if key in context)
            return InvalidInput(f"{_short(given)} is out of range", where=where, hint=f"{side} {bound}")
    return InvalidInput(first["msg"][:1].lower() + first["msg"][1:], where=where, hint=f"it is {_short(given)}")


_BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_REQUIRED = {
    "run": "add [run] with script, module, function or command",
    "search": "add [search] with trials or budget",
    "objective.metric": 'metric = "val_loss"',
    "objective.direction": '"minimize" or "maximize"',
}


def _remedy(key: str, table: list[int | str]) -> str:
    """The tables that have a key of this name, else the key of this table that it is most like."""
    homes = list(_tables_with(key, _WithSpace))
    return f"it is a key of {' and of '.join(homes)}" if homes else nearest(key, _keys_at(table))


def _tables_with(key: str, model: type[Table], path: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        called = field.alias or name
        if path and called == key:
            yield path
        inner = _table_of(field)
        if inner is not Table:
            yield from _tables_with(key, inner, f"{path[:-1]}.{called}]" if path else f"[{called}]")


def _keys_at(loc: list[int | str]) -> list[str]:
    model: type[Table] = _WithSpace
    for part in loc:
        if not isinstance(part, int):
            model = _table_of(_field(model, part))
    return [field.alias or name for name, field in model.model_fields.items()]


def _table_of(field: FieldInfo) -> type[Table]:
    """The table that a key holds, or a list of them; `Table` itself when it holds a value."""
    kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Table)), Table)


def _field(model: type[Table], key: str) -> FieldInfo:
    return next(field for name, field in model.model_fields.items() if key in (name, field.alias))
