"""Acts in place of a supervisor that does nothing: it hangs, was stopped by somebody, or its folder was removed.

Owns the order: wake the supervisor, then signal the trial's processes directly, then, for an end that loses nothing
more, kill the supervisor, whose lock falls with it. For a pause nothing is ever killed.
"""

from __future__ import annotations

import logging
import signal
import time

from tuned.core.states import StopReason
from tuned.core.words import count, duration
from tuned.daemon import failpoints
from tuned.daemon.attempts.live_attempt import LiveAttempt, Overdue
from tuned.daemon.files import run_dirs
from tuned.launch import descendants
from tuned.launch.stopping import KILL_AFTER

log = logging.getLogger(__name__)

SLACK_S = 5.0
"""Seconds granted to a supervisor beyond its own limits, for a loaded machine."""
GRACE_S = 30.0
"""Grace of an attempt whose `spec.json` cannot be read."""


def escalate(attempt: LiveAttempt) -> None:
    """Do what is due for this attempt. Reads `/proc`: call it in a thread, at the slow poll."""
    failpoints.reach("escalation")
    attempt.waits_for = ""
    if attempt.supervisor is None or attempt.pidfd is None or attempt.told_at == 0.0:
        return
    supervisor = descendants.read_process(attempt.supervisor)
    if supervisor is not None and supervisor.stopped:
        _wake(attempt, attempt.supervisor)
        return
    if attempt.told.stop is None:
        _agree_on_freezing(attempt, attempt.supervisor)
    else:
        _end(attempt, attempt.supervisor, attempt.told.stop)


def _wake(attempt: LiveAttempt, supervisor: int) -> None:
    attempt.waits_for = f"its supervisor (process {supervisor}) was stopped by somebody, and is woken"
    log.warning("attempt %s: %s", attempt.holder, attempt.waits_for)
    _signal(attempt, signal.SIGCONT)


def _agree_on_freezing(attempt: LiveAttempt, supervisor: int) -> None:
    if time.monotonic() < attempt.told_at + SLACK_S:
        return
    family = descendants.below(supervisor)
    number = signal.SIGSTOP if attempt.told.frozen else signal.SIGCONT
    others = [process for process in family if process.stopped != attempt.told.frozen]
    # A process that a person has stopped by hand is theirs; a whole trial in the wrong state is its supervisor's miss.
    if others and len(others) == len(family):
        log.warning(
            "attempt %s: its supervisor does not act: %s for %s",
            attempt.holder,
            number.name,
            count(len(family), "process"),
        )
        for process in others if attempt.told.frozen else reversed(others):
            descendants.send(process, number)


def _end(attempt: LiveAttempt, supervisor: int, reason: StopReason) -> None:
    overdue = attempt.overdue
    if overdue.told_at != attempt.told_at:
        attempt.overdue = overdue = Overdue(attempt.told_at)
    now, patience = time.monotonic(), _patience(attempt, reason)
    due = attempt.told_at + patience
    if now < due:
        attempt.waits_for = f"it was asked to end ({reason}); it has {duration(due - now)} more to do so"
        return
    family = descendants.below(supervisor)
    may_kill = reason is not StopReason.PAUSE
    if family and overdue.terminated_at is None and reason is not StopReason.KILL:
        _send(attempt, family, signal.SIGTERM)
        overdue.terminated_at = now
    elif family and may_kill and now >= (overdue.terminated_at or 0.0) + KILL_AFTER:
        _send(attempt, family, signal.SIGKILL)
        overdue.killed_at = overdue.killed_at or now
    elif not family and may_kill and now >= (overdue.killed_at or overdue.terminated_at or due) + SLACK_S:
        log.warning("attempt %s: its supervisor does not record its end, and is killed", attempt.holder)
        _signal(attempt, signal.SIGKILL)
    left = f"{count(len(family), 'process')} still there" if family else "its supervisor has not recorded its end"
    attempt.waits_for = f"it was asked to end ({reason}) {duration(now - attempt.told_at)} ago: {left}"


def _patience(attempt: LiveAttempt, reason: StopReason) -> float:
    """Seconds from the record to the last signal of the supervisor, and its slack."""
    if reason is StopReason.KILL:
        return SLACK_S
    try:
        grace = float(run_dirs.spec(attempt.run_dir)["grace"])
    except (OSError, KeyError, TypeError, ValueError):
        grace = GRACE_S
    return grace + KILL_AFTER + SLACK_S


def _send(attempt: LiveAttempt, family: list[descendants.Process], number: signal.Signals) -> None:
    log.warning(
        "attempt %s: its supervisor does not act: %s for %s",
        attempt.holder,
        number.name,
        count(len(family), "process"),
    )
    for process in family:
        descendants.send(process, number)
        descendants.send(process, signal.SIGCONT)


def _signal(attempt: LiveAttempt, number: signal.Signals) -> None:
    """Signal the supervisor, which its descriptor names unmistakably."""
    try:
        if attempt.pidfd is not None:
            signal.pidfd_send_signal(attempt.pidfd, number)
    except OSError as error:
        log.warning("attempt %s: its supervisor cannot be signalled: %s", attempt.holder, error)
