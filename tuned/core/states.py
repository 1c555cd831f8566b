"""The states of trials and studies, and the one table of moves between them.

Owns which move is legal and who may cause it, and the groups of states; scripts under Python 3.9 read them, too. Every
change of a state asks here first; no other list is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tuned.core.errors import Conflict
from tuned.core.records import StrEnum


class TrialState(StrEnum):
    """Where a trial is. There is no "stopping": that a live trial shall end is an intent beside its state."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    PRUNED = "pruned"
    CANCELLED = "cancelled"
    LOST = "lost"


class StudyState(StrEnum):
    """Where a study is."""

    RUNNING = "running"
    PAUSED = "paused"
    DRAINING = "draining"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


class Actor(StrEnum):
    """The cause of a move."""

    USER = "user"
    SCHEDULER = "scheduler"
    REAPER = "reaper"
    RECOVERY = "recovery"


class Failure(StrEnum):
    """Why an attempt did not give a result; each class is retried and told to the search differently."""

    NAN = "nan"
    OOM = "oom"
    INFEASIBLE = "infeasible"
    ERROR = "error"
    TIMEOUT = "timeout"
    KILLED = "killed"
    LOST = "lost"
    DEVICE = "device"
    """Its card stopped answering: that says nothing about the trial."""


FROM_OUTSIDE = frozenset({Failure.KILLED, Failure.LOST, Failure.DEVICE})
"""Failures that say nothing of a trial's point: a person or the machine caused them."""

NO_OUTCOME: frozenset[str | None] = frozenset({None, ""}) | FROM_OUTSIDE
"""The same, and no failure at all."""


class StoppedBy(StrEnum):
    """The rule, or the person, that asked a trial to end before its own end, or what else cut its curve short."""

    PATIENCE = "patience"
    """No better value for long enough: it has converged, and ranks like one that completed."""
    RUNG = "rung"
    FOLDS = "folds"
    USER = "user"
    STUDY = "study"
    """Its study ended while it was paused."""
    DISK = "disk"
    """It completed, but the disk was full and a part of what it reported of an objective is missing."""


class PausedBy(StrEnum):
    """The one who has paused a study: it decides what is to be mended before it goes on."""

    USER = "user"
    CAP = "cap"
    """Its caller has used up a cap."""
    IMPORT = "import"
    """Its trials are being imported."""
    DAEMON = "daemon"
    """The daemon, for the cause in its reason: trials that fail, a state folder that was copied."""


class StopReason(StrEnum):
    """The intent laid on a live attempt; `reason` of its `stop.json`."""

    PAUSE = "pause"
    PRUNE = "prune"
    CANCEL = "cancel"
    KILL = "kill"

    @classmethod
    def recorded(cls, word: object) -> StopReason | None:
        """The reason in a record; None for none, and for one that only a later version knows."""
        return next((reason for reason in cls if reason == word), None)


_S = TrialState
_U, _C, _R, _V = Actor.USER, Actor.SCHEDULER, Actor.REAPER, Actor.RECOVERY
_SAW_EXIT = frozenset({_R, _V})

_EXITS = {
    "exit_ok": _S.COMPLETED,
    "exit_error": _S.FAILED,
    "exit_pruned": _S.PRUNED,
    "exit_cancelled": _S.CANCELLED,
    "exit_paused": _S.PAUSED,
    "vanished": _S.LOST,
    "retry": _S.QUEUED,
}

TRIAL_MOVES: dict[tuple[TrialState, str], tuple[TrialState, frozenset[Actor]]] = {
    (_S.QUEUED, "claim"): (_S.STARTING, frozenset({_C})),
    (_S.QUEUED, "cancel"): (_S.CANCELLED, frozenset({_U, _C})),
    (_S.STARTING, "started"): (_S.RUNNING, frozenset({_R, _V})),
    (_S.STARTING, "unclaim"): (_S.QUEUED, frozenset({_R, _V})),
    **{(state, event): (target, _SAW_EXIT) for state in (_S.STARTING, _S.RUNNING) for event, target in _EXITS.items()},
    (_S.PAUSED, "resume"): (_S.QUEUED, frozenset({_U, _C})),
    # It waited at a rung, and waits for a person from now on.
    (_S.PAUSED, "hold"): (_S.PAUSED, frozenset({_U})),
    (_S.PAUSED, "prune"): (_S.PRUNED, frozenset({_U, _C})),
    (_S.PAUSED, "cancel"): (_S.CANCELLED, frozenset({_U, _C})),
}
"""`(state, event) -> (target, who may cause it)`."""

