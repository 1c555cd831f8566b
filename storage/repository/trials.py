"""Writes of trials outside their attempts: new ones, their place in the queue, intents, plain moves.

Owns the numbering and seeding of trials. The life of a process is `storage.repository.attempts`' work.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, or_, select, text, update

from storage.driver import driver_of
from storage.json_text import dump
from storage.models import IS_ACTIVE_STUDY, IS_QUEUED, studies, study_specs, trials
from storage.repository import early_stopping, moves
from storage.repository.events import add_event
from storage.repository.studies import offer_best
from storage.rows import load_spec
from storage.writer import CALLER
from tuned.core import events
from tuned.core.errors import Conflict, NotFound
from tuned.core.space import Point, canonical_key
from tuned.core.states import LIVE, TERMINAL, Actor, StoppedBy, StopReason, TrialState

_t = trials.c
ID_BY_NUMBER = select(_t.id).where(_t.study_id == bindparam("wanted"), _t.number == bindparam("which"))

PLAIN_MOVES = frozenset({"cancel", "resume", "prune"})
"""Events that concern no end of a process."""

_STRENGTH = {None: 0, StopReason.PAUSE: 1, StopReason.PRUNE: 1, StopReason.CANCEL: 2, StopReason.KILL: 3}

_STUDY = (
    select(studies.c.name, studies.c.next_number, studies.c.caller, study_specs.c.spec, study_specs.c.space)
    .join(study_specs, study_specs.c.study_id == studies.c.id)
    .where(studies.c.id == bindparam("wanted"))
)
_NEXT_NUMBER = update(studies).where(studies.c.id == bindparam("wanted")).values(next_number=bindparam("number"))
_COLUMNS = (
    "study_id", "number", "state", "params", "point_key", "priority", "rank", "origin", "why", "seed", "stage", "space",
    "retry_of", "created_at", "caller", "moved_seq",
)  # fmt: skip
_INSERT = f"INSERT INTO trials ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
_SET_INTENT = (
    update(trials)
    .where(_t.id == bindparam("wanted"), _t.state == bindparam("seen"))
    .values(
        stop_reason=bindparam("new_reason"),
        stop_at=bindparam("now"),
        stopped_by=bindparam("new_by"),
        reason=bindparam("new_why"),
        requeue=bindparam("new_requeue"),
    )
)
_SET_FROZEN = (
    update(trials)
    .where(
        _t.id == bindparam("wanted"),
        _t.state == TrialState.RUNNING.value,
        or_(_t.frozen != bindparam("new"), _t.frozen_by != bindparam("level"), _t.requeue != bindparam("new_requeue")),
    )
    .values(
        frozen=bindparam("new"),
        frozen_by=bindparam("level"),
        still_s=moves.stood_still("now"),
        still_since=case((bindparam("new") == 1, bindparam("now"))),
        requeue=case((_t.stop_reason.is_(None), bindparam("new_requeue")), else_=_t.requeue),
    )
)
_SET_REQUEUE = (
    update(trials)
    .where(_t.id == bindparam("wanted"), _t.stop_reason == StopReason.PAUSE.value, _t.requeue != bindparam("new"))
    .values(requeue=bindparam("new"))
)
_SET_PRIORITY = update(trials).where(_t.id == bindparam("wanted")).values(priority=bindparam("new"))
_HIGHEST_QUEUED = (
    select(_t.priority)
    .where(_t.study_id == studies.c.id, text(IS_QUEUED), _t.id != bindparam("wanted"))
    .order_by(_t.priority.desc())
    .limit(1)
    .scalar_subquery()
)
_HIGHEST = select(func.max(studies.c.priority + _HIGHEST_QUEUED)).where(text(f"studies.{IS_ACTIVE_STUDY}"))
_STUDY_PRIORITY = select(studies.c.priority).where(studies.c.id == bindparam("wanted"))


@dataclass(frozen=True, slots=True)
class NewTrial:
    """A trial to be queued.

    Attributes:
        params: The point, in the types of the space.
        rank: 0 for a user's own point, which runs before suggested ones of the same priority; else 1.
        retry_of: Number of the trial that this one repeats.
        number: Its number; None: the next.
        seed: Its seed; None: from the study's seed and its number.
    """

    params: Point
    origin: str
    why: str = ""
    priority: int = 0
    rank: int = 1
    stage: str = "search"
    retry_of: int | None = None
    number: int | None = None
    seed: int | None = None


def trial_seed(study_seed: int, number: int | str) -> int:
    """The seed of a trial, or of what a word names: 31 bits that depend on nothing else."""
    return int.from_bytes(hashlib.sha256(f"{study_seed}/{number}".encode()).digest()[:4], "big") >> 1


def add_trials(conn: Connection, study_id: int, new: Sequence[NewTrial], now: float) -> list[int]:
    """Queue trials.

    Returns:
        Their numbers, in the order given.

    Raises:
        Conflict: A number that was asked for is taken.
        NotFound: There is no such study.
    """
    study = conn.execute(_STUDY, {"wanted": study_id}).first()
    if study is None:
        raise NotFound("there is no such study", where=str(study_id))
    seed = load_spec(study.spec).search.seed
    following, numbers = study.next_number, []
    for trial in new:
        number = following if trial.number is None else trial.number
        following = max(following, number + 1)
        numbers.append(number)
        own = trial_seed(seed, number) if trial.seed is None else trial.seed
        _add_one(conn, study_id, study, trial, number, own, now)
    if following != study.next_number:
        conn.execute(_NEXT_NUMBER, {"wanted": study_id, "number": following})
    return numbers


def _add_one(conn: Connection, study_id: int, study: Any, trial: NewTrial, number: int, seed: int, now: float) -> None:
    data = {"params": trial.params, "origin": trial.origin, "priority": trial.priority, "why": trial.why}
    row = {
        "study_id": study_id,
        "number": number,
        "state": TrialState.QUEUED.value,
        "params": dump(trial.params),
        "point_key": canonical_key(trial.params),
        "priority": trial.priority,
        "rank": trial.rank,
        "origin": trial.origin,
        "why": trial.why,
        "seed": seed,
        "stage": trial.stage,
        "space": study.space,
        "retry_of": trial.retry_of,
        "created_at": now,
        "caller": conn.info.get(CALLER) or study.caller,
        "moved_seq": add_event(conn, events.TRIAL_QUEUED, study.name, number, data, now),
    }
    try:
        driver_of(conn).execute(_INSERT, row)  # `enqueue` adds thousands in one transaction
    except sqlite3.IntegrityError as error:
        raise Conflict("the number is taken", where=f"{study.name}/{number}") from error


def move_trial(conn: Connection, trial_id: int, event: str, actor: Actor, now: float, reason: str = "") -> TrialState:
    """A move that ends no process: `cancel`, `resume`, `prune`.

    Returns:
        The new state.

    Raises:
        IllegalMove: The table has no such move, or this actor may not cause it.
        NotFound: There is no such trial.
        ValueError: It is an event of an attempt.
    """
    if event not in PLAIN_MOVES:
        raise ValueError(f"{event} is an attempt's event")
    trial = moves.read(conn, trial_id)
    trial.reason = reason
    if event == "prune":
        trial.summarise(conn)
        trial.stopped_by = StoppedBy.USER if actor is Actor.USER else trial.stopped_by or StoppedBy.STUDY
    target = moves.move(conn, trial, event, actor, now)
    if event == "resume":
        early_stopping.released(conn, trial_id)
    if target is TrialState.PRUNED:
        offer_best(conn, trial.study_id, trial.id, trial.spec.objective)
    return target


def set_intent(
    conn: Connection,
    trial_id: int,
    reason: StopReason,
    actor: Actor,
    now: float,
    why: str = "",
    by: StoppedBy = StoppedBy.USER,
    requeue: bool = False,
) -> bool:
    """Ask a live attempt to end. The first reason stays, but cancel overrides it, and kill everything.

    Args:
        conn: The write connection.
        trial_id: The trial.
        reason: The intent.
        actor: Cause of the move, for the event.
        now: Unix seconds.
        why: The same for a person, one line; the trial's `reason` once it has ended by this.
        by: The rule behind it, or the person.
        requeue: Of a pause: the trial is queued as soon as its process has ended.

    Returns:
        Whether this is the reason from now on, and was not before; False for a trial that is not live.

    Raises:
        NotFound: There is no such trial.
    """
    trial = moves.read(conn, trial_id)
    present = None if trial.stop_reason is None else StopReason(trial.stop_reason)
    if trial.state not in LIVE or _STRENGTH[reason] <= _STRENGTH[present]:
        return False
    new = {"new_reason": reason.value, "now": now, "new_by": by.value, "new_why": why, "new_requeue": int(requeue)}
    conn.execute(_SET_INTENT, {"wanted": trial_id, "seen": trial.state.value, **new})
    data = {"stop_reason": reason.value, "actor": actor.value, "why": why, "stopped_by": by.value}
    add_event(conn, events.TRIAL_INTENT, trial.study, trial.number, data, now)
    return True


def set_frozen(
    conn: Connection, trial_id: int, frozen: bool, level: str, actor: Actor, now: float, requeue: bool = False
) -> bool:
    """Note that a running trial's processes shall stand still, or move again.

    Args:
        conn: The write connection.
        trial_id: The trial.
        frozen: Whether they stand still.
        level: By which level of pausing; of a trial that moves again, the cause.
        actor: Cause of the move, for the event.
        now: Unix seconds.
        requeue: The trial goes on by itself, without a person.

    Returns:
        Whether that is a change.

    Raises:
        NotFound: There is no such trial.
    """
    trial = moves.read(conn, trial_id)
    new = {
        "wanted": trial_id,
        "new": int(frozen),
        "level": level if frozen else "",
        "now": now,
        "new_requeue": int(requeue),
    }
    if not conn.execute(_SET_FROZEN, new).rowcount:
        return False
    data = {"frozen": frozen, "level": level, "actor": actor.value}
    add_event(conn, events.TRIAL_FROZEN, trial.study, trial.number, data, now)
    return True


def set_requeue(conn: Connection, trial_id: int, requeue: bool, actor: Actor, now: float) -> bool:
    """Note whether a trial that is being paused goes on by itself then; whether that is a change.

    Raises:
        NotFound: There is no such trial.
    """
    trial = moves.read(conn, trial_id)
    if not conn.execute(_SET_REQUEUE, {"wanted": trial_id, "new": int(requeue)}).rowcount:
        return False
    data = {"stop_reason": trial.stop_reason, "actor": actor.value, "why": "", "stopped_by": trial.stopped_by}
    add_event(conn, events.TRIAL_INTENT, trial.study, trial.number, data, now)
    return True


def set_priority(conn: Connection, trial_id: int, priority: int, now: float) -> bool:
    """Change a trial's place in the queue; for one that runs or is paused, its place when it comes back.

    Returns:
        Whether that is a change.

    Raises:
        Conflict: It has ended.
        NotFound: There is no such trial.
    """
    trial = moves.read(conn, trial_id)
    if trial.state in TERMINAL:
        raise Conflict(f"it is {trial.state} already", where=trial.where)
    if trial.priority == priority:
        return False
    conn.execute(_SET_PRIORITY, {"wanted": trial_id, "new": priority})
    data = {"from": trial.priority, "to": priority}
    add_event(conn, events.TRIAL_PRIORITY, trial.study, trial.number, data, now)
    return True


def make_next(conn: Connection, trial_id: int, now: float) -> int:
    """Put a queued trial before all others, those of other studies included.

    Returns:
        Its priority now.

    Raises:
        Conflict: It is not queued.
        NotFound: There is no such trial.
    """
    trial = moves.read(conn, trial_id)
    if trial.state is not TrialState.QUEUED:
        raise Conflict(f"it is {trial.state}", where=trial.where, hint="only a queued trial can be next")
    highest = conn.execute(_HIGHEST, {"wanted": trial_id}).scalar()
    own = conn.execute(_STUDY_PRIORITY, {"wanted": trial.study_id}).scalar_one()
    priority = trial.priority if highest is None else max(trial.priority, highest + 1 - own)
    set_priority(conn, trial_id, priority, now)
    return int(priority)
