"""Writes of a study's playbook: its steps, how far they have come and what they gave.

Owns that row. Which step follows which is `tuned.core.playbook.steps`'s to say.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from storage.json_text import dump_record
from storage.models import studies
from storage.repository.events import add_event
from tuned.core import events
from tuned.core.errors import NotFound
from tuned.core.playbook.steps import Playbook

_NAME = select(studies.c.name).where(studies.c.id == bindparam("wanted"))
_SET = """INSERT INTO pipelines (study_id, steps) VALUES (?, ?)
    ON CONFLICT (study_id) DO UPDATE SET steps = excluded.steps"""


def set_playbook(conn: Connection, study_id: int, before: Playbook | None, after: Playbook, now: float) -> bool:
    """Store a study's playbook, with one event for each step whose state is another than before.

    Returns:
        Whether anything is different.

    Raises:
        NotFound: There is no such study.
    """
    if before == after:
        return False
    name = conn.execute(_NAME, {"wanted": study_id}).scalar()
    if name is None:
        raise NotFound("there is no such study", where=str(study_id))
    conn.exec_driver_sql(_SET, (study_id, dump_record({"steps": after.to_list()})))
    known = {} if before is None else {step.id: step.state for step in before.steps}
    for step in after.steps:
        if known.get(step.id) != step.state:
            data = {"step": step.name, "id": step.id, "state": step.state.value, "why": step.why}
            add_event(conn, events.STUDY_STEP, name, None, data, now)
    return True
