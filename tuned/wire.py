"""The shapes that cross the daemon's socket, as plain dataclasses: requests, replies and their JSON field names.

Owns those names (they are promises to scripts) and nothing else: no HTTP, no checks beyond types. Daemon and clients
import it, so it stays cheap. Metric values that are not finite travel as the strings `nan`, `inf`, `-inf`.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, Union

from tuned.core.records import dataclass
from tuned.protocol import encode_number

Number = Union[float, int, str]  # noqa: UP007 - evaluated under Python 3.9, too
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ObjectiveRow:
    """What the study improves."""

    metric: str
    direction: str
    train: str | None


@dataclass(frozen=True, slots=True)
class ConstraintRow:
    """A bound on a metric's last value; a trial that breaks it is never the best."""

    metric: str
    at_most: float | None
    at_least: float | None


@dataclass(frozen=True, slots=True)
class BestRow:
    """The best finished trial."""

    number: int
    params: Json
    values: dict[str, Number]


@dataclass(frozen=True, slots=True)
class StoppingRow:
    """What early stopping has done in a study.

    Attributes:
        stopped: Trials that ended before their end; `waiting`: those paused at a rung, which may be promoted yet.
        rescued: Trials that would have been stopped and are let run to their end; `rescued_ended`: those that have.
        wrong: Of those, how many ended better than the median of the trials that the rule let through.
        wrong_share: `wrong / rescued_ended`; None before there is any measurement.
    """

    method: str
    stopped: int
    waiting: int
    rescued: int
    rescued_ended: int
    wrong: int
    wrong_share: float | None


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step from the search to a finished model.

    Attributes:
        id: What steering names it by; `name` is what it does.
        state: `waiting`, `running`, `paused`, `done`, `skipped` or `failed`.
        why: The state in one line: what came of it, or what it waits for.
        result: What it has given: trials, the winner of a confirmation, the bundle of the final model.
    """

    id: str
    name: str
    state: str
    by_hand: bool
    options: Json
    result: Json
    why: str
    began_at: float | None
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class StudyRow:
    """A study as lists show it.

    Attributes:
        counts: Trial state -> number of trials.
        trials: How many trials it shall have; None when a time budget alone ends it.
        started: Trials that count towards `trials`.
        eta_s: Seconds until it is done at the present pace; None when that cannot be said yet.
        note: Something a person should know now, e.g. that the advisor is late.
        parameters: Names in the order of the space.
        early_stopping: What it has done; None without it, and in lists.
        objectives: All of them; `objective` is the first.
        phase: How its points are chosen now, and why; empty before the first.
        steps: Those of its playbook, and those that were asked for by hand.
        aside: Trial state -> how many of `counts` belong to such steps and not to the search.
        again: Trial state -> how many of `counts` repeat another trial's point (retries, further seeds of a point) and
            so do not count towards `trials`.
    """

    name: str
    state: str
    priority: int
    question: str
    counts: dict[str, int]
    best: BestRow | None
    created_at: float
    reason: str
    ended_at: float | None
    trials: int | None
    started: int
    method: str
    parallel: int | None
    objective: ObjectiveRow | None
    parameters: list[str]
    eta_s: float | None
    note: str
    early_stopping: StoppingRow | None = None
    phase: str = ""
    objectives: list[ObjectiveRow] = field(default_factory=list)
    constraints: list[ConstraintRow] = field(default_factory=list)
    steps: list[StepRow] = field(default_factory=list)
    aside: dict[str, int] = field(default_factory=dict)
    again: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A trial as lists show it; times are Unix seconds.

    `code` is the hash of the code that it ran, where that is not what was submitted; empty otherwise. `space` is the
    version of the study's space that its point was made in. `frozen` says that its processes stand still.
    `starts_in_s` is given by the queue alone: about how many seconds until it starts; None where there is nothing to
    judge by.
    """

    study: str
    number: int
    state: str
    params: Json
    values: dict[str, Number]
    priority: int
    origin: str
    attempt: int
    reason: str
    failure: str | None
    device: str
    seed: int
    stage: str
    created_at: float
    started_at: float | None
    ended_at: float | None
    why: str
    stop_reason: str | None
    last_step: float | None
    retry_of: int | None
    code: str = ""
    space: int = 1
    frozen: bool = False
    starts_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class TrialNumbers:
    """Numbers of trials in an order: a part of them, and how many there are in `total`."""

    numbers: list[int]
    total: int


