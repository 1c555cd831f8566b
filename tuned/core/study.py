"""What a study is: the specification that a submission fixes and the study as it stands.

Owns the shapes and their JSON form. Reading and checking a study file is `tuned.core.study_file.parse`'s work.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tuned.core.finish.pipeline import Pipeline, search_now
from tuned.core.finish.tables import Finalize, FinalLook, Playbook, finalize_from, playbook_from, test_from
from tuned.core.notices import Notify
from tuned.core.secrets import is_secret, masked
from tuned.core.space import Point, SearchSpace
from tuned.core.states import StudyState

Direction = Literal["minimize", "maximize"]
Argument = str | tuple[str, ...]

SEARCH = "search"
"""The stage of the trials that a search consists of. Those of any other stage are no points of it: they do not count
towards its trials, no model learns from them, and none of them is the best."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file that is written for each trial from another one.

    Attributes:
        source: Absolute path of the file that it starts from: YAML, JSON or TOML by its suffix.
        target: Where the trial finds it, placeholders unrendered.
        values: Dotted key -> text with placeholders; a text that is one placeholder keeps the parameter's type.
    """

    source: str
    target: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resume:
    """Arguments that are added when an earlier attempt has left a file; placeholders unrendered."""

    when: str
    args: tuple[Argument, ...] = ()


@dataclass(frozen=True, slots=True)
class RunSpec:
    """How a trial is run.

    Attributes:
        kind: `script` (run as `__main__`), `function` (called with the trial) or `command` (any program).
        script: Absolute path of the script or of the function's file; None for a command.
        script_typed: The script as the study file spells it: what `sys.argv[0]` will be.
        function: Name of the function; None otherwise.
        command: Argument list of a command, placeholders unrendered.
        args: Arguments of a script, placeholders unrendered; a tuple is a group that stands or falls together.
        python: Absolute path of the interpreter; `python_why` says how it was chosen.
        cwd: Absolute path.
        env: Overlay on the submitter's environment, placeholders unrendered.
        preload: Modules the launcher imports ahead; None: learned from the first trial.
        timeout: Seconds of running time; None: no limit.
        grace: Seconds between being asked to stop and being made to.
        retries: Failure class -> how often such an attempt is tried again.
        cpus: Cores that a trial is meant to use (shown, not enforced).
        gpus: GPUs a trial needs; None: one where there is one.
        limits: Resource limits of each trial, by name (`memory` and `file_size` in bytes, `open_files`, `processes`,
            `cpu_seconds`).
        code: `live` (the files as they are when a trial starts) or `snapshot` (as they were at submit).
        tree: Absolute path of the folder that a snapshot is made of; empty when live.
        code_hash: Of the script and its own imports (live) or of the whole snapshot; content of the study only then.
        data: Paths within `tree` that a trial finds linked instead of copied.
        config: Files that are written for each trial.
        folds: How many times the program is run in each trial, once a fold; 0: once.
        resume: What is added when there is something to go on from; None when the code cannot.
    """

    kind: Literal["script", "function", "command"]
    script: str | None = None
    script_typed: str | None = None
    function: str | None = None
    command: tuple[Argument, ...] = ()
    args: tuple[Argument, ...] = ()
    start: Literal["warm", "cold"] = "warm"
    python: str = ""
    python_why: str = ""
    cwd: str = "/"
    env: dict[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] | None = None
    timeout: float | None = None
    grace: float = 30.0
    retries: dict[str, int] = field(default_factory=lambda: {"lost": 1})
    cpus: float = 1.0
    gpus: float | None = None
    limits: dict[str, int] = field(default_factory=dict)
    code: Literal["live", "snapshot"] = "live"
    tree: str = ""
    code_hash: str = ""
    data: tuple[str, ...] = ()
    config: tuple[ConfigFile, ...] = ()
    resume: Resume | None = None
    folds: int = 0


@dataclass(frozen=True, slots=True)
class MetricFile:
    """A file, or for `tensorboard` a folder, that a trial writes metrics into; placeholders unrendered."""

    kind: Literal["jsonl", "csv", "tensorboard"]
    path: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression over a trial's output; its named groups are metrics, `step` is the step."""

    regex: str
    stream: Literal["stdout", "stderr", "both"] = "both"


