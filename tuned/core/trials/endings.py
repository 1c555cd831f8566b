"""How the end of an attempt is judged: what an attempt's folder means, and whether its trial is tried again.

Owns these decisions, which recovery after a crash and the everyday end of a trial share. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tuned.core.cards.shares import ALONE
from tuned.core.program.placeholders import value_text
from tuned.core.states import WASTED, Failure, StopReason, TrialState
from tuned.core.study import SEARCH, StudySpec
from tuned.core.trials.causes import wording
from tuned.core.trials.last_words import last_error_line
from tuned.core.trials.trial import DISK_FULL, OWN_ORIGINS, Outcome, Trial


class Fate(StrEnum):
    """The next action on a live attempt."""

    WAIT = "wait"
    ENDED = "ended"
    VANISHED = "vanished"
    UNCLAIM = "unclaim"


def judge(state: TrialState, has_exit: bool, lock: str) -> Fate:
    """The joint meaning of a row and its run directory.

    Args:
        state: The trial's state in the database, `starting` or `running`.
        has_exit: Whether there is an exit record.
        lock: The result of probing the lock: `held`, `started`, `revoked` or `absent`.

    Returns:
        Only the kernel's word counts: an attempt without an exit record is over when nobody holds its lock. It goes
        back to the queue only if it never started; otherwise it is lost, never given an invented exit code.
    """
    if has_exit:
        return Fate.ENDED
    if lock == "held":
        return Fate.WAIT
    if lock in ("revoked", "absent") and state is TrialState.STARTING:
        return Fate.UNCLAIM
    return Fate.VANISHED


PARTIAL = "the disk was full, and the trial ended before there was room for the rest of"


def check_result(
    outcome: Outcome,
    spec: StudySpec,
    values: Mapping[str, float],
    tail: str = "",
    reported: Sequence[str] = (),
    gaps: Sequence[str] = (),
    disk_full: bool = False,
    stage: str = SEARCH,
) -> Outcome:
    """A clean exit is a result only with a finite value for every objective.

    Args:
        outcome: The meaning of the exit itself.
        spec: The study.
        values: Objective metric -> summary of what was reported.
        tail: The last lines of the output, for the reason.
        reported: Names of the metrics that were reported, for the reason.
        gaps: Metrics of which something is missing in its file; `*` for any.
        disk_full: Whether there was no room to write when it ended.
        stage: The trial's.
    """
    if outcome.event != "exit_ok":
        return outcome
    required = spec.required_in(stage)
    partial = [objective.metric for objective in required if {objective.metric, "*"} & set(gaps)]
    for objective in required:
        value = values.get(objective.metric)
        if value is None and (disk_full or partial):
            return Outcome("exit_error", Failure.LOST, DISK_FULL)
        if value is None:
            said = f"it reported {', '.join(reported[:5])}" if reported else f"its last line: {last_error_line(tail)}"
            reason = f"ended without reporting {objective.metric}" + (f"; {said}" if reported or tail.strip() else "")
            return Outcome("exit_error", Failure.ERROR, reason, silent=True)
        if not math.isfinite(value):
            return Outcome("exit_error", Failure.NAN, f"{objective.metric} is {value}")
    if partial:
        return Outcome(outcome.event, reason=f"{PARTIAL} {', '.join(partial)}", partial=True)
    return outcome


_AS_ASKED = {
    StopReason.PAUSE: Outcome("exit_paused"),
    StopReason.PRUNE: Outcome("exit_pruned"),
    StopReason.CANCEL: Outcome("exit_cancelled"),
    StopReason.KILL: Outcome("exit_error", Failure.KILLED, "killed on request"),
}


def as_asked(outcome: Outcome, intent: StopReason | None) -> Outcome:
    """The outcome of an attempt without an exit record, or of one that never began: a requested end counts as done.

    An acknowledged request must not be lost with the process.
    """
    return outcome if intent is None else _AS_ASKED[intent]


_FOR_GOOD = frozenset({StopReason.PRUNE, StopReason.CANCEL, StopReason.KILL})


def with_retry(
    outcome: Outcome, allowed: Mapping[str, int], used: Mapping[str, int], intent: StopReason | None = None
) -> Outcome:
    """Turn a failure into another attempt while its class has retries left.

    Args:
        outcome: The meaning of the attempt's end.
        allowed: Failure class -> retries, from the study file.
        used: Failure class -> retries this trial has had.
        intent: The daemon's request to the attempt: an attempt that was to end for good is not begun again.
    """
    if intent in _FOR_GOOD:
        return outcome
    if outcome.failure is None or outcome.event not in ("exit_error", "vanished"):
        return outcome
    name = outcome.failure.value
    if used.get(name, 0) < allowed.get(name, 0):
        if intent is StopReason.PAUSE:
            # It will be tried again, when it is resumed.
            return Outcome("exit_paused", None, outcome.reason)
        return Outcome("retry", outcome.failure, outcome.reason)
    return outcome


def alone_next(outcome: Outcome, shared: bool, used: Mapping[str, int], intent: StopReason | None = None) -> Outcome:
    """A lack of memory on a card that others held a part of says nothing of the point yet: it runs again, alone.

    Args:
        outcome: The meaning of the attempt's end.
        shared: Whether another trial held a part of its card meanwhile.
        used: Retries that this trial has had, by what they were counted as.
        intent: The daemon's request to the attempt.
    """
    if outcome.event != "exit_error" or outcome.failure is not Failure.OOM or not shared or ALONE in used:
        return outcome
    if intent is not None:
        return as_asked(outcome, intent)
    return Outcome("retry", Failure.OOM, f"{outcome.reason}; it shared its GPU, and runs again alone", ALONE)


MOST_LOST_CARDS = 5
"""So often a trial is begun again because its card was lost."""


def elsewhere_next(outcome: Outcome, lost: str, used: Mapping[str, int], intent: StopReason | None = None) -> Outcome:
    """A failure on a card that does not answer any more: the trial runs again on another, and no retry is used up.

    Args:
        outcome: The meaning of the attempt's end.
        lost: Why its card does not answer; empty when it does.
        used: Retries that this trial has had, by what they were counted as.
        intent: The daemon's request to the attempt.
    """
    if not lost or outcome.event not in ("exit_error", "vanished"):
        return outcome
    if intent is not None:
        return as_asked(outcome, intent)
    reason = f"{lost}; {outcome.reason}" if outcome.reason else lost
    if used.get(Failure.DEVICE.value, 0) >= MOST_LOST_CARDS:
        return Outcome("vanished", Failure.DEVICE, reason)
    return Outcome("retry", Failure.DEVICE, reason)


RESUME = "resume"
"""The name under which retries from the copy of a checkpoint are counted: they cost none of the study's retries."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """An attempt that went on from a checkpoint and failed before it reported anything.

    Attributes:
        copy: Whether there is a copy of the checkpoint from before, which the next attempt goes on from.
    """

    copy: bool


def from_copy(outcome: Outcome, resumption: Resumption | None, intent: StopReason | None = None) -> Outcome:
    """Have a trial that could not go on from its checkpoint go on from the copy of it.

    Args:
        outcome: The meaning of the attempt's end.
        resumption: The checkpoint that it went on from; None where it began anew, or has reported something.
        intent: The daemon's request to the attempt.
    """
    if resumption is None or not resumption.copy or outcome.event != "exit_error" or intent in _FOR_GOOD:
        return outcome
    reason = f"{outcome.reason}; it goes on from the copy of its checkpoint that was made when it stopped"
    if intent is StopReason.PAUSE:
        return Outcome("exit_paused", None, reason)
    return Outcome("retry", outcome.failure, reason, RESUME)


def keeps_result(
    outcome: Outcome, resumption: Resumption | None, spec: StudySpec, values: Mapping[str, float], stage: str = SEARCH
) -> Outcome:
    """A failure to go on takes nothing away that the trial had reported before: it counts as one that was cut short.

    Args:
        outcome: The attempt's end, retries included.
        resumption: As `from_copy` takes it.
        spec: The study.
        values: Objective metric -> summary of what all attempts have reported.
        stage: The trial's.
    """
    if resumption is None or outcome.event not in ("exit_error", "vanished"):
        return outcome
    required = spec.required_in(stage)
    if outcome.failure is Failure.INFEASIBLE or not required:
        return outcome
    if not all(math.isfinite(values.get(objective.metric, math.nan)) for objective in required):
        return outcome
    reason = f"it could not go on from its checkpoint; its result so far counts: {outcome.reason}"
    return Outcome("exit_pruned", None, reason)


def stays_paused(outcome: Outcome, held: bool) -> Outcome:
    """A person's pause outlives the attempt: what would be tried again is paused, until the trial is resumed.

    Args:
        outcome: The attempt's end, retries included.
        held: Whether a person has had it stand still.
    """
    return Outcome("exit_paused", None, outcome.reason) if held and outcome.event == "retry" else outcome


def never_began(record: Mapping[str, Any] | None, start: Mapping[str, Any] | None) -> Outcome | None:
    """A warm start in which no line of the user's code ran: the fork is to blame, so it runs again, cold.

    Args:
        record: The exit record.
        start: The start record.
    """
    if record is None or start is None or start.get("mode") != "warm" or record.get("user_code", True):
        return None
    return Outcome("retry", None, "its warm start failed: it runs in a fresh interpreter")


def canary_verdict(spec: StudySpec, outcome: Outcome, any_values: bool, number: int) -> str | None:
    """Why the study shall pause: its first trial to end gave nothing to search by.

    Returns:
        The reason, or None when there is nothing to say.
    """
    if not spec.objectives or any_values:
        return None
    if outcome.event not in ("exit_ok", "exit_error", "vanished"):
        return None
    if outcome.silent:
        return f"trial {number} {outcome.reason}"
    metric = spec.objectives[0].metric
    return f"trial {number} ended without {metric}: {outcome.reason or 'it reported nothing'}"


BREAKER_LENGTH = 5
"""So many trials that fail alike in a row pause their study."""


def breaker_verdict(last: Sequence[Trial]) -> str | None:
    """Why the study shall pause: its trials fail alike, so the next would too.

    A lack of memory never counts: it belongs to the point, not to the program. Nor does NaN at points that a person
    chose: they ask whether it comes.

    Args:
        last: The trials that ended last, newest first; cancelled ones left out.

    Returns:
        The reason, or None while there is none.
    """
    newest = last[:BREAKER_LENGTH]
    if len(newest) < BREAKER_LENGTH:
        return None
    kinds = {(trial.failure, wording(trial.reason)) for trial in newest}
    failure = newest[0].failure
    if len(kinds) > 1 or failure is None or failure in (Failure.OOM, Failure.INFEASIBLE):
        return None
    if any(trial.state not in WASTED for trial in newest):
        return None
    if failure is Failure.NAN and any(trial.origin in OWN_ORIGINS for trial in newest):
        return None
    return f"{BREAKER_LENGTH} trials in a row failed alike ({failure}): {newest[0].reason}"


SIDE_HISTORY = 200
"""The latest trials among which one side of a parameter is looked for."""
_SIDE_OTHERS = 5
"""Trials of the other side that a range needs: fewer may lie apart from the failed ones by chance."""


def side_verdict(last: Sequence[Trial]) -> str | None:
    """Why the study shall pause: one side of a parameter fails at start, always alike, and nothing else does.

    A value that the program does not take is a fault of the study; a search would learn that it is a bad value.

    Args:
        last: The trials that ended last, newest first; cancelled ones left out.

    Returns:
        The reason, or None while there is none.
    """
    newest = last[0] if last else None
    if newest is None or not _failed_at_start(newest):
        return None
    kind = wording(newest.reason)
    failed = [trial for trial in last if _failed_at_start(trial) and wording(trial.reason) == kind]
    others = [trial for trial in last if trial not in failed]
    if len(failed) < BREAKER_LENGTH or not others:
        return None
    for name in newest.params:
        side = _side(name, failed, others)
        if side:
            return (
                f"all {len(failed)} trials with {name} {side} failed at start, and no other did: {newest.reason} "
                "(mend how it reaches the program, or take it out of the space)"
            )
    return None


def _failed_at_start(trial: Trial) -> bool:
    return trial.state is TrialState.FAILED and trial.failure is Failure.ERROR and trial.last_step is None


def _side(name: str, failed: Sequence[Trial], others: Sequence[Trial]) -> str:
    """`= v`, `up to x` or `from x` when these are exactly the values of the failed trials; empty when they are not."""
    bad = [trial.params.get(name) for trial in failed]
    good = [trial.params[name] for trial in others if name in trial.params]
    if all(isinstance(value, str | bool) for value in bad):
        return f"= {value_text(bad[0])}" if len(set(bad)) == 1 and good and bad[0] not in good else ""  # type: ignore[arg-type]
    numbers = [value for value in bad if isinstance(value, int | float)]
    limits = [value for value in good if isinstance(value, int | float)]
    if len(numbers) < len(bad) or len(limits) < _SIDE_OTHERS:
        return ""
    if max(numbers) < min(limits):
        return f"up to {max(numbers):.5g}"
    return f"from {min(numbers):.5g}" if min(numbers) > max(limits) else ""