@dataclass(frozen=True, slots=True)
class BestStep:
    """A trial that was the best yet when it completed, as the `count`-th one."""

    count: int
    number: int
    value: Number


@dataclass(frozen=True, slots=True)
class BestSoFar:
    """The best value over the completed trials in the order of their ends: where it improved, and how many they are."""

    total: int
    steps: list[BestStep]


@dataclass(frozen=True, slots=True)
class RungRow:
    """A verdict of early stopping on a trial, with its evidence.

    Attributes:
        peers: Trials it was compared with, of which the best `passing` pass.
        cutoff: The value of the last one that passes; None while none does.
        verdict: `continued`, `paused`, `promoted`, `finishing`, `pruned` or `rescued`.
        why: The same in one line.
    """

    rung: int
    step: float
    value: Number
    peers: int
    passing: int
    cutoff: Number | None
    verdict: str
    at: float
    why: str


@dataclass(frozen=True, slots=True)
class TrialDetail:
    """One trial with what only its own page shows.

    Attributes:
        bad_lines: How many lines of its metrics could not be read; `unreadable` the first of them, as
            `{attempt, offset, text}`.
    """

    trial: TrialRow
    run_dir: str | None
    checkpoint_dir: str
    arguments: list[str]
    traceback: str
    bad_lines: int
    attempts: list[Json] = field(default_factory=list)
    rungs: list[RungRow] = field(default_factory=list)
    unreadable: list[Json] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One observation."""

    study: str
    number: int
    step: Number
    name: str
    value: Number
    time: float | None
    attempt: int


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event, as the stream sends it; `seq` is the stream's id."""

    seq: int
    at: float
    type: str
    study: str
    number: int | None
    data: Json


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A slot of the machine: a GPU, or a share of the CPU where there is none.

    Attributes:
        id: UUID of the GPU, or `cpu:N`.
        memory_total, memory_used: Bytes; None for CPU slots.
        utilisation: Per cent; None when unknown.
        held_by: `STUDY/NUMBER` of the trial that leases it, empty when free.
        blocked: Why it is not leased out (a foreign process), empty otherwise.
    """

    id: str
    kind: str
    name: str
    index: int
    memory_total: int | None
    memory_used: int | None
    utilisation: float | None
    held_by: str
    blocked: str


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """What `tunectl daemon status` says."""

    pid: int
    socket: str
    home: str
    version: str
    uptime_s: float
    rss_bytes: int
    slots: int
    devices: list[DeviceRow]
    studies: int
    running: int
    queued: int
    advisor: str
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Submission:
    """A study to submit.

    Attributes:
        study: The study file's content as plain data (what a TOML parser gives).
        base: Absolute folder that relative paths start from: the study file's own.
        file: Absolute path of the study file; None when it came from a script.
        environment: The submitter's whole environment, captured for the trials.
        name: Overrides the study's name.
        stem: File name without suffix: the name when the study gives none.
        update: Whether a study of this name takes over what can change while it runs, instead of a refusal.
    """

    study: Json
    base: str
    environment: dict[str, str]
    file: str | None = None
    name: str | None = None
    stem: str | None = None
    update: bool = False


@dataclass(frozen=True, slots=True)
class CommandSubmission:
    """One plain command to queue: a study with an empty space and one trial."""

    command: list[str]
    cwd: str
    environment: dict[str, str]
    name: str | None = None
    priority: int = 0
    gpus: float | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission.

    Attributes:
        created: False when the same content was there already.
        arguments: The argument lists that the first trials will get, up to three.
        code: Hash of the code: of the whole copy, or of the script and its own imports; empty when there is none.
        estimate_s: Seconds that all of it will take; None when nothing like it has run here.
        estimate_why: What that is based on, or why it is unknown.
        changed: What an update has changed, as `KEY: OLD -> NEW`.
    """

    study: str
    created: bool
    state: str
    trials: int | None
    slots: int
    devices: list[str]
    python: str
    python_why: str
    arguments: list[list[str]]
    notes: list[str]
    trial: int | None = None
    code: str = ""
    estimate_s: float | None = None
    estimate_why: str = ""
    changed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Points of the user's own; parameters left out are suggested.

    Attributes:
        points: Parameter name -> its value, or a list: then each of its values, and for several lists their product.
        like: A trial, as `STUDY/7` or `STUDY/best`, whose values hold where a point has none.
        seeds: How often each point runs, each time with another seed.
    """

    points: list[Json]
    priority: int = 0
    like: str | None = None
    seeds: int = 1


@dataclass(frozen=True, slots=True)
class Enqueued:
    """Numbers of the trials that were queued."""

    trials: list[int]


@dataclass(frozen=True, slots=True)
class SpaceVersionRow:
    """One version of a study's space.

    Attributes:
        origin: `submit`, `user`, or `phase N`: the refinement before that phase.
        why: For a person, one line; `changes` what differs from the version before, such as `lr.high: 0.1 -> 1`.
        trials: Trials whose points were made in it.
        space: The whole space as plain data.
    """

    version: int
    origin: str
    why: str
    changes: list[str]
    at: float
    trials: int
    space: Json


@dataclass(frozen=True, slots=True)
class SpacePage:
    """The versions of a study's space, oldest first; the last one is in use.

    `kept` is how many trials with a result have points that are part of it, `left_out` how many do not.
    """

    study: str
    version: int
    kept: int
    left_out: int
    versions: list[SpaceVersionRow]


@dataclass(frozen=True, slots=True)
class SpaceChange:
    """An edit of a study's space while it runs.

    Attributes:
        set: `NAME.KEY` -> value, for low, high, log, values, ordered, value, role.
        add: Name -> its table as in a study file; `was` in it is the value that earlier trials ran with.
        fix: Name -> the one value from now on.
        drop: Name -> the value that the code uses without it; None when that is not known.
        refine: Narrow and widen by the results so far, before the other changes.
        back_to: An earlier version, which is put into use again before the other changes.
        dry_run: Only say what would change.
    """

    set: Json = field(default_factory=dict)
    add: Json = field(default_factory=dict)
    fix: Json = field(default_factory=dict)
    drop: Json = field(default_factory=dict)
    refine: bool = False
    dry_run: bool = False
    back_to: int | None = None


@dataclass(frozen=True, slots=True)
class ReplacedRow:
    """A suggestion that had not started and was replaced."""

    number: int
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class SpaceChanged:
    """What an edit of the space did.

    Attributes:
        version: The version in use now.
        changes: Such as `lr.high: 0.1 -> 1`; empty when nothing differs.
        why: What a refinement says of each parameter.
        kept: Trials with a result whose points are part of the space now; `left_out`: the others.
        replaced: Suggestions that had not started and did not fit.
        off: The user's own queued points that do not fit; they run all the same.
    """

    study: str
    version: int
    changes: list[str]
    why: list[str]
    kept: int
    left_out: int
    replaced: list[ReplacedRow]
    off: list[int]
    dry_run: bool
    versions: list[SpaceVersionRow]


@dataclass(frozen=True, slots=True)
class Targets:
    """What a verb acts on: `STUDY`, `STUDY/7`, `STUDY/3-7`, `STUDY/best`, `STUDY/running`."""

    targets: list[str]


@dataclass(frozen=True, slots=True)
class Reprioritise:
    """New priority of the targets, absolute, or relative when `relative` is set."""

    targets: list[str]
    priority: int
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """The studies and trials that a verb changed, as `STUDY` or `STUDY/NUMBER`, and what was left alone and why.

    `effects` says of each paused trial what it keeps and loses.
    """

    changed: list[str]
    skipped: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LogChunk:
    """A piece of a trial's output.

    Attributes:
        next_offset: Where the following piece begins, in bytes.
        ended: Whether the attempt is over, so that nothing follows once `text` is empty.
    """

    text: str
    attempt: int
    next_offset: int
    ended: bool


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Ends the daemon; running trials go on unless `stop_trials` is set."""

    stop_trials: bool = False


@dataclass(frozen=True, slots=True)
class Collect:
    """Bring the run directories within the quota (bytes; None: the machine's), or only say what would go."""

    dry_run: bool = True
    quota: int | None = None


@dataclass(frozen=True, slots=True)
class Collected:
    """What was, or would be, removed.

    Attributes:
        used_bytes: What the run directories took before.
        removed: `STUDY/NUMBER PART BYTES`, least useful first.
    """

    used_bytes: int
    quota_bytes: int
    freed_bytes: int
    removed: list[str]
    dry_run: bool


def wire_values(values: dict[str, float]) -> dict[str, Number]:
    """Metric values as JSON can carry them."""
    return {name: encode_number(value) for name, value in values.items()}
