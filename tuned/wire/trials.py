"""Trials as clients see and enqueue them: rows, details, metrics, output."""

from __future__ import annotations

from dataclasses import field

from tuned.core.records import dataclass
from tuned.wire.request import request
from tuned.wire.values import Json, Number


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A trial as lists show it; times are Unix seconds.

    `code` is the hash of the code that it ran, where that is not what was submitted; empty otherwise. `space` is the
    version of the study's space that its point was made in. `frozen` says that its processes stand still,
    `still_since` since when, or since when it waits after a run, `still_s` for how many seconds it did before,
    `requeue` of one that is being paused or stands still that it goes on without being asked to.
    `stopped_by` says which rule (`patience`, `rung`, `folds`), or `user`, or the end of its `study`, has ended a trial
    that is `pruned`, or asks a live one to end; one that ended by `patience` ranks like one that completed. `disk`: it
    completed, and the full disk kept a part of an objective.
    `device` is a slot's id (a GPU's UUID; several have commas between them), `slot` what people call it: `gpu:0`.
    `starts_in_s` is given by the queue alone: about how many seconds until it starts; None where there is nothing to
    judge by. So is `question`, of trials without parameters: their study's question, for a plain command its words.
    `breaks` names the constraints that its values break, each with the value: `size <= 60 (70)`.
    `values` holds objectives and constraints; `metrics` the last value of all that was reported, where a list was
    asked for it: of the first 200 names, and `metrics_left` says how many more there are.
    `waits_for` says what a trial waits for that cannot begin, as the machine lacks something, or that was told to end
    or to stand still; empty when nothing does.
    `card` holds what it did with its card, along with `metrics`: `peak_memory` and `mean_memory` in bytes,
    `utilisation` in per cent, `watts`, `watt_hours`, `degrees`, and the shares of time `throttled` and `stalled`.
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
    requeue: bool = False
    starts_in_s: float | None = None
    stopped_by: str = ""
    slot: str = ""
    metrics: dict[str, Number] = field(default_factory=dict)
    waits_for: str = ""
    card: dict[str, float] = field(default_factory=dict)
    question: str = ""
    metrics_left: int = 0
    breaks: list[str] = field(default_factory=list)
    still_s: float = 0.0
    still_since: float | None = None

    @property
    def name(self) -> str:
        """`STUDY/NUMBER`."""
        return f"{self.study}/{self.number}"


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
        command: The trial as a line for a shell; variables that look like secrets are left out.
        rank: The place of its point among the `ranked` ones of the study, best first; None for a trial without one.
        waits_for: As in `trial`.
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
    command: str = ""
    rank: int | None = None
    ranked: int = 0
    waits_for: str = ""


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
class LogChunk:
    """A piece of a trial's output.

    Attributes:
        next_offset: Where the following piece begins, in bytes.
        ended: Whether the attempt is over, so that nothing follows once `text` is empty.
        note: Why there is no text of an attempt that has ended; empty when there is.
        begin: Where this piece begins, in bytes.
        size: Bytes of all that was written so far.
    """

    text: str
    attempt: int
    next_offset: int
    ended: bool
    note: str = ""
    begin: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where a line with a text begins, in bytes; None where there is none.

    Attributes:
        cut: Bytes on the way there that could not be searched: the log had outgrown its share of the disk.
    """

    begin: int | None
    cut: int = 0


@request
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
class JudgedSide:
    """One of two configurations: how often it ran, and its mean; `failed` are failures of its own."""

    trial: str
    runs: int
    failed: int
    mean: float | None
    sem: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on a candidate beside a baseline.

    Attributes:
        decision: `adopt` (it is better), `reject` (it is worse, or fails too often) or `undecided`.
        better_by: Difference of the means; positive where the candidate is better.
        interval: Of that difference: a decision is wrong in at most 5 % of cases where nothing differs; None where the
            runs are too few.
        paired: Whether it is of differences between runs with the same seed.
        next: A command that narrows the interval; empty where there is nothing left to do.
    """

    decision: str
    metric: str
    direction: str
    baseline: JudgedSide
    candidate: JudgedSide
    better_by: float | None
    interval: list[float] | None
    paired: bool
    why: str
    next: str
