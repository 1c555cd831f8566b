"""Everything that a submission fixes, its JSON form, and how two of them differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tuned.core.playbook.spec import Finalize, FinalTest, PlaybookSpec, finalize_from, playbook_from, test_from
from tuned.core.space import SearchSpace
from tuned.core.study.goals import Constraint, MetricFile, Objective, Pattern
from tuned.core.study.notices import Notify
from tuned.core.study.running import Argument, ConfigFile, Resume, RunSpec, Spelling
from tuned.core.study.searching import EarlyStopping, SearchPhase, SearchSpec
from tuned.core.study.secrets import is_secret, masked, masked_within


@dataclass(frozen=True, slots=True)
class StudySpec:
    """Everything a submission fixes. An empty `objectives` is a plain command without a search.

    `urgent`: its trials may take the slots of trials of lower priority. `rename` says which other name a metric of
    `patterns` and `metric_files` gets, `predictions` is the path (with placeholders) of the file with predictions that
    each trial leaves, `pretrained` says where the checkpoint lies that a value of `init_from` means: `STUDY/NUMBER`, or
    an absolute path.
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
    test: FinalTest | None = None
    playbook: PlaybookSpec | None = None
    pretrained: dict[str, str] = field(default_factory=dict)
    predictions: str | None = None
    notify: Notify | None = None
    urgent: bool = False

    @property
    def measured(self) -> tuple[Objective, ...]:
        """The metrics that sum up each trial: the objectives, and the last value of each constraint's metric."""
        known = {o.metric for o in self.objectives}
        more = dict.fromkeys(c.metric for c in self.constraints if c.metric not in known)
        return (*self.objectives, *(Objective(metric, "minimize", "last") for metric in more))

    def measured_in(self, stage: str) -> tuple[Objective, ...]:
        """The metrics that sum up a trial of a stage: in the last stages the test metric, too, where it is reported."""
        if self.test is None or stage not in ("finalize", "test"):
            return self.measured
        known = {o.metric for o in self.measured}
        more = () if self.test.metric in known else (Objective(self.test.metric, "maximize", "last"),)
        return (*self.measured, *more)

    def required_in(self, stage: str) -> tuple[Objective, ...]:
        """The metrics that a trial of a stage must report; trained on all data, a model has nothing to validate on."""
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
        """`to_dict` for people and clients: secrets in `run.env` and passwords within addresses are masked."""
        data = self.to_dict()
        data["run"]["env"] = masked(data["run"]["env"])
        for part in ("question", "run", "notify", "finalize", "test"):
            data[part] = masked_within(data[part])
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
        if "spelling" not in run and run.get("cpus") == 1.0:
            run["cpus"] = None  # written by the first edition, where this was the default and confined nothing
        spelling = {name: Spelling(**_tuples(entry)) for name, entry in run.get("spelling", {}).items()}
        run["spelling"] = spelling
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
        for key in ("python_why", "spelling"):
            data["run"].pop(key)
        data.pop("pretrained")  # which trial of another study is the best may have changed since
        if self.run.code == "live":
            data["run"].pop("code_hash")  # it may change while the study runs; trials that differ are marked
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]

    def differences(self, other: StudySpec) -> list[str]:
        """Keys of the file at which `other` differs, as `search.trials: 50 -> 80`.

        Empty exactly when the hashes are equal.
        """
        ignored = {"priority", "file", "run.python_why"}
        if self.run.code == other.run.code == "live":
            ignored.add("run.code_hash")
        mine, theirs = _flatten(self.to_dict()), _flatten(other.to_dict())
        # Compared as JSON text, as the hash does: for Python, 1 and True and 1.0 are equal.
        lines = [
            _difference(path, mine.get(path), theirs.get(path))
            for path in sorted(mine.keys() | theirs.keys())
            if path not in ignored
            and not path.startswith(("pretrained", "run.spelling"))
            and _text(mine.get(path)) != _text(theirs.get(path))
        ]
        old, new = self.space.names, other.space.names
        # The order of parameters is content: it says which coordinate of the design is whose.
        if [name for name in old if name in new] != [name for name in new if name in old]:
            lines.append(f"space: {', '.join(old)} -> {', '.join(new)}")
        return lines


_IN_A_FILE = {
    "space.parameters": "space",
    "objectives.0": "objective",
    "objectives": "objective",
    "constraints": "constraint",
    "patterns": "metrics.patterns",
    "metric_files": "metrics",
    "rename": "metrics.rename",
    "predictions": "metrics.predictions",
    "search.points": "search.point",
    "search.phases": "search.phase",
    "search.sources": "search.from",
    "run.cpus": "run.resources.cpus",
    "run.gpus": "run.resources.gpus",
    "run.gpu_memory": "run.resources.gpu_memory",
    "run.share": "run.resources.share",
}
"""Field of a specification -> the key of a study file, where the two differ."""


def _as_in_a_file(path: str) -> str:
    known = next((field for field in _IN_A_FILE if path == field or path.startswith(f"{field}.")), None)
    return path if known is None else _IN_A_FILE[known] + path[len(known) :]


def _tuples(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}


def _difference(path: str, old: Any, new: Any) -> str:
    """One line; a secret, and a password within an address, shows that it changed, and no more."""
    shown = [_text(masked_within(value)) for value in (old, new)]
    if is_secret(path.rpartition(".")[2]) or shown[0] == shown[1]:
        return f"{_as_in_a_file(path)}: another value"
    return f"{_as_in_a_file(path)}: {shown[0]} -> {shown[1]}"


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
