"""Writes of studies.

Owns a study's row: its state, clocks, words to people and specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, literal_column, select, update

from storage.json_text import dump
from storage.models import studies, study_counts, study_specs, trials
from storage.problems import StaleState
from storage.repository import callers
from storage.repository.events import add_event
from storage.repository.spaces import first_space
from storage.rows import load_spec
from storage.writer import CALLER
from tuned.core import events, states
from tuned.core.errors import Conflict, NotFound
from tuned.core.ranking import Tier
from tuned.core.states import LIVE, STUDY_ENDED, STUDY_WORKING, Actor, PausedBy, StudyState
from tuned.core.study import Objective, StudySpec

_BY_NAME = select(studies.c.id).where(studies.c.name == bindparam("wanted"))
_BY_ID = select(
    studies.c.name,
    studies.c.state,
    studies.c.note,
    studies.c.phase,
    studies.c.priority,
    studies.c.created_at,
    studies.c.running_s,
    studies.c.running_since,
).where(studies.c.id == bindparam("wanted"))
_SPEC = select(study_specs.c.spec).where(study_specs.c.study_id == bindparam("wanted"))
_MOVE = (
    update(studies)
    .where(studies.c.id == bindparam("wanted"), studies.c.state == bindparam("seen"))
    .values(
        {c: bindparam(f"new_{c}") for c in ("state", "reason", "paused_by", "ended_at", "running_s", "running_since")}
    )
)
_HAS_LIVE = select(study_counts.c.n).where(
    study_counts.c.study_id == bindparam("wanted"),
    study_counts.c.state.in_([literal_column(f"'{state}'") for state in LIVE]),
    study_counts.c.n > 0,
)
_HAS_RUNGS = "SELECT 1 FROM rungs WHERE study_id = ? LIMIT 1"
_HAS_RESULTS: Select[Any] = (
    select(literal_column("1")).where(trials.c.study_id == bindparam("wanted"), trials.c.values_json != "{}").limit(1)
)

_PLACE = select(trials.c.tier, trials.c.value, trials.c.number)
_BEST = _PLACE.join(studies, studies.c.best_trial_id == trials.c.id).where(studies.c.id == bindparam("wanted"))
_OFFERED = _PLACE.where(trials.c.id == bindparam("trial"))
_TEST_LOOK = update(studies).where(studies.c.id == bindparam("wanted")).values(test_looks=studies.c.test_looks + 1)
_SET_BEST = update(studies).where(studies.c.id == bindparam("wanted")).values(best_trial_id=bindparam("trial"))


def create_study(conn: Connection, spec: StudySpec, environment: Mapping[str, str], now: float) -> int:
    """Store a new, running study, with the submitter's whole environment.

    Returns:
        Its id.

    Raises:
        Conflict: There is one of that name.
    """
    if conn.execute(_BY_NAME, {"wanted": spec.name}).first() is not None:
        raise Conflict(
            "there is a study of that name", where=spec.name, hint="choose another name, or delete that study"
        )
    row = {
        "name": spec.name,
        "state": StudyState.RUNNING.value,
        "priority": spec.priority,
        "created_at": now,
        "running_since": now,
        "caller": conn.info.get(CALLER, ""),
    }
    study_id = conn.execute(insert(studies), row).lastrowid
    fixed = {
        "study_id": study_id,
        "spec": dump(spec.to_dict()),
        "submitted": dump(spec.to_dict()),
        "content_hash": spec.content_hash(),
        "environment": dump(dict(environment)),
    }
    conn.execute(insert(study_specs), fixed)
    first_space(conn, study_id, spec.space, now)
    add_event(conn, events.STUDY_SUBMITTED, spec.name, None, {}, now)
    return study_id


def move_study(
    conn: Connection,
    study_id: int,
    event: str,
    actor: Actor,
    now: float,
    reason: str = "",
    paused_by: PausedBy | None = None,
) -> StudyState:
    """Move a study by its state table.

    Args:
        conn: The write connection.
        study_id: Which.
        event: One of the state table's.
        actor: The cause.
        now: Unix seconds.
        reason: Why, for people.
        paused_by: Of a pause: who it is that pauses it; None: the actor.

    Returns:
        Its new state.

    Raises:
        IllegalMove: The table has no such move, or this actor may not cause it.
        NotFound: There is no such study.
    """
    row = _row(conn, study_id)
    state = StudyState(row.state)
    target = states.move_study(state, event, actor)
    spent, since = row.running_s, row.running_since
    if since is not None:
        # A clock that was set back must not give time back.
        spent += max(0.0, now - since)
    new = {
        "wanted": study_id,
        "seen": row.state,
        "new_state": target.value,
        "new_reason": reason,
        "new_paused_by": (paused_by or _pauses(actor)).value if target is StudyState.PAUSED else "",
        "new_ended_at": now if target in STUDY_ENDED else None,
        "new_running_s": spent,
        "new_running_since": now if target in STUDY_WORKING else None,
    }
    if conn.execute(_MOVE, new).rowcount != 1:
        raise StaleState("the study has moved meanwhile", where=row.name)
    data = {"from": state.value, "to": target.value, "event": event, "actor": actor.value, "reason": reason}
    add_event(conn, events.STUDY_MOVED, row.name, None, data, now)
    return target


def _pauses(actor: Actor) -> PausedBy:
    return PausedBy.USER if actor is Actor.USER else PausedBy.DAEMON


def set_study_note(conn: Connection, study_id: int, note: str, now: float) -> bool:
    """Say something that a person should know now; empty takes it back.

    Returns:
        Whether it is another text than before.
    """
    row = _row(conn, study_id)
    if row.note == note:
        return False
    conn.execute(update(studies).where(studies.c.id == study_id).values(note=note))
    add_event(conn, events.STUDY_NOTE, row.name, None, {"text": note}, now)
    return True


def set_study_phase(conn: Connection, study_id: int, method: str, why: str, now: float) -> bool:
    """Say how the study's points are chosen from now on, and why; whether that is another method than before."""
    row = _row(conn, study_id)
    if row.phase.partition(":")[0] == method:
        return False
    conn.execute(update(studies).where(studies.c.id == study_id).values(phase=f"{method}: {why}"))
    add_event(conn, events.STUDY_PHASE, row.name, None, {"method": method, "why": why}, now)
    return True


