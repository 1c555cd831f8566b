"""The tables of a study file as pydantic models, and the translation of pydantic's errors into our one line.

Owns keys, their types and single-key rules. What needs the space, the disk or another key is
`tuned.core.study_file.parse`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from tuned.core.durations import parse_duration
from tuned.core.errors import InvalidInput, NotYet
from tuned.core.finish.tables import STEPS, StepName
from tuned.core.gpu_shares import check_gpus
from tuned.core.names import nearest
from tuned.core.notices import KINDS
from tuned.core.sizes import parse_size
from tuned.core.states import Failure
from tuned.core.study import SearchMethod

RESERVED = (
    "run.resources.gpu_memory",
)  # fmt: skip
"""Keys of coming versions, as dotted paths."""

RESERVED_VALUES: dict[str, tuple[str, ...]] = {}
"""Values of coming versions."""


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
    if not set(compiled.groupindex) - {"step"}:
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


Text = Annotated[str, BeforeValidator(_text)]
Size = Annotated[int, BeforeValidator(_size), Field(ge=1, lt=2**63)]
Count = Annotated[int, Field(ge=1, lt=2**31)]
Arguments = Annotated[tuple[Any, ...], BeforeValidator(_arguments)]
Duration = Annotated[float, BeforeValidator(_duration)]
PositiveDuration = Annotated[float, BeforeValidator(_positive_duration)]
Patterns = Annotated[tuple[Annotated[str, BeforeValidator(_regex)], ...], BeforeValidator(_texts)]
Paths = Annotated[tuple[Text, ...], BeforeValidator(_texts)]
MetricName = Annotated[str, BeforeValidator(_metric_name)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False, strict=False)]
Steps = Annotated[tuple[StepName, ...], Field(strict=False)]

Line = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Table(BaseModel):
    """A table that refuses keys it does not know and types it was not given."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ResourcesTable(Table):
    """`run.resources`: cores and GPUs of one trial."""

    cpus: float = Field(default=1.0, gt=0, le=4096, allow_inf_nan=False, strict=False)
    gpus: Annotated[float, BeforeValidator(_gpus)] | None = None


class LimitsTable(Table):
    """`run.limits`: what the kernel lets each trial take; bytes, or numbers."""

    memory: Size | None = None
    file_size: Size | None = None
    open_files: Count | None = None
    processes: Count | None = None
    cpu_seconds: Count | None = None


class ConfigTable(Table):
    """One `[[run.config]]`: a file that is written for each trial."""

    source: str = Field(alias="from", min_length=1)
    target: Text = Field(alias="to", min_length=1)
    values: dict[str, Text] = Field(alias="set", min_length=1)


class ResumeTable(Table):
    """`[run.resume]`: what is added when there is something to go on from."""

    when: Text = Field(min_length=1)
    args: Arguments


class LinearTable(Table):
    """One `[[space_constraint]]`."""

    linear: dict[str, Annotated[float, Field(allow_inf_nan=False, strict=False)]] = Field(min_length=1)
    at_most: float | None = Field(default=None, allow_inf_nan=False, strict=False)
    at_least: float | None = Field(default=None, allow_inf_nan=False, strict=False)


class RunTable(Table):
    """`[run]`."""

    script: str | None = None
    function: str | None = None
    command: Arguments | None = None
    args: Arguments = ()
    start: Literal["warm", "cold"] = "warm"
    python: str | None = Field(default=None, min_length=1)
    cwd: str | None = None
    code: Literal["live", "snapshot"] = "live"
    data: Annotated[tuple[str, ...], Field(strict=False)] = ()
    env: dict[str, Text] = {}
    preload: Annotated[tuple[str, ...], Field(strict=False)] | None = None
    timeout: PositiveDuration | None = None
    grace: Duration = 30.0
    retries: dict[str, Annotated[int, Field(ge=0, le=100)]] = {}
    resources: ResourcesTable = ResourcesTable()
    limits: LimitsTable = LimitsTable()
    config: list[ConfigTable] = []
    resume: ResumeTable | None = None
    folds: int | None = Field(default=None, ge=2, le=100)


class MetricsTable(Table):
    """`[metrics]`: patterns over the output and files, beside what the code reports itself."""

    patterns: Annotated[Patterns, Field(strict=False)] = ()
    stdout: Annotated[Patterns, Field(strict=False)] = ()
    stderr: Annotated[Patterns, Field(strict=False)] = ()
    jsonl: Annotated[Paths, Field(strict=False)] = ()
    csv: Annotated[Paths, Field(strict=False)] = ()
    tensorboard: Annotated[Paths, Field(strict=False)] = ()
    rename: dict[str, Annotated[str, BeforeValidator(_new_name)]] = {}
    predictions: Annotated[Text, Field(min_length=1)] | None = None


class ObjectiveTable(Table):
    """One `[objective]`."""

    metric: MetricName
    direction: Literal["minimize", "maximize"]
    summary: Annotated[tuple[Literal["best", "last", "mean_last"], int], BeforeValidator(_summary)] = ("best", 1)
    train: MetricName | None = None


class ConstraintTable(Table):
    """One `[[constraint]]`."""

    metric: MetricName
    at_most: Annotated[float, Field(allow_inf_nan=False, strict=False)] | None = None
    at_least: Annotated[float, Field(allow_inf_nan=False, strict=False)] | None = None


class PhaseTable(Table):
    """One `[[search.phase]]`."""

    method: SearchMethod = "auto"
    trials: int | None = Field(default=None, ge=1, le=1_000_000)
    levels: int = Field(default=5, ge=2, le=1000)
    refine: bool = False


