"""The one way in which a trial changes its state.

Owns the compare-and-set and its event. `tuned.core.states` holds the moves that are allowed, and their actors; reasons
are the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, select, update

from storage.json_text import dump_values, load_values
from storage.models import studies, study_specs, trials
from storage.problems import StaleState
from storage.repository.events import add_event
from storage.rows import load_spec
from storage.summaries import summaries
from tuned.core import events, states
from tuned.core.errors import NotFound
from tuned.core.states import LIVE, TERMINAL, Actor, Failure, StoppedBy, TrialState
from tuned.core.study import SEARCH, Objective, StudySpec
from tuned.protocol import encode_numbers

_t = trials.c

_READ = (
    select(
        _t.id,
        _t.study_id,
        studies.c.name.label("study"),
        _t.number,
        _t.state,
        _t.attempt,
        _t.device,
        _t.values_json.label("values"),
        _t.value,
        _t.priority,
        _t.stop_reason,
        _t.stop_at,
        _t.retries_used,
        _t.started_at,
        _t.last_step,
        study_specs.c.spec,
        _t.stage,
        _t.stopped_by,
        _t.requeue,
    )
    .select_from(
        trials.join(studies, _t.study_id == studies.c.id).join(study_specs, _t.study_id == study_specs.c.study_id)
    )
    .where(_t.id == bindparam("wanted"))
)

_STOPPED = frozenset({TrialState.PAUSED, TrialState.PRUNED})
"""States whose cause is kept: a trial that ends while it is paused ends by what paused it."""


def stood_still(now: str) -> ColumnElement[float]:
    """Seconds for which the trial's latest run has stood still up to the moment that is bound under this name."""
    return _t.still_s + func.max(0.0, func.coalesce(bindparam(now) - _t.still_since, 0.0))


_MOVED = (
    "state",
    "attempt",
    "device",
    "values_json",
    "value",
    "failure",
    "reason",
    "retries_used",
    "started_at",
    "stopped_by",
    "requeue",
)
_MOVE = (
    update(trials)
    .where(_t.id == bindparam("wanted"), _t.state == bindparam("seen"))
    .values({name: bindparam(f"new_{name}") for name in (*_MOVED, "stop_reason", "stop_at", "ended_at", "moved_seq")})
    # Every change of state clears the flag: only a running trial is frozen (ADR 9).
    # Its clock stands still from the end of a run on, until the next one begins: a night of waiting is none of running.
    .values(
        frozen=0,
        frozen_by="",
        still_s=case((bindparam("begins"), 0.0), else_=stood_still("now")),
        still_since=case((bindparam("waits"), bindparam("now"))),
    )
)


@dataclass(slots=True)
class MovingTrial:
    """Columns of a trial that a move reads and may write back."""

    id: int
    study_id: int
    study: str
    number: int
    state: TrialState
    attempt: int
    device: str
    values: dict[str, float]
    value: float | None
    priority: int
    stop_reason: str | None
    stop_at: float | None
    retries_used: str
    started_at: float | None
    last_step: float | None
    spec: StudySpec
    stage: str = SEARCH
    stopped_by: str = ""
    requeue: int = 0
    failure: Failure | None = None
    reason: str = ""

    @property
    def where(self) -> str:
        """`STUDY/NUMBER`."""
        return f"{self.study}/{self.number}"

    def summarise(self, conn: Connection) -> None:
        """Sum up everything stored, so that the values are exact."""
        self.set_values(summaries(conn, self.id, self.measured))

    @property
    def measured(self) -> tuple[Objective, ...]:
        """Counters of the study that the trial counts towards."""
        return self.spec.measured_in(self.stage)

    def set_values(self, values: dict[str, float]) -> None:
        """Set the summaries and with them the first objective's."""
        self.values = values
        objective = self.spec.objective
        value = values.get(objective.metric) if objective is not None else None
        # `ranking.Ranking.tier` in the form that SQL can read: NULL keeps a trial out of the ranking.
        ranked = value is not None and value == value and self.stage == SEARCH and self.spec.feasible(values)
        self.value = value if ranked else None


def read(conn: Connection, trial_id: int) -> MovingTrial:
    """The trial as it stands.

    Raises:
        NotFound: There is no such trial.
    """
    row = conn.execute(_READ, {"wanted": trial_id}).first()
    if row is None:
        raise NotFound("there is no such trial", where=str(trial_id))
    found = dict(row._mapping)
    found |= {"state": TrialState(row.state), "values": load_values(found["values"]), "spec": load_spec(row.spec)}
    return MovingTrial(**found)


def move(
    conn: Connection, trial: MovingTrial, event: str, actor: Actor, now: float, ended_at: float | None = None
) -> TrialState:
    """Write the trial in its new state, and the event.

    Args:
        conn: The write connection.
        trial: As it was read.
        event: One of the state table's.
        actor: The cause.
        now: Unix seconds: the event's.
        ended_at: The trial's end, where it lies before the moment in which it was seen; None: `now`.

    Raises:
        IllegalMove: The table has no such move, or this actor may not cause it.
        StaleState: It has moved since it was read.
    """
    before = trial.state
    target = states.move_trial(before, event, actor)
    data = {
        "from": before.value,
        "to": target.value,
        "event": event,
        "actor": actor.value,
        "attempt": trial.attempt,
        "failure": trial.failure.value if trial.failure else None,
        "reason": trial.reason,
        "device": trial.device,
        "values": encode_numbers(trial.values),
    }
    asked = before in LIVE and target in LIVE
    cut_by_disk = target is TrialState.COMPLETED and trial.stopped_by == StoppedBy.DISK
    if not asked and target not in _STOPPED and not cut_by_disk:
        trial.stopped_by = ""
    if trial.stopped_by:
        data["stopped_by"] = trial.stopped_by
    seq = add_event(conn, events.TRIAL_MOVED, trial.study, trial.number, data, now)
    new = {
        "wanted": trial.id,
        "seen": before.value,
        "begins": target is TrialState.RUNNING,
        "waits": target is not TrialState.RUNNING and target not in TERMINAL and trial.started_at is not None,
        "now": now if ended_at is None else ended_at,
        "new_state": target.value,
        "new_attempt": trial.attempt,
        "new_device": trial.device,
        "new_values_json": dump_values(trial.values),
        "new_value": trial.value,
        # A trial that is tried again has not failed; its attempt has.
        "new_failure": trial.failure.value if trial.failure and target in TERMINAL else None,
        "new_reason": trial.reason,
        "new_retries_used": trial.retries_used,
        "new_started_at": trial.started_at,
        "new_ended_at": (now if ended_at is None else ended_at) if target in TERMINAL else None,
        "new_moved_seq": seq,
        "new_stopped_by": trial.stopped_by,
        "new_requeue": trial.requeue if asked else 0,
        "new_stop_reason": trial.stop_reason if asked else None,
        "new_stop_at": trial.stop_at if asked else None,
    }
    if conn.execute(_MOVE, new).rowcount != 1:
        raise StaleState("the trial has moved meanwhile", where=trial.where)
    trial.state = target
    return target