def set_study_priority(conn: Connection, study_id: int, priority: int, now: float) -> bool:
    """Change how the study's trials rank among those of others; whether that is a change."""
    row = _row(conn, study_id)
    if row.priority == priority:
        return False
    conn.execute(update(studies).where(studies.c.id == study_id).values(priority=priority))
    add_event(conn, events.STUDY_PRIORITY, row.name, None, {"from": row.priority, "to": priority}, now)
    return True


def delete_study(conn: Connection, study_id: int, now: float) -> None:
    """Remove a study with its trials and their observations; its events stay.

    Raises:
        Conflict: Some of its trials are live.
        NotFound: There is no such study.
    """
    row = _row(conn, study_id)
    if conn.execute(_HAS_LIVE, {"wanted": study_id}).first() is not None:
        raise Conflict(
            "some of its trials are live", where=row.name, hint=f"cancel it first: tunectl cancel {row.name}"
        )
    callers.keep_spent(conn, study_id, now)
    conn.execute(delete(studies).where(studies.c.id == study_id))
    add_event(conn, events.STUDY_DELETED, row.name, None, {"created_at": row.created_at}, now)


def rename_study(conn: Connection, study_id: int, name: str, now: float, *, live: bool = False) -> None:
    """Give an ended study another name; its run directories are to lie under it when this is committed.

    Args:
        conn: The write connection.
        study_id: The study.
        name: A free one.
        now: Unix seconds.
        live: Allow live trials, in a rehearsal that is taken back.

    Raises:
        Conflict: Some of its trials are live: they write where they began.
        NotFound: There is no such study.
    """
    row = _row(conn, study_id)
    if not live and conn.execute(_HAS_LIVE, {"wanted": study_id}).first() is not None:
        raise Conflict("some of its trials still run", where=row.name, hint=f"tunectl cancel {row.name}, and try again")
    conn.execute(update(studies).where(studies.c.id == study_id).values(name=name))
    kept = conn.execute(select(study_specs).where(study_specs.c.study_id == study_id)).one()
    spec, submitted = (replace(load_spec(text), name=name) for text in (kept.spec, kept.submitted))
    conn.execute(
        update(study_specs)
        .where(study_specs.c.study_id == study_id)
        .values(spec=dump(spec.to_dict()), submitted=dump(submitted.to_dict()), content_hash=spec.content_hash())
    )
    before, after = f"runs/{row.name}/", f"runs/{name}/"
    conn.exec_driver_sql(
        "UPDATE attempts SET run_dir = ? || substr(run_dir, ?) WHERE substr(run_dir, 1, ?) = ?"
        " AND trial_id IN (SELECT id FROM trials WHERE study_id = ?)",
        (after, len(before) + 1, len(before), before, study_id),
    )
    # Followers of the old name let go of it, and find the study under the new one.
    add_event(conn, events.STUDY_DELETED, row.name, None, {"renamed": name}, now)
    add_event(conn, events.STUDY_SUBMITTED, name, None, {"renamed": row.name}, now)


