"""The tables of a study file as pydantic models.

Owns the keys; defaults are the specification's, and the ends of numbers `tuned.core.allowed`'s. Single values are
checked by `tuned.core.study_file.values`, and against the space, the disk and each other by `parse` beside it.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tuned.core import allowed
from tuned.core.playbook.spec import STEPS, Finalize, LengthUnit, PlaybookSpec
from tuned.core.queue.priorities import LARGEST_PRIORITY
from tuned.core.study import Direction, EarlyStopping, RunSpec, SearchMethod, SearchPhase
from tuned.core.study.notices import KINDS, NoticeKind
from tuned.core.study.running import Code, Share, Start
from tuned.core.study.searching import StoppingMethod
from tuned.core.study_file.values import (
    Arguments,
    AutoSize,
    Count,
    Duration,
    Finite,
    Fraction,
    Gpus,
    Levels,
    Line,
    MetricName,
    Modules,
    Names,
    NewMetricName,
    OneOrMore,
    Paths,
    Patterns,
    PositiveDuration,
    Size,
    Steps,
    Summary,
    Text,
    Trials,
    module_name,
    within,
)

_RUN, _PHASE, _RULE, _FINAL, _PLAYBOOK = RunSpec("command"), SearchPhase(), EarlyStopping(), Finalize(), PlaybookSpec()


class Table(BaseModel):
    """A table that refuses keys it does not know and types it was not given."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ResourcesTable(Table):
    """`run.resources`: cores, GPUs and GPU memory of one trial, and who may share its GPU."""

    cpus: Annotated[Finite, Field(gt=0, le=allowed.MOST_CORES)] | None = None
    gpus: Gpus | None = None
    gpu_memory: AutoSize = None
    share: Share = _RUN.share


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
    start: Start = _RUN.start
    python: str | None = Field(default=None, min_length=1)
    cwd: str | None = None
    code: Code = _RUN.code
    data: Names = ()
    env: dict[str, Text] = {}
    preload: Modules | None = None
    timeout: PositiveDuration | None = None
    grace: Duration = _RUN.grace
    retries: dict[str, Annotated[int, within(allowed.RETRIES)]] = {}
    resources: ResourcesTable = ResourcesTable()
    limits: LimitsTable = LimitsTable()
    config: list[ConfigTable] = []
    resume: ResumeTable | None = None
    folds: Annotated[int, within(allowed.FOLDS)] | None = None
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
    direction: Direction
    summary: Summary = ("best", 1)
    train: MetricName | None = None


class ConstraintTable(Table):
    """One `[[constraint]]`."""

    metric: MetricName
    at_most: Finite | None = None
    at_least: Finite | None = None


class PhaseTable(Table):
    """One `[[search.phase]]`."""

    method: SearchMethod = _PHASE.method
    trials: Trials | None = None
    levels: Levels = _PHASE.levels
    refine: bool = _PHASE.refine


class SearchTable(Table):
    """`[search]`."""

    method: SearchMethod | None = None
    levels: Levels | None = None
    phase: list[PhaseTable] = []
    trials: Trials | None = None
    budget: PositiveDuration | None = None
    parallel: Annotated[int, within(allowed.AT_ONCE)] | None = None
    lag: Annotated[int, within((0, 1))] | None = None
    seed: int = Field(default=0, ge=0, lt=2**32)
    point: list[dict[str, Any]] = []
    sources: Annotated[Names, OneOrMore, Field(alias="from")] = ()


class EarlyStoppingTable(Table):
    """`[early_stopping]`."""

    method: StoppingMethod = _RULE.method
    min_step: Annotated[Finite, Field(gt=0)] = _RULE.min_step
    max_step: Annotated[Finite, Field(gt=0)] | None = None
    reduction_factor: Annotated[int, within(allowed.REDUCTION)] = _RULE.reduction_factor
    keep: Annotated[int, within(allowed.KEPT)] = _RULE.keep
    patience: Annotated[Finite, Field(gt=0)] | None = None
    min_delta: Annotated[Finite, Field(ge=0)] = _RULE.min_delta
    rescue: Annotated[Finite, Field(ge=0, le=1)] = _RULE.rescue
    folds: bool = _RULE.folds


class FinalizeTable(Table):
    """`[finalize]`."""

    args: Arguments = ()
    length: str = ""
    unit: LengthUnit = _FINAL.unit
    train_fraction: Fraction = _FINAL.train_fraction
    data: Names = ()


class FinalTestTable(Table):
    """`[test]`."""

    metric: MetricName
    args: Arguments = ()


class PlaybookTable(Table):
    """`[playbook]`."""

    steps: Annotated[Steps, Field(min_length=1)] = STEPS
    trials: dict[str, Trials] = {}
    top: Annotated[int, within(allowed.CONFIRMED)] = _PLAYBOOK.top
    seeds: Annotated[int, within(allowed.SEEDS)] = _PLAYBOOK.seeds
    max_seeds: Annotated[int, within(allowed.MOST_SEEDS)] = _PLAYBOOK.max_seeds
    members: Annotated[int, within(allowed.MEMBERS)] = _PLAYBOOK.members
    pause_before: Steps = ()


class NotifyTable(Table):
    """`[notify]`: one command, and the occasions on which it is run."""

    command: Annotated[list[Text], Field(min_length=1)]
    on: Annotated[list[NoticeKind], Field(min_length=1)] = list(KINDS)


class StudyTable(Table):
    """The whole file but `[space]`, and with `objective` as a list."""

    name: str | None = None
    question: Line = ""
    priority: Annotated[int, within((-LARGEST_PRIORITY, LARGEST_PRIORITY))] = 0
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
