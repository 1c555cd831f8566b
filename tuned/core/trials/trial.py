"""A trial, and how the end of an attempt is read.

Owns the shape of a trial, the classification of an exit and the summary of observations as one number. Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tuned.core.space import Point
from tuned.core.states import Failure, StopReason, TrialState
from tuned.core.study import Objective
from tuned.core.trials.last_words import last_error_line

OWN_ORIGINS = frozenset({"user", "retry", "command"})
"""Origins of trials whose point a person asked for."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One point of a study and what became of it.

    Attributes:
        number: From 1 within its study.
        values: Objective metric -> its summary so far (non-finite when the trial diverged).
        origin: Where the point came from: `sobol`, `random`, `bayesian`, `fallback`, `user`, `retry`, `command`.
        why: One sentence on why this point was suggested.
        attempt: Number of the latest process of this trial; 0 before the first.
        stop_reason: The intent laid on a live attempt; None when nobody asked it to end.
        failure: Why it failed; None otherwise. `reason`: the same for a person, one line.
        device: The slot it holds or held last: a GPU's UUID or `cpu:N`; empty before the first attempt.
        last_step: Highest step reported; None before the first report.
        created_at, started_at, ended_at: Unix seconds.
        retries_used: Failure class -> automatic retries this trial has had; `alone`: since it shared a card.
        code: Hash of the code that it ran, where that is not what was submitted; empty otherwise.
        space: Version of the study's space that its point was made in.
        frozen: Whether its processes stand still; its slot stays taken. `frozen_by`: the level of pausing.
        still_since: Since when they do; `still_s`: for how many seconds they did before, in its latest run.
        requeue: Of one that is being paused, or stands still: it goes on without being asked to.
        stopped_by: The cause of `stop_reason`, an end as `pruned`, or a gap in its results (`StoppedBy`); else empty.
    """

    id: int
    study_id: int
    study: str
    number: int
    state: TrialState
    params: Point
    values: dict[str, float]
    priority: int
    origin: str
    why: str
    attempt: int
    stop_reason: StopReason | None
    failure: Failure | None
    reason: str
    device: str
    seed: int
    stage: str
    last_step: float | None
    created_at: float
    started_at: float | None
    ended_at: float | None
    retry_of: int | None = None
    retries_used: dict[str, int] = field(default_factory=dict)
    code: str = ""
    space: int = 1
    frozen: bool = False
    stopped_by: str = ""
    frozen_by: str = ""
    requeue: bool = False
    still_s: float = 0.0
    still_since: float | None = None

    @property
    def name(self) -> str:
        """`STUDY/NUMBER`."""
        return f"{self.study}/{self.number}"

    @property
    def held(self) -> bool:
        """Whether a person has it stand still: until the same person lets it go on, nothing else does."""
        return self.frozen and not self.requeue


@dataclass(frozen=True, slots=True)
class Observation:
    """One reported value. `step` is a whole number wherever the writer gave one."""

    name: str
    step: float
    value: float
    time: float | None
    attempt: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The meaning of an attempt's end: the event for the state table, and the failure behind it.

    `spends` is what a retry is counted as; empty: as its failure's class. `partial`: not all that was reported of an
    objective is there. `silent`: the program ended well and left out a metric that the study needs.
    """

    event: str
    failure: Failure | None = None
    reason: str = ""
    spends: str = ""
    partial: bool = False
    silent: bool = False


DISK_FULL = "the disk was full when it ended"
"""Nobody can tell then what an attempt would have come to, nor whether all that it reported is there."""

_OOM = re.compile(r"OutOfMemoryError|CUDA out of memory|CUBLAS_STATUS_ALLOC_FAILED|RESOURCE_EXHAUSTED|MemoryError")
_INFEASIBLE = re.compile(r"^(?:[\w.]+\.)?InfeasiblePoint\b", re.MULTILINE)
"""The result of `tuned.InfeasiblePoint` leaves as the last line of its traceback; other programs may print the word."""
_INTENT_EVENTS = {
    StopReason.PAUSE: "exit_paused",
    StopReason.PRUNE: "exit_pruned",
    StopReason.CANCEL: "exit_cancelled",
}


def classify_exit(
    record: Mapping[str, Any] | None,
    intent: StopReason | None,
    stop_seen: bool,
    tail: str = "",
) -> Outcome:
    """The meaning of an attempt's end.

    Args:
        record: The content of `exit.json`, or None when the supervisor vanished without one.
        intent: The daemon's request to the attempt.
        stop_seen: Whether the trial's own code saw the request (`should_stop()` returned true).
        tail: The last lines of the output, for the reason and for telling a lack of memory from other errors.

    Returns:
        The intent wins only if the trial saw it or our signal ended it: a trial that finished by itself is completed.
    """
    if record is None:
        return Outcome("vanished", Failure.LOST, "its supervisor ended without a word")
    code, number = record.get("code"), record.get("signal")
    signalled = bool(record.get("stop_signalled"))
    if intent is not None and (signalled or stop_seen):
        event = _INTENT_EVENTS.get(intent)
        if event is not None:
            return Outcome(event)
        return Outcome("exit_error", Failure.KILLED, "killed on request")
    if record.get("timed_out"):
        return Outcome("exit_error", Failure.TIMEOUT, f"ran longer than {record.get('timeout')} s")
    if code == 0:
        return Outcome("exit_ok")
    if record.get("disk_full"):
        return Outcome("exit_error", Failure.LOST, DISK_FULL)
    last = last_error_line(tail)
    if _INFEASIBLE.search(tail):
        return Outcome("exit_error", Failure.INFEASIBLE, last or "declared infeasible")
    if _OOM.search(tail):
        return Outcome("exit_error", Failure.OOM, last or "out of memory")
    if number is not None:
        what = f"ended by signal {number}"
        return Outcome("exit_error", Failure.KILLED, f"{what}: {last}" if last else what)
    what = f"exit code {code}"
    return Outcome("exit_error", Failure.ERROR, f"{what}: {last}" if last else what)


def summarise(objective: Objective, values: Sequence[float]) -> float | None:
    """One number out of a trial's values in the order of their steps; None without any.

    Non-finite values count only when nothing else was reported, so that a late NaN does not hide a good step under
    the `best` summary, but a diverged trial still says so.
    """
    if not values:
        return None
    if objective.summary == "last":
        return values[-1]
    if objective.summary == "mean_last":
        last = values[-objective.last_n :]
        return sum(last) / len(last)
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        return values[-1]
    return min(finite) if objective.direction == "minimize" else max(finite)
