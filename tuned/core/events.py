"""Events, as they are stored and streamed: one row of the event table is one `Event`.

Owns the names of the event types and the shape of their data. Events say what changed; they carry no whole state.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from tuned.core.records import dataclass

STUDY_SUBMITTED = "study.submitted"  # {}, or {renamed: the name that it had}
STUDY_MOVED = "study.moved"  # {from, to, event, actor, reason}
STUDY_PRIORITY = "study.priority"  # {from, to}
STUDY_NOTE = "study.note"  # {text}: something a person should know, e.g. the advisor is late
STUDY_PHASE = "study.phase"  # {method, why}: points are chosen in another way from now on
STUDY_STEP = "study.step"  # {step, id, state, why}: a step of the playbook has begun, ended, or was steered
STUDY_CHANGED = "study.changed"  # {changes: ["search.trials: 50 -> 80", ...]}
STUDY_SPACE = "study.space"  # {version, origin, changes, why, kept, left_out, replaced: [number, ...]}
STUDY_DELETED = "study.deleted"  # {created_at}, or {renamed: the name that it has now}
TRIAL_QUEUED = "trial.queued"  # {params, origin, priority, why}
TRIAL_REPLACED = "trial.replaced"  # {params, origin, why, before, space}: a suggestion that had not started
TRIAL_MOVED = "trial.moved"  # {from, to, event, actor, attempt, failure, reason, device, values}
TRIAL_INTENT = "trial.intent"  # {stop_reason, actor, why}
TRIAL_FROZEN = "trial.frozen"  # {frozen, level, actor}: its processes stand still, or move again
TRIAL_PREEMPTED = "trial.preempted"  # {for, loss_s, rest_s, times}: it leaves; {from: [trial], loss_s}: it gets room
TRIAL_RUNG = "trial.rung"  # {rung, step, value, peers, passing, cutoff?, verdict}: early stopping has judged
TRIAL_PRIORITY = "trial.priority"  # {from, to}
MACHINE_CLOCK = "machine.clock"  # {ahead, text}: the wall clock was set by more than a minute; of no study
TRIAL_METRICS = "trial.metrics"  # {points, last: {name: value}, step, values, bad_lines, note?}: one ingest batch


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        seq: Strictly rising over the life of the database.
        at: Unix seconds.
        type: One of the names above.
        study: Name of the study; empty for an event of the machine.
        number: Number of the trial; None for events of a study or of the machine.
        data: See the comments beside the names.
        caller: The caller that asked for it, as it named itself; empty: a person, or the daemon by itself.
    """

    seq: int
    at: float
    type: str
    study: str
    number: int | None
    data: dict[str, Any] = field(default_factory=dict)
    caller: str = ""
