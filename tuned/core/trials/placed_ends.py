"""How the end of a trial in a place is judged: what the engine's word adds to the trial's own records.

Owns these rules. The trial's exit record comes first; the engine is believed where there is none, and where it was the
engine that asked for the end. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuned.core.states import Failure, StopReason
from tuned.core.trials.trial import Outcome

LIMIT = "limit"
"""The name under which new attempts after a limit of time, or a preemption, are counted: no retry of the study's."""
MOST_LIMITS = 100
NODE = "node"
MOST_NODES = 5
"""So often a trial is begun again because its node was lost."""


@dataclass(frozen=True, slots=True)
class EngineWord:
    """The engine's last word on an attempt.

    Attributes:
        place: Name of the place.
        job: The engine's number; empty where it knows of none.
        why: `cancelled`, `limit`, `node`, `memory`, `failed`, `done`; empty where it says nothing.
        said: Its own words: state and reason.
        log: The last line that it kept of what the command printed, where no record of ours began.
    """

    place: str
    job: str = ""
    why: str = ""
    said: str = ""
    log: str = ""

    @property
    def subject(self) -> str:
        """`job 17 in lab`."""
        return f"job {self.job} in {self.place}" if self.job else f"its job in {self.place}"


_BY_SIGNAL = (128 + 9, 128 + 15)
"""Exit codes by which a shell, or a program of its own accord, tells of SIGKILL and SIGTERM."""


def maybe_by_place(record: Mapping[str, Any]) -> bool:
    """Whether an exit record may be the engine's doing: `scancel` signals the trial as well as its supervisor."""
    signalled = record.get("signal") is not None or record.get("code") in _BY_SIGNAL
    return bool(record.get("by_place")) or (signalled and not record.get("stop") and not record.get("timed_out"))


def is_fenced(record: Mapping[str, Any] | None) -> bool:
    """Whether the trial was ended because the engine's word had it over already: then that word is its end."""
    if record is None or record.get("code") == 0:
        return False
    return bool(record.get("by_place")) and record.get("stop") == "kill"


def asked_by_place(record: Mapping[str, Any] | None, stop_seen: bool) -> bool:
    """Whether it was the engine's signal that ended the trial, and not its own last line."""
    if record is None or not record.get("by_place"):
        return False
    return record.get("code") != 0 or bool(record.get("stop_signalled")) or stop_seen


def as_placed(
    outcome: Outcome,
    record: Mapping[str, Any] | None,
    word: EngineWord | None,
    used: Mapping[str, int],
    intent: StopReason | None,
    stop_seen: bool = False,
) -> Outcome:
    """The outcome of an attempt that ran in a place.

    Args:
        outcome: The meaning of its own records.
        record: Its exit record.
        word: The engine's; None of a trial on this machine.
        used: Retries that this trial has had, by what they were counted as.
        intent: The daemon's request to the attempt, which the outcome has heeded.
        stop_seen: Whether the trial's own code saw that it is to stop.
    """
    if word is None or intent is not None:
        return outcome
    if is_fenced(record):
        record = None
    asked = asked_by_place(record, stop_seen)
    if record is not None and word.why in ("cancelled", "limit", "node", "memory"):
        asked = asked or (maybe_by_place(record) and record.get("code") != 0)
    if record is not None and not asked:
        return outcome
    if word.why == "cancelled":
        return Outcome("exit_paused", None, f"{word.subject} was cancelled there; tunectl resume goes on with it")
    if word.why not in ("node", "memory") and (asked or word.why == "limit"):
        reason = f"{word.subject} was ended by {_limit(word)}; it goes on from what it has saved"
        return _again(reason, LIMIT, MOST_LIMITS, used, Failure.TIMEOUT)
    if word.why == "node":
        return _again(f"{word.subject} lost its node ({word.said})", NODE, MOST_NODES, used, Failure.LOST)
    if word.why == "memory":
        return Outcome("exit_error", Failure.OOM, f"{word.subject} ran out of the memory that it was given")
    said = f"ended ({word.said}) without a word of its supervisor" if word.said else "is not known there any more"
    return Outcome("vanished", Failure.LOST, f"{word.subject} {said}" + (f": {word.log}" if word.log else ""))


def _limit(word: EngineWord) -> str:
    if word.said.startswith("PREEMPTED"):
        return "preemption"
    if word.said.startswith("NOT_BEGUN"):
        return "the engine's limit of waiting"
    return "its time limit" if word.why in ("limit", "") or "TIME" in word.said else f"the engine ({word.said})"


def _again(reason: str, kind: str, most: int, used: Mapping[str, int], failure: Failure) -> Outcome:
    if used.get(kind, 0) >= most:
        return Outcome("exit_error", failure, f"{reason}; it was begun {most} times")
    return Outcome("retry", failure, reason, kind)