@dataclass(frozen=True, slots=True)
class Objective:
    """What the search improves.

    Attributes:
        metric: Name of the metric as it is reported.
        summary: How a trial's observations become one number: its best, its last, or the mean of the last `last_n`.
        train: The metric's training twin, for curves and diagnosis; None when there is none.
    """

    metric: str
    direction: Direction
    summary: Literal["best", "last", "mean_last"] = "best"
    last_n: int = 1
    train: str | None = None

    def better(self, a: float, b: float) -> bool:
        """Whether `a` is strictly better than `b`."""
        return a < b if self.direction == "minimize" else a > b


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound on a metric's last value: a trial that breaks it is never the best, and its like are avoided."""

    metric: str
    at_most: float | None = None
    at_least: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value keeps it; one that is not a number does not."""
        if self.at_most is not None and not value <= self.at_most:
            return False
        return self.at_least is None or value >= self.at_least


SearchMethod = Literal["auto", "grid", "random", "sobol", "bayesian", "evolution"]


@dataclass(frozen=True, slots=True)
class SearchPhase:
    """One `[[search.phase]]`: its method for so many trials; None: for all that are left.

    `levels` is for a grid; `refine`: before it begins, the space is narrowed and widened by the results so far.
    """

    method: SearchMethod = "auto"
    trials: int | None = None
    levels: int = 5
    refine: bool = False


@dataclass(frozen=True, slots=True)
class SearchSpec:
    """How points are chosen.

    Attributes:
        method: Of the whole search; not looked at where there are phases.
        trials: Number of started trials (neither lost nor cancelled, nor repetitions of another one's point) after
            which the study is done; None: no limit.
        budget: Seconds of wall time while not paused; None: no limit.
        parallel: Trials at once; None: the machine's slots.
        points: Points of the user's own that run first: (label, values).
        levels: Values of each range in a grid.
        phases: Methods that follow each other.
        sources: Names of earlier studies whose results the model begins with.
    """

    method: SearchMethod = "auto"
    trials: int | None = None
    budget: float | None = None
    parallel: int | None = None
    seed: int = 0
    points: tuple[tuple[str, Point], ...] = ()
    levels: int = 5
    phases: tuple[SearchPhase, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """When a trial that does badly is stopped before its end; steps are those that trials report.

    Attributes:
        method: `asha` (the best `1 / reduction_factor` of each rung go on), `median` or `none`.
        min_step: The first rung; each next one is `reduction_factor` times further.
        max_step: The step at which a trial has finished; None: unknown.
        patience: Steps without an improvement by more than `min_delta` after which a trial is stopped; None: never.
        folds: Whether a cross-validated trial is stopped when its folds so far show that it is worse than the best.
        rescue: Share of the trials to be stopped that are let run to their end, to measure how often stopping is wrong.
    """

    method: Literal["asha", "median", "none"] = "asha"
    min_step: float = 1.0
    max_step: float | None = None
    reduction_factor: int = 3
    patience: float | None = None
    min_delta: float = 0.0
    rescue: float = 0.05
    folds: bool = True


@dataclass(frozen=True, slots=True)
class StudySpec:
    """Everything a submission fixes. An empty `objectives` is a plain command without a search.

    `rename` says which other name a metric of `patterns` and `metric_files` gets, `predictions` is the path (with
    placeholders) of the file with predictions that each trial leaves, `pretrained` says where the checkpoint lies that
    a value of `init_from` means: `STUDY/NUMBER`, or an absolute path.
    """

    name: str
    run: RunSpec
    search: SearchSpec
    space: SearchSpace = field(default_factory=SearchSpace)
    objectives: tuple[Objective, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    metric_files: tuple[MetricFile, ...] = ()
    rename: dict[str, str] = field(default_factory=dict)
    question: str = ""
    priority: int = 0
    file: str | None = None
    early_stopping: EarlyStopping | None = None
    constraints: tuple[Constraint, ...] = ()
    finalize: Finalize | None = None
    test: FinalLook | None = None
    playbook: Playbook | None = None
    pretrained: dict[str, str] = field(default_factory=dict)
    predictions: str | None = None
    notify: Notify | None = None

    @property
    def measured(self) -> tuple[Objective, ...]:
        """What each trial is summed up by: the objectives, and the last value of each constraint's metric."""
        known = {o.metric for o in self.objectives}
        more = dict.fromkeys(c.metric for c in self.constraints if c.metric not in known)
        return (*self.objectives, *(Objective(metric, "minimize", "last") for metric in more))

    def measured_in(self, stage: str) -> tuple[Objective, ...]:
        """What a trial of a stage is summed up by: in the last stages the test metric, too, where it is reported."""
        if self.test is None or stage not in ("finalize", "test"):
            return self.measured
        known = {o.metric for o in self.measured}
        more = () if self.test.metric in known else (Objective(self.test.metric, "maximize", "last"),)
        return (*self.measured, *more)

    def required_in(self, stage: str) -> tuple[Objective, ...]:
        """What a trial of a stage must have reported; trained on all data, a model has nothing to validate on."""
        if stage == "finalize":
            return ()
        if stage == "test":
            return tuple(o for o in self.measured_in(stage) if self.test is not None and o.metric == self.test.metric)
        return self.measured

    def feasible(self, values: Mapping[str, float]) -> bool:
        """Whether these summaries break no constraint, as far as they are known."""
        return all(c.metric not in values or c.holds(values[c.metric]) for c in self.constraints)

    @property
    def objective(self) -> Objective | None:
        """The first objective, the one that "best" means."""
        return self.objectives[0] if self.objectives else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back."""
        data = asdict(self)
        data["space"] = self.space.to_dict()
        return data

    def to_public_dict(self) -> dict[str, Any]:
        """`to_dict` for people and clients: secrets in `run.env` are masked."""
        data = self.to_dict()
        data["run"]["env"] = masked(data["run"]["env"])
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StudySpec:
        """The specification that `to_dict` wrote."""
        run, search = dict(data["run"]), dict(data["search"])
        run["args"] = _arguments(run["args"])
        run["command"] = _arguments(run["command"])
        run["preload"] = None if run["preload"] is None else tuple(run["preload"])
        run["data"] = tuple(run["data"])
        run["config"] = tuple(ConfigFile(**c) for c in run["config"])
        if run["resume"] is not None:
            run["resume"] = Resume(run["resume"]["when"], _arguments(run["resume"]["args"]))
        search["points"] = tuple((label, dict(values)) for label, values in search["points"])
        search["sources"] = tuple(search.get("sources", ()))
        search["phases"] = tuple(SearchPhase(**phase) for phase in search.get("phases", ()))
        stopping, notify = data.get("early_stopping"), data.get("notify")
        return cls(
            **{
                **data,
                "run": RunSpec(**run),
                "search": SearchSpec(**search),
                "space": SearchSpace.from_dict(data["space"]),
                "objectives": tuple(Objective(**o) for o in data["objectives"]),
                "patterns": tuple(Pattern(**p) for p in data["patterns"]),
                "constraints": tuple(Constraint(**c) for c in data.get("constraints", ())),
                "early_stopping": None if stopping is None else EarlyStopping(**stopping),
                "metric_files": tuple(MetricFile(**f) for f in data["metric_files"]),
                "finalize": finalize_from(data.get("finalize")),
                "test": test_from(data.get("test")),
                "playbook": playbook_from(data.get("playbook")),
                "notify": None if notify is None else Notify(tuple(notify["command"]), tuple(notify["on"])),
            }
        )

    def content_hash(self) -> str:
        """Equal for submissions that ask for the same; `priority` and where the file lies do not count."""
        data = self.to_dict()
        for key in ("priority", "file"):
            data.pop(key)
        data["run"].pop("python_why")
        data.pop("pretrained")  # which trial of another study is the best may have changed since
        if self.run.code == "live":
            data["run"].pop("code_hash")  # it may change while the study runs; trials that differ are marked
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]

    def differences(self, other: StudySpec) -> list[str]:
        """Paths at which `other` differs, as `search.trials: 50 -> 80`; empty exactly when the hashes are equal."""
        ignored = {"priority", "file", "run.python_why"}
        if self.run.code == other.run.code == "live":
            ignored.add("run.code_hash")
        mine, theirs = _flatten(self.to_dict()), _flatten(other.to_dict())
        # Compared as JSON text, as the hash does: for Python, 1 and True and 1.0 are equal.
        lines = [
            f"{path}: another value"
            if is_secret(path.rpartition(".")[2])
            else f"{path}: {_text(mine.get(path))} -> {_text(theirs.get(path))}"
            for path in sorted(mine.keys() | theirs.keys())
            if path not in ignored
            and not path.startswith("pretrained")
            and _text(mine.get(path)) != _text(theirs.get(path))
        ]
        old, new = self.space.names, other.space.names
        # The order of parameters is content: it says which coordinate of the design is whose.
        if [name for name in old if name in new] != [name for name in new if name in old]:
            lines.append(f"space.parameters: {', '.join(old)} -> {', '.join(new)}")
        return lines


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _arguments(items: list[Any]) -> tuple[Argument, ...]:
    return tuple(item if isinstance(item, str) else tuple(item) for item in items)


def _flatten(data: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(data, dict) and data:
        parts = [(str(key), value) for key, value in data.items()]
    elif isinstance(data, list | tuple) and data and isinstance(data[0], dict):
        parts = [(str(v.get("name", i)), v) for i, v in enumerate(data)]
    else:
        return {prefix: list(data) if isinstance(data, tuple) else data}
    flat: dict[str, Any] = {}
    for key, value in parts:
        flat.update(_flatten(value, f"{prefix}.{key}" if prefix else key))
    return flat


@dataclass(frozen=True, slots=True)
class Best:
    """The best finished trial of a study."""

    number: int
    params: Point
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class Study:
    """A study as it stands.

    Attributes:
        counts: Trial state -> number of trials; states without trials are left out.
        reason: Why it is in its state (a pause's cause, an end's cause); empty when there is nothing to say.
        phase: How its points are chosen now and why; empty before the first.
        other_code: Number of trials that ran other code than was submitted.
        aside: Trial state -> how many of `counts` are of another stage than the search.
        again: Trial state -> how many of `counts` repeat the point of another trial of the search: retries and further
            seeds. They teach the search, and use nothing up of its `trials`.
        pipeline: The steps of its playbook; None where there is none.
        space: Version of `spec.space`, from 1.
        created_at: Unix seconds; `running_s` seconds of wall time it has spent unpaused up to `running_since`.
    """

    id: int
    name: str
    state: StudyState
    reason: str
    priority: int
    spec: StudySpec
    counts: dict[str, int]
    best: Best | None
    created_at: float
    ended_at: float | None
    running_s: float
    running_since: float | None
    note: str = ""
    phase: str = ""
    other_code: int = 0
    space: int = 1
    aside: dict[str, int] = field(default_factory=dict)
    again: dict[str, int] = field(default_factory=dict)
    pipeline: Pipeline | None = None

    @property
    def search_counts(self) -> dict[str, int]:
        """`counts` of the search alone, without the trials of other stages."""
        return {state: n - self.aside.get(state, 0) for state, n in self.counts.items()}

    @property
    def point_counts(self) -> dict[str, int]:
        """`search_counts` without repetitions: one trial for each point that the search has asked for."""
        return {state: n - self.again.get(state, 0) for state, n in self.search_counts.items()}

    @property
    def search(self) -> SearchSpec:
        """The search as it is now: what the step at work asks for, where the study has a playbook."""
        return search_now(self.spec.search, self.pipeline)
