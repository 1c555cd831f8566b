"""The tables of a study file as pydantic models.

Owns keys and their defaults. `tuned.core.study_file.values` checks single values, and `tuned.core.study_file.parse`
checks them against the space, the disk and each other.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tuned.core.playbook.spec import STEPS
from tuned.core.study import SearchMethod
from tuned.core.study.notices import KINDS
from tuned.core.study_file.values import (
    Arguments,
    AutoSize,
    Count,
    Duration,
    Finite,
    Gpus,
    Line,
    MetricName,
    Modules,
    Names,
    NewMetricName,
    OneOrMore,
    Paths,
    Patterns,
    PositiveDuration,
    Share,
    Size,
    Steps,
    Summary,
    Text,
    module_name,
)


class Table(BaseModel):
    """A table that refuses keys it does not know and types it was not given."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ResourcesTable(Table):
    """`run.resources`: cores, GPUs and GPU memory of one trial, and who may share its GPU."""

    cpus: Annotated[Finite, Field(gt=0, le=4096)] | None = None
    gpus: Gpus | None = None
    gpu_memory: AutoSize = None
    share: Literal["auto", "never", "any"] = "auto"


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

    linear: dict[str, Finite] = Field(min_length=1)
    at_most: Finite | None = None
    at_least: Finite | None = None


class RunTable(Table):
    """`[run]`."""

    script: str | None = None
    module: Annotated[str, BeforeValidator(module_name)] | None = None
    function: str | None = None
    command: Arguments | None = None
    args: Arguments = ()
    start: Literal["warm", "cold"] = "warm"
    python: str | None = Field(default=None, min_length=1)
    cwd: str | None = None
    code: Literal["live", "snapshot"] = "live"
    data: Names = ()
    env: dict[str, Text] = {}
    preload: Modules | None = None
    timeout: PositiveDuration | None = None
    grace: Duration = 30.0
    retries: dict[str, Annotated[int, Field(ge=0, le=100)]] = {}
    resources: ResourcesTable = ResourcesTable()
    limits: LimitsTable = LimitsTable()
    config: list[ConfigTable] = []
    resume: ResumeTable | None = None
    folds: int | None = Field(default=None, ge=2, le=100)
    preemptible: bool | None = None
    place: str = ""


class MetricsTable(Table):
    """`[metrics]`: patterns over the output and files, beside what the code reports itself."""

    patterns: Patterns = ()
    stdout: Patterns = ()
    stderr: Patterns = ()
    jsonl: Paths = ()
    csv: Paths = ()
    tensorboard: Paths = ()
    rename: dict[str, NewMetricName] = {}
    predictions: Annotated[Text, Field(min_length=1)] | None = None


class ObjectiveTable(Table):
    """One `[objective]`."""

    metric: MetricName
    direction: Literal["minimize", "maximize"]
    summary: Summary = ("best", 1)
    train: MetricName | None = None


class ConstraintTable(Table):
    """One `[[constraint]]`."""

    metric: MetricName
    at_most: Finite | None = None
    at_least: Finite | None = None


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
    lag: int | None = Field(default=None, ge=0, le=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    point: list[dict[str, Any]] = []
    sources: Annotated[Names, OneOrMore, Field(alias="from")] = ()


class EarlyStoppingTable(Table):
    """`[early_stopping]`."""

    method: Literal["asha", "median", "i-epoch", "none"] = "asha"
    min_step: Annotated[Finite, Field(gt=0)] = 1.0
    max_step: Annotated[Finite, Field(gt=0)] | None = None
    reduction_factor: int = Field(default=3, ge=2, le=100)
    keep: int = Field(default=5, ge=1, le=1000)
    patience: Annotated[Finite, Field(gt=0)] | None = None
    min_delta: Annotated[Finite, Field(ge=0)] = 0.0
    rescue: Annotated[Finite, Field(ge=0, le=1)] = 0.05
    folds: bool = True


class FinalizeTable(Table):
    """`[finalize]`."""

    args: Arguments = ()
    length: str = ""
    unit: Literal["epochs", "steps"] = "epochs"
    train_fraction: Share = 1.0
    data: Names = ()


class FinalTestTable(Table):
    """`[test]`."""

    metric: MetricName
    args: Arguments = ()


class PlaybookTable(Table):
    """`[playbook]`."""

    steps: Annotated[Steps, Field(min_length=1)] = STEPS
    trials: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]] = {}
    top: int = Field(default=3, ge=1, le=100)
    seeds: int = Field(default=5, ge=2, le=100)
    max_seeds: int = Field(default=0, ge=0, le=400)
    members: int = Field(default=10, ge=2, le=100)
    pause_before: Steps = ()


class NotifyTable(Table):
    """`[notify]`: one command, and the occasions on which it is run."""

    command: Annotated[list[Text], Field(min_length=1)]
    on: Annotated[list[Literal["done", "best", "failing", "stuck", "disk"]], Field(min_length=1)] = list(KINDS)  # type: ignore[arg-type]


class StudyTable(Table):
    """The whole file but `[space]`, and with `objective` as a list."""

    name: str | None = None
    question: Line = ""
    priority: int = Field(default=0, ge=-1_000_000, le=1_000_000)
    urgent: bool = False
    run: RunTable
    metrics: MetricsTable = MetricsTable()
    objective: list[ObjectiveTable] = []
    constraint: list[ConstraintTable] = []
    space_constraint: list[LinearTable] = []
    search: SearchTable
    early_stopping: EarlyStoppingTable | None = None
    finalize: FinalizeTable | None = None
    test: FinalTestTable | None = None
    playbook: PlaybookTable | None = None
    notify: NotifyTable | None = None