TERMINAL = frozenset(TrialState) - {state for state, _ in TRIAL_MOVES}
"""States that no move leaves: such a row never changes again."""

OPEN = frozenset(TrialState) - TERMINAL
"""States from which a trial may still come to a result."""

VALUED = frozenset({TrialState.COMPLETED, TrialState.PRUNED})
"""States whose trials have a result, whole or cut short."""

UNCOUNTED = frozenset({TrialState.CANCELLED, TrialState.LOST})
"""States whose trials take no place of the trials that a study shall have."""

WASTED = frozenset({TrialState.FAILED, TrialState.LOST})
"""States whose trials ended without a result, unasked."""

LIVE = frozenset({TrialState.STARTING, TrialState.RUNNING})
"""States in which an attempt holds a slot."""

_T = StudyState
STUDY_MOVES: dict[tuple[StudyState, str], tuple[StudyState, frozenset[Actor]]] = {
    (_T.RUNNING, "pause"): (_T.PAUSED, frozenset({_U, _C})),
    (_T.PAUSED, "resume"): (_T.RUNNING, frozenset({_U})),
    (_T.RUNNING, "drain"): (_T.DRAINING, frozenset({_U, _C})),
    (_T.PAUSED, "drain"): (_T.DRAINING, frozenset({_U, _C})),
    (_T.DRAINING, "complete"): (_T.COMPLETED, frozenset({_C})),
    (_T.DRAINING, "stop"): (_T.STOPPED, frozenset({_C})),
    (_T.DRAINING, "fail"): (_T.FAILED, frozenset({_C})),
    (_T.COMPLETED, "reopen"): (_T.RUNNING, frozenset({_U})),
    (_T.STOPPED, "reopen"): (_T.RUNNING, frozenset({_U})),
    (_T.FAILED, "reopen"): (_T.RUNNING, frozenset({_U})),
}
"""`(state, event) -> (target, who may cause it)`."""

STUDY_ENDED = frozenset({StudyState.COMPLETED, StudyState.STOPPED, StudyState.FAILED})
"""States in which a study has no work left; some may be re-opened."""

STUDY_OPEN = frozenset({StudyState.RUNNING, StudyState.PAUSED})
"""States in which a study may be given more points."""

STUDY_WORKING = frozenset({StudyState.RUNNING, StudyState.DRAINING})
"""States in which a study's trials are started: this time counts against its budget."""


class IllegalMove(Conflict):
    """The table has no such move."""


def number_in(states: Iterable[str], counts: Mapping[str, int]) -> int:
    """How many trials are in some states.

    Args:
        states: These.
        counts: Trial state -> number of trials.
    """
    return sum(counts.get(state, 0) for state in states)


def counted(counts: Mapping[str, int]) -> int:
    """Trials that count towards a study's `trials`: all but the cancelled and the lost."""
    return sum(counts.values()) - number_in(UNCOUNTED, counts)


def is_fruitless(counts: Mapping[str, int]) -> bool:
    """Whether trials have failed or were lost, and none has a result."""
    return number_in(WASTED, counts) > 0 and number_in(VALUED, counts) == 0


def move_trial(state: TrialState, event: str, actor: Actor) -> TrialState:
    """Where a trial goes.

    Raises:
        IllegalMove: The table has no such move, or this actor may not cause it.
    """
    target, actors = TRIAL_MOVES.get((state, event), (None, frozenset()))
    if target is None or actor not in actors:
        raise IllegalMove(f"a {state} trial cannot {event} ({actor})")
    return target


def move_study(state: StudyState, event: str, actor: Actor) -> StudyState:
    """Where a study goes.

    Raises:
        IllegalMove: The table has no such move, or this actor may not cause it.
    """
    target, actors = STUDY_MOVES.get((state, event), (None, frozenset()))
    if target is None or actor not in actors:
        raise IllegalMove(f"a {state} study cannot {event} ({actor})")
    return target