def update_spec(conn: Connection, study_id: int, spec: StudySpec, now: float) -> bool:
    """Replace what the submission fixed; the study's name, priority and environment stay.

    Returns:
        Whether the contents differ.

    Raises:
        Conflict: The name differs, or the objectives do and there are results: they were summed up by the old;
            or the rungs do and trials have been judged at them.
        NotFound: There is no such study.
    """
    row = _row(conn, study_id)
    old = load_spec(conn.execute(_SPEC, {"wanted": study_id}).scalar_one())
    if spec.name != row.name:
        raise Conflict("a study keeps its name", where=row.name, hint="submit it as another study")
    has_results = conn.execute(_HAS_RESULTS, {"wanted": study_id}).first() is not None
    if has_results and _judgement(old) != _judgement(spec):
        raise Conflict(
            "the objective and constraints of a study that has results stay",
            where=row.name,
            hint="submit it under another name",
        )
    moved = _rungs(spec) not in (None, _rungs(old))
    if moved and conn.exec_driver_sql(_HAS_RUNGS, (study_id,)).first() is not None:
        raise Conflict(
            "trials have been judged at the rungs of early stopping, so those stay",
            where=row.name,
            hint="change patience, rescue or max_step, or end it with early_stopping.method=none",
        )
    changes = old.differences(spec)
    conn.execute(
        update(study_specs)
        .where(study_specs.c.study_id == study_id)
        .values(spec=dump(spec.to_dict()), content_hash=spec.content_hash())
    )
    if changes:
        add_event(conn, events.STUDY_CHANGED, row.name, None, {"changes": changes}, now)
    return bool(changes)


def set_environment(conn: Connection, study_id: int, environment: Mapping[str, str]) -> None:
    """Replace the environment that the study's trials start from."""
    conn.execute(
        update(study_specs).where(study_specs.c.study_id == study_id).values(environment=dump(dict(environment)))
    )


def set_submitted(conn: Connection, study_id: int, spec: StudySpec) -> None:
    """Remember what was submitted last, which the next submission is compared with."""
    conn.execute(update(study_specs).where(study_specs.c.study_id == study_id).values(submitted=dump(spec.to_dict())))


def offer_best(conn: Connection, study_id: int, trial_id: int, objective: Objective | None) -> None:
    """Make this ended trial the study's best if it ranks before the best so far (`tuned.core.ranking`)."""
    if objective is None:
        return
    offered = conn.execute(_OFFERED, {"trial": trial_id}).one()
    if offered.tier == Tier.NONE:
        return
    best = conn.execute(_BEST, {"wanted": study_id}).first()
    places = [(row.tier, objective.sign * row.value, row.number) for row in (offered, best) if row is not None]
    if places == sorted(places):
        conn.execute(_SET_BEST, {"wanted": study_id, "trial": trial_id})


def count_test_look(conn: Connection, study_id: int) -> None:
    """Note that an analysis measures on the test set."""
    conn.execute(_TEST_LOOK, {"wanted": study_id})


def _judgement(spec: StudySpec) -> tuple[Any, ...]:
    objectives = [(o.metric, o.direction, o.summary, o.last_n) for o in spec.objectives]
    return objectives, spec.constraints


def _rungs(spec: StudySpec) -> tuple[Any, ...] | None:
    """The specification of the rungs and of the trials that count there; None where no trial is judged any more."""
    rule = spec.early_stopping
    if rule is None or rule.method == "none":
        return None
    return rule.method, rule.min_step, rule.keep if rule.method == "i-epoch" else rule.reduction_factor


def _row(conn: Connection, study_id: int) -> Any:
    row = conn.execute(_BY_ID, {"wanted": study_id}).first()
    if row is None:
        raise NotFound("there is no such study", where=str(study_id))
    return row
