"""The transactions of a live attempt: its progress, and its end.

Owns the extent of each commit. Functions here run in the writer's thread, on the write connection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from storage import queries, repository
from storage.repository import IngestBatch
from tuned.core.states import Actor, StopReason, StudyState, TrialState
from tuned.core.study import Study
from tuned.core.trials.endings import (
    SIDE_HISTORY,
    Fate,
    Resumption,
    alone_next,
    as_asked,
    breaker_verdict,
    canary_verdict,
    check_result,
    elsewhere_next,
    from_copy,
    keeps_result,
    never_began,
    side_verdict,
    stays_paused,
    with_retry,
)
from tuned.core.trials.last_words import last_traceback
from tuned.core.trials.metric_lines import Chunk
from tuned.core.trials.placed_ends import EngineWord, as_placed
from tuned.core.trials.trial import Outcome, Trial, classify_exit
from tuned.daemon.attempts import energy


@dataclass(frozen=True, slots=True)
class Progress:
    """The lines that an attempt has written since the last commit.

    Attributes:
        offset, next_offset: Bytes of the metrics file read before, and read with this commit.
        start: Its start record if that is new.
        note: A remark for people on its metrics file; empty without one.
        next_steps, inode: The follower's own state once this is committed.
    """

    trial_id: int
    attempt: int
    offset: int
    next_offset: int
    start: Mapping[str, Any] | None
    chunk: Chunk
    samples: list[tuple[str, float, float, float | None]]
    note: str = ""
    next_steps: dict[str, int] | None = None
    inode: int = 0

    @property
    def nothing_read(self) -> bool:
        """Whether no byte, no sample and no note is new."""
        return self.next_offset == self.offset and not self.chunk.consumed and not self.samples and not self.note

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit."""
        return self.start is None and self.nothing_read


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended: the trial's new state, for people a reason, and how long it ran in seconds.

    Seconds in which it stood still do not count. `go_cold`: no line of the user's code ran after a warm start, so the
    study forks no more.
    """

    study_id: int
    state: TrialState
    reason: str
    seconds: float | None
    go_cold: bool = False


def commit_progress(conn: Connection, progress: Progress, now: float) -> StopReason | None:
    """Observations, offset, marks, events and the trial's new values, together or not at all.

    Returns:
        The reason to stop the trial, where early stopping has one now.
    """
    if progress.start is not None:
        repository.started(conn, progress.trial_id, progress.attempt, dict(progress.start), now)
    chunk = progress.chunk
    if progress.nothing_read:
        return None
    return repository.ingest(
        conn,
        IngestBatch(
            trial_id=progress.trial_id,
            attempt=progress.attempt,
            expected_offset=progress.offset,
            next_offset=progress.next_offset,
            observations=chunk.observations + progress.samples,
            bad=chunk.bad,
            sdk=chunk.sdk,
            stop_seen=chunk.stop_seen,
            resumable=chunk.resumable,
            note=progress.note,
        ),
        now,
    )


def commit_ending(
    conn: Connection,
    progress: Progress,
    verdict: Fate,
    record: Mapping[str, Any] | None,
    tail: str,
    now: float,
    damaged: str = "",
    lost_card: str = "",
    resumption: Resumption | None = None,
    word: EngineWord | None = None,
) -> Ending:
    """The last progress and the end of an attempt, with all consequences for its trial and its study.

    Its duties, in this order, because each one uses the result of those before it:

    1. Commit the last lines, so that the end is judged by everything that was reported.
    2. Give a launch that was cut off back to the queue: nothing of it has run.
    3. Read the exit: the record, the requested stop and the tail of the output become one outcome. Without a record, a
       requested end counts as done: an acknowledged request must not be lost with the process.
    4. Hold a success against the study: the metrics that it had to report, or the reason why they are missing.
    5. Decide on another attempt: alone on the card after its memory ran out, elsewhere after its card was lost, from
       the copy of its checkpoint where it could not go on from that, again after a failure with retries left, cold
       after a fork that ran no line of the user's code. Without another attempt, what it had reported before a failure
       to go on counts.
    6. Move the trial and close the attempt's row.
    7. Pause the study where this failure says that every further trial would fail as well.

    Args:
        conn: The write connection.
        progress: Lines, samples and offset since the last commit.
        verdict: Whether the attempt ended, vanished or never began.
        record: `exit.json`; None without one.
        tail: The last lines of the output.
        now: Unix seconds.
        damaged: The fault of its directory, which may explain a missing record or result; empty without one.
        lost_card: Why its card does not answer; empty when it does.
        resumption: The checkpoint that it failed to go on from; None of any other attempt.
        word: The engine's last word, of an attempt in a place.
    """
    commit_progress(conn, progress, now)
    energy.commit_rest(conn, progress.trial_id, progress.attempt, progress.next_offset, record, now)
    trial = queries.trial_by_id(conn, progress.trial_id)
    study = queries.study_by_id(conn, trial.study_id)
    if verdict is Fate.UNCLAIM and trial.stop_reason is None:
        reason = "its launch was cut off"
        repository.unclaim(conn, trial.id, progress.attempt, reason, Actor.RECOVERY, now)
        return Ending(study.id, TrialState.QUEUED, reason, None)
    row = queries.attempt(conn, trial.id, progress.attempt)
    assert row is not None
    unforked = None if trial.stop_reason is not None else never_began(record, row["start"])
    outcome = _read_exit(study, trial, bool(row["stop_seen"]), progress, record, tail, damaged)
    outcome = as_placed(outcome, record, word, trial.retries_used, trial.stop_reason, bool(row["stop_seen"]))
    outcome = _next_attempt(study, trial, bool(row["shared"]), outcome, lost_card, resumption)
    outcome = keeps_result(unforked or outcome, resumption, study.spec, trial.values, trial.stage)
    outcome = stays_paused(outcome, trial.held)
    state = repository.end_attempt(
        conn,
        trial.id,
        progress.attempt,
        outcome.event,
        Actor.REAPER,
        now,
        exit_record=dict(record) if record is not None else None,
        failure=outcome.failure,
        reason=outcome.reason,
        spends=outcome.spends,
        partial=outcome.partial,
        traceback=last_traceback(tail) if outcome.failure is not None else "",
    )
    _pause_if_failing(conn, trial, study.id, study.state, outcome, now)
    still = queries.still_s(conn, trial.id, progress.attempt)
    return Ending(study.id, state, outcome.reason, _seconds(record, still), go_cold=unforked is not None)


def _read_exit(
    study: Study,
    trial: Trial,
    stop_seen: bool,
    progress: Progress,
    record: Mapping[str, Any] | None,
    tail: str,
    damaged: str,
) -> Outcome:
    """Duties 3 and 4 of `commit_ending`."""
    outcome = classify_exit(record, trial.stop_reason, stop_seen, tail)
    if record is None:
        outcome = as_asked(replace(outcome, reason=damaged or outcome.reason), trial.stop_reason)
    outcome = check_result(
        outcome,
        study.spec,
        trial.values,
        tail,
        reported=sorted(progress.next_steps or ()),
        gaps=(record or {}).get("gaps", ()),
        disk_full=bool(record and record.get("disk_full")),
        stage=trial.stage,
    )
    if record is not None and damaged and outcome.failure is not None:
        outcome = replace(outcome, reason=f"{outcome.reason}; {damaged}")
    if outcome.event in ("exit_pruned", "exit_paused") and not outcome.reason:
        outcome = replace(outcome, reason=trial.reason)
    return outcome


def _next_attempt(
    study: Study, trial: Trial, shared: bool, outcome: Outcome, lost_card: str, resumption: Resumption | None
) -> Outcome:
    """The first part of duty 5 of `commit_ending`: whether, and where, the trial is tried again."""
    outcome = alone_next(outcome, shared, trial.retries_used, trial.stop_reason)
    outcome = elsewhere_next(outcome, lost_card, trial.retries_used, trial.stop_reason)
    outcome = from_copy(outcome, resumption, trial.stop_reason)
    return with_retry(outcome, study.spec.run.retries, trial.retries_used, trial.stop_reason)


def committed_ending(conn: Connection, trial_id: int, number: int) -> Ending | None:
    """The end of an attempt as it was committed; None when its study is gone.

    For a caller whose commit went through and whose own note of it failed. The state is its trial's, which may be in
    another attempt by now.
    """
    row = queries.attempt(conn, trial_id, number)
    if row is None:
        return None
    trial = queries.trial_by_id(conn, trial_id)
    cold = row["ended_by"] == "retry" and never_began(row["exit"], row["start"]) is not None
    return Ending(trial.study_id, trial.state, row["reason"], _seconds(row["exit"], row["still_s"]), go_cold=cold)


def _pause_if_failing(
    conn: Connection, trial: Trial, study_id: int, state: StudyState, outcome: Outcome, now: float
) -> None:
    if state is not StudyState.RUNNING or trial.stop_reason is not None:
        # A requested end says nothing about other trials.
        return
    study = queries.study_by_id(conn, study_id)
    last = queries.last_ended(conn, study_id, SIDE_HISTORY) if outcome.failure is not None else []
    reason = canary_verdict(study.spec, outcome, _given(conn, study, trial, outcome, last), trial.number)
    reason = reason or breaker_verdict(last) or side_verdict(last)
    if reason is not None:
        repository.move_study(conn, study_id, "pause", Actor.SCHEDULER, now, reason=reason)


def _given(conn: Connection, study: Study, trial: Trial, outcome: Outcome, last: Sequence[Trial]) -> bool:
    """Whether any trial has given the metrics that this one ended without; without a lack, any metric at all."""
    lacks = {metric.metric for metric in study.spec.required_in(trial.stage)} - set(trial.values)
    if trial.values and lacks and outcome.silent:
        return any(lacks <= set(other.values) for other in last)
    return bool(trial.values) or queries.any_values(conn, study.id)


def _seconds(record: Mapping[str, Any] | None, still: float) -> float | None:
    return None if record is None else max(0.0, float(record.get("seconds") or 0.0) - still)
