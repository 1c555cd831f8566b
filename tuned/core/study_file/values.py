"""Single values of a study file as pydantic types: text, lengths of time, sizes, patterns, names of metrics.

Owns what one value may be, and the words that refuse it. Which key holds which is `tuned.core.study_file.models`'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from tuned.core import allowed
from tuned.core.cards.shares import check_gpus
from tuned.core.durations import parse_duration
from tuned.core.playbook.spec import StepName
from tuned.core.sizes import parse_size


def _fail(what: str, hint: str) -> PydanticCustomError:
    # Braces would be read as a template of pydantic's own.
    return PydanticCustomError("tuned", "{what}", {"what": what, "hint": hint})


def _text(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    if not isinstance(value, str):
        raise _fail(f"{value!r} is not text", "put it in quotes")
    if "\0" in value:
        raise _fail("text cannot hold a NUL", "drop it")
    return value


def _argument(value: Any) -> Any:
    if isinstance(value, list | tuple):
        if not value:
            raise _fail("an empty group", "drop it, or list its arguments")
        return tuple(_text(item) for item in value)
    return _text(value)


def _arguments(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        hint = "one item an argument: " + repr(value.split()).replace("'", '"') if isinstance(value, str) else ""
        raise _fail("is not a list", hint or 'write ["--lr", "{lr}"]')
    return tuple(_argument(item) for item in value)


def _texts(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _regex(value: Any) -> Any:
    if not isinstance(value, str):
        raise _fail(f"{value!r} is not text", "put the pattern in single quotes")
    try:
        compiled = re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise _fail(f"{value!r} is no regular expression: {error}", "see the re module's syntax") from error
    if not compiled.groupindex:
        raise _fail(f"{value!r} names no metric", r"add a named group, such as (?P<val_loss>\S+)")
    return value


def _duration(value: Any) -> float:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise _fail(str(error), 'write "2h", "1h30m", "30s", or seconds') from error


def _positive_duration(value: Any) -> float:
    seconds = _duration(value)
    if seconds <= 0:
        raise _fail("is no time at all", 'write "2h", "1h30m", "30s", or seconds')
    return seconds


def _gpus(value: Any) -> float:
    try:
        return check_gpus(value)
    except ValueError as error:
        raise _fail(str(error), "write 0, 1, 2, or a part such as 0.5") from None


def _real(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _fail(f"{value!r} is not a number", "write it without quotes")
    return float(value)


def module_name(value: Any) -> str:
    """A dotted name as it is imported."""
    if not isinstance(value, str) or not all(part.isidentifier() for part in value.split(".")):
        raise _fail(f"{value!r} names no module", 'write it as it is imported, such as "torch"')
    return value


def _metric_name(value: Any) -> Any:
    if not isinstance(value, str) or not value.strip() or len(value) > 128 or not value.isprintable():
        raise _fail(f"{value!r} cannot name a metric", "use the name that the training code reports")
    if value == "step" or value.startswith("_"):
        raise _fail(f"{value!r} cannot name a metric", "step and names that begin with _ are taken")
    return value


def _new_name(value: Any) -> Any:
    return value if value == "step" else _metric_name(value)


def _summary(value: Any) -> tuple[str, int]:
    if value in ("best", "last"):
        return value, 1
    if isinstance(value, Mapping) and set(value) == {"mean_last"}:
        n = value["mean_last"]
        if isinstance(n, int) and not isinstance(n, bool) and 1 <= n <= 10_000:
            return "mean_last", n
    raise _fail(f"{value!r} is no summary", 'use "best", "last" or { mean_last = 5 }')


def _size(value: object) -> int:
    try:
        return parse_size(value)
    except ValueError as error:
        raise _fail(str(error), 'write "16GB", "500MiB" or a number of bytes') from None


def within(ends: tuple[int, int]) -> Any:
    """A number from one end to the other."""
    return Field(ge=ends[0], le=ends[1])


Text = Annotated[str, BeforeValidator(_text)]
Size = Annotated[int, BeforeValidator(_size), Field(ge=1, lt=2**63)]
AutoSize = Annotated[Size | None, BeforeValidator(lambda value: None if value == "auto" else value)]
"""`auto`, which becomes None, or a size."""
Count = Annotated[int, Field(ge=1, lt=2**31)]
Trials = Annotated[int, within(allowed.TRIALS)]
Levels = Annotated[int, within(allowed.LEVELS)]
Arguments = Annotated[tuple[Any, ...], BeforeValidator(_arguments)]
Duration = Annotated[float, BeforeValidator(_duration)]
PositiveDuration = Annotated[float, BeforeValidator(_positive_duration)]
OneOrMore = BeforeValidator(_texts)
"""For lists that may be written as their one item."""
Patterns = Annotated[tuple[Annotated[str, BeforeValidator(_regex)], ...], OneOrMore, Field(strict=False)]
Paths = Annotated[tuple[Text, ...], OneOrMore, Field(strict=False)]
Names = Annotated[tuple[str, ...], Field(strict=False)]
Modules = Annotated[tuple[Annotated[str, BeforeValidator(module_name)], ...], Field(strict=False)]
MetricName = Annotated[str, BeforeValidator(_metric_name)]
NewMetricName = Annotated[str, BeforeValidator(_new_name)]
Summary = Annotated[tuple[Literal["best", "last", "mean_last"], int], BeforeValidator(_summary)]
Gpus = Annotated[float, BeforeValidator(_gpus)]
Finite = Annotated[float, BeforeValidator(_real), Field(allow_inf_nan=False)]
Fraction = Annotated[Finite, Field(gt=0, le=1)]
Steps = Annotated[tuple[StepName, ...], Field(strict=False)]

Line = Annotated[str, Field(max_length=allowed.LONGEST_LINE, pattern=r"^[^\x00-\x1f\x7f]*$")]
