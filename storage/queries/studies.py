"""Reads of studies. Owns no change."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, text

from storage import rows
from storage.json_text import load
from storage.models import IS_ACTIVE_STUDY, study_counts, study_specs
from storage.models import studies as table
from tuned.core.errors import NotFound
from tuned.core.study import Study, StudySpec

_ALL = rows.select_studies().order_by(table.c.created_at, table.c.id)
_ACTIVE = _ALL.where(text(f"studies.{IS_ACTIVE_STUDY}"))
_BY_NAME = rows.select_studies().where(table.c.name == bindparam("wanted"))
_BY_ID = rows.select_studies().where(table.c.id == bindparam("wanted"))
_COLUMNS = (study_counts.c.state, study_counts.c.n, study_counts.c.aside, study_counts.c.again)
_COUNTS_OF = select(*_COLUMNS).where(study_counts.c.study_id == bindparam("wanted"), study_counts.c.n > 0)
_COUNTS = select(study_counts.c.study_id, *_COLUMNS).where(study_counts.c.n > 0)
_ACTIVE_COUNTS = _COUNTS.join(table, table.c.id == study_counts.c.study_id).where(text(f"studies.{IS_ACTIVE_STUDY}"))
_SUBMITTED = select(study_specs.c.submitted).where(study_specs.c.study_id == bindparam("wanted"))
_ENVIRONMENT = select(study_specs.c.environment).where(study_specs.c.study_id == bindparam("wanted"))


def studies(conn: Connection, active_only: bool = False) -> list[Study]:
    """Every study, oldest first; `active_only` leaves out those that have ended."""
    counted: dict[int, list[Any]] = {}
    for study_id, *count in conn.execute(_ACTIVE_COUNTS if active_only else _COUNTS):
        counted.setdefault(study_id, []).append(count)
    found = conn.execute(_ACTIVE if active_only else _ALL)
    return [rows.to_study(row, counted.get(row[0], ())) for row in found]


def study(conn: Connection, name: str) -> Study | None:
    """The study of that name."""
    return _one(conn, _BY_NAME, name)


def find_study(conn: Connection, study_id: int) -> Study | None:
    """The study, or None when it has been deleted."""
    return _one(conn, _BY_ID, study_id)


def study_by_id(conn: Connection, study_id: int) -> Study:
    """The study.

    Raises:
        NotFound: It has been deleted.
    """
    found = _one(conn, _BY_ID, study_id)
    if found is None:
        raise NotFound("there is no such study", where=str(study_id))
    return found


def counts(conn: Connection, study_id: int) -> dict[str, int]:
    """Trial state -> number of the study's trials; states without trials are left out."""
    return {state: n for state, n, _, _ in conn.execute(_COUNTS_OF, {"wanted": study_id})}


def submitted_spec(conn: Connection, study_id: int) -> StudySpec:
    """The latest submission, without the changes made since.

    Raises:
        NotFound: The study has been deleted.
    """
    found = conn.execute(_SUBMITTED, {"wanted": study_id}).scalar()
    if found is None:
        raise NotFound("there is no such study", where=str(study_id))
    return rows.load_spec(found)


def study_environment(conn: Connection, study_id: int) -> dict[str, str]:
    """The environment captured at submission.

    Raises:
        NotFound: The study has been deleted.
    """
    found = conn.execute(_ENVIRONMENT, {"wanted": study_id}).scalar()
    if found is None:
        raise NotFound("there is no such study", where=str(study_id))
    environment: dict[str, str] = load(found)
    return environment


def _one(conn: Connection, statement: Select[Any], wanted: int | str) -> Study | None:
    row = conn.execute(statement, {"wanted": wanted}).first()
    if row is None:
        return None
    counted: list[Any] = list(conn.execute(_COUNTS_OF, {"wanted": row[0]}))
    return rows.to_study(row, counted)