class SearchTable(Table):
    """`[search]`."""

    method: SearchMethod | None = None
    levels: int | None = Field(default=None, ge=2, le=1000)
    phase: list[PhaseTable] = []
    trials: int | None = Field(default=None, ge=1, le=1_000_000)
    budget: PositiveDuration | None = None
    parallel: int | None = Field(default=None, ge=1, le=1024)
    seed: int = Field(default=0, ge=0, lt=2**32)
    point: list[dict[str, Any]] = []
    sources: Annotated[tuple[str, ...], BeforeValidator(_texts), Field(strict=False, alias="from")] = ()


class EarlyStoppingTable(Table):
    """`[early_stopping]`."""

    method: Literal["asha", "median", "none"] = "asha"
    min_step: Annotated[float, Field(gt=0, allow_inf_nan=False, strict=False)] = 1.0
    max_step: Annotated[float, Field(gt=0, allow_inf_nan=False, strict=False)] | None = None
    reduction_factor: int = Field(default=3, ge=2, le=100)
    patience: Annotated[float, Field(gt=0, allow_inf_nan=False, strict=False)] | None = None
    min_delta: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=False)] = 0.0
    rescue: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=False)] = 0.05
    folds: bool = True


class FinalizeTable(Table):
    """`[finalize]`."""

    args: Arguments = ()
    length: str = ""
    unit: Literal["epochs", "steps"] = "epochs"
    train_fraction: Share = 1.0
    data: Annotated[tuple[str, ...], Field(strict=False)] = ()


class FinalLookTable(Table):
    """`[test]`."""

    metric: MetricName
    args: Arguments = ()


class PlaybookTable(Table):
    """`[playbook]`."""

    steps: Steps = STEPS
    trials: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]] = {}
    top: int = Field(default=3, ge=1, le=100)
    seeds: int = Field(default=5, ge=2, le=100)
    members: int = Field(default=10, ge=2, le=100)
    pause_before: Steps = ()


class NotifyTable(Table):
    """`[notify]`: one command, and the occasions on which it is run."""

    command: Annotated[list[Text], Field(min_length=1)]
    on: list[Literal["done", "best", "failing", "stuck", "disk"]] = list(KINDS)  # type: ignore[arg-type]


class StudyTable(Table):
    """The whole file but `[space]`, and with `objective` as a list."""

    name: str | None = None
    question: Line = ""
    priority: int = Field(default=0, ge=-1_000_000, le=1_000_000)
    run: RunTable
    metrics: MetricsTable = MetricsTable()
    objective: list[ObjectiveTable] = []
    constraint: list[ConstraintTable] = []
    space_constraint: list[LinearTable] = []
    search: SearchTable
    early_stopping: EarlyStoppingTable | None = None
    finalize: FinalizeTable | None = None
    test: FinalLookTable | None = None
    playbook: PlaybookTable | None = None
    notify: NotifyTable | None = None


_WithSpace = create_model("_WithSpace", __base__=StudyTable, space=(dict[str, Any], {}))


def read_tables(data: Mapping[str, Any]) -> tuple[StudyTable, dict[str, Any]]:
    """The checked tables and the raw `[space]`.

    Raises:
        NotYet: A key or value of a coming version is used.
        InvalidInput: The first thing that is wrong, with its dotted path and the remedy.
    """
    _refuse_reserved(data)
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


def _refuse_reserved(data: Mapping[str, Any]) -> None:
    for path in RESERVED:
        if _at(data, path) is not None:
            raise NotYet("is not offered yet", where=path, hint="leave it out")
    for path, values in RESERVED_VALUES.items():
        value = _at(data, path)
        if isinstance(value, str) and value in values:
            raise NotYet(f"{value!r} is not offered yet", where=path, hint="leave it out")


def _at(data: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(data, Mapping) or key not in data:
            return None
        data = data[key]
    return data


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
            return InvalidInput("is not a known key", where=where, hint=nearest(loc[-1], _keys_at(loc[:-1])))
        case "missing":
            return InvalidInput("is required", where=where, hint=_REQUIRED.get(where, "add it"))
        case "tuned":
            return InvalidInput(context["what"], where=where, hint=context["hint"])
        case "literal_error":
            known = [w.strip("' ") for w in re.split(r",| or ", context["expected"])]
            return InvalidInput(f"{given!r} is not one of {', '.join(known)}", where=where, hint=nearest(given, known))
        case "model_type" | "dict_type" | "model_attributes_type":
            return InvalidInput("is not a table", where=where, hint=f"write [{where}] above its keys")
        case "list_type" | "tuple_type":
            return InvalidInput("is not a list", where=where, hint="write it in [ ]")
        case "string_type":
            return InvalidInput(f"{given!r} is not text", where=where, hint="put it in quotes")
        case "string_pattern_mismatch":
            return InvalidInput("holds control characters", where=where, hint="write one plain line")
        case "int_type" | "int_from_float":
            return InvalidInput(f"{given!r} is not a whole number", where=where, hint="write digits, without quotes")
    return InvalidInput(first["msg"][:1].lower() + first["msg"][1:], where=where, hint=f"it is {given!r}")


_REQUIRED = {
    "run": "add [run] with script, function or command",
    "search": "add [search] with trials or budget",
    "objective.metric": 'metric = "val_loss"',
    "objective.direction": '"minimize" or "maximize"',
}


def _keys_at(loc: list[int | str]) -> list[str]:
    model: Any = _WithSpace
    for part in loc:
        if isinstance(part, int):
            continue
        field = _field(model, part).annotation
        model = next(
            (m for m in (field, *getattr(field, "__args__", ())) if isinstance(m, type) and issubclass(m, Table)), Table
        )
    return [field.alias or name for name, field in model.model_fields.items()]


def _field(model: type[Table], key: str) -> FieldInfo:
    return next(field for name, field in model.model_fields.items() if key in (name, field.alias))
