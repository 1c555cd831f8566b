"""Studies that others begin from: by their results (`search.from`), or by the checkpoint of one of their trials.

Owns the refusal to take such a study away while another one needs it.
"""

from __future__ import annotations

from sqlalchemy import Connection

from storage import queries
from tuned.core.errors import Conflict
from tuned.core.study import Study
from tuned.daemon.files.pretrained import needed


def refuse_used(conn: Connection, study: Study) -> None:
    """Refuse to take a study's name away while another one looks it up by that.

    Raises:
        Conflict: One that has not ended begins from it.
    """
    others = {s.name: s.spec for s in queries.studies(conn, active_only=True) if s.id != study.id}
    for other, spec in others.items():
        if study.name in spec.search.sources or any(name == study.name for name, _ in needed({other: spec})):
            hint = f"wait for it, or tunectl cancel {other}"
            raise Conflict(f"{other} begins from it, by its name", where=study.name, hint=hint)
