"""Writes of preemption: trials that stop for an urgent one, in one transaction. The choice is not made here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from storage.json_text import load
from storage.repository import moves
from storage.repository.events import add_event
from storage.repository.moves import MovingTrial
from storage.repository.restoring import set_retries_used
from storage.repository.trials import set_intent
from tuned.core import events
from tuned.core.queue.preempting import PREEMPTED
from tuned.core.states import Actor, StopReason, TrialState


def preempt(conn: Connection, victims: Mapping[int, Mapping[str, Any]], trial_id: int, now: float) -> list[int]:
    """Have live trials stop and be queued again, so that another one can start; each of them counts it.

    Args:
        conn: The write connection.
        victims: Trial id -> what it costs: `loss_s` and `rest_s`.
        trial_id: The one that they make room for.
        now: Unix seconds.

    Returns:
        Ids of those that are asked to stop from now on; none when the trial waits no longer.
    """
    gainer = moves.read(conn, trial_id)
    if gainer.state is not TrialState.QUEUED:
        return []
    found: list[MovingTrial] = []
    for victim_id, evidence in victims.items():
        why = f"makes room for {gainer.where}"
        if not set_intent(conn, victim_id, StopReason.PAUSE, Actor.SCHEDULER, now, why, requeue=True):
            continue
        victim = moves.read(conn, victim_id)
        used = load(victim.retries_used)
        used[PREEMPTED] = used.get(PREEMPTED, 0) + 1
        set_retries_used(conn, victim_id, used)
        data = {"for": gainer.where, **evidence, "times": used[PREEMPTED]}
        add_event(conn, events.TRIAL_PREEMPTED, victim.study, victim.number, data, now)
        found.append(victim)
    if found:
        loss = sum(float(victims[victim.id]["loss_s"]) for victim in found)
        data = {"from": [victim.where for victim in found], "loss_s": loss}
        add_event(conn, events.TRIAL_PREEMPTED, gainer.study, gainer.number, data, now)
    return [victim.id for victim in found]
