"""A study of that name is there: the same content again, or a file that was edited (`submit --update`).

Owns which content counts as the same (that of the last submission, whatever has been changed since) and which change a
study with results can take over: everything that `set` changes, and bounds and values of the space. A study without
any result takes every change (`starting_over`).
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from storage import queries, repository
from tuned.core.changes import settings
from tuned.core.changes.space import between, edited
from tuned.core.errors import Conflict
from tuned.core.states import StudyState
from tuned.core.study import Study, StudySpec
from tuned.daemon.search import space_versions
from tuned.daemon.studies import changing
from tuned.daemon.studies.starting_over import start_over, without_result

SHOWN_DIFFERENCES = 6
_HALTED = (StudyState.PAUSED, StudyState.STOPPED, StudyState.FAILED)


def resubmit(
    conn: Connection, study: Study, spec: StudySpec, environment: Mapping[str, str], update: bool, now: float
) -> list[str]:
    """Take in what is submitted under the name of a study that is there.

    A file that says what it said before, or what the study has become, changes nothing.

    Args:
        conn: The write connection.
        study: The study as it stands.
        spec: The specification submitted now.
        environment: The submitter's.
        update: Whether the study shall take over what was edited in the file.
        now: Unix seconds.

    Returns:
        `KEY: OLD -> NEW`, one a key.

    Raises:
        Conflict: The file says something else than before; with `update`: something that a study keeps for good.
            Nothing has changed.
    """
    before = queries.submitted_spec(conn, study.id)
    same = spec.content_hash() == before.content_hash()
    if same and not (update and spec.priority != before.priority):
        return []
    changed: list[str] = []
    if same or spec.content_hash() != study.spec.content_hash():
        if not update:
            raise Conflict(
                "there is a study of this name with other content: " + _few(before.differences(spec)),
                where=spec.name,
                hint="submit it --as another name, --update this one, or --replace it",
            )
        if without_result(conn, study):
            changed = study.spec.differences(spec)
            start_over(conn, study, spec, environment, now)
        else:
            changed = _take_over(conn, study, before, spec, now)
    repository.set_submitted(conn, study.id, spec)
    return changed


def begins_anew(conn: Connection, study: Study, spec: StudySpec) -> bool:
    """Whether `--replace` has something to replace.

    The content is neither what was submitted last nor what the study has become, or the study came to a stop and the
    code has been mended since. A study that runs or is completed stays: a job that submits it again is quiet.
    """
    known = (queries.submitted_spec(conn, study.id), study.spec)
    if all(spec.content_hash() != one.content_hash() for one in known):
        return True
    return study.state in _HALTED and spec.run.code_hash != study.spec.run.code_hash


def _few(differences: list[str]) -> str:
    """The first of them, so that a line stays one."""
    more = len(differences) - SHOWN_DIFFERENCES
    return "; ".join(differences[:SHOWN_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")


def _take_over(conn: Connection, study: Study, before: StudySpec, spec: StudySpec, now: float) -> list[str]:
    """Change what was edited in the file; what was changed elsewhere stays, where the file says nothing new of it."""
    changed: list[str] = []
    edit = between(before.space, spec.space)
    if not edit.empty:
        space = edited(study.spec.space, edit)
        made = space_versions.change(conn, study, space, ["its study file was edited"], "user", now)
        changed += [f"space.{line}" for line in made.changes]
        study = queries.study_by_id(conn, study.id)
    values = settings.between(before, spec)
    if spec.priority != before.priority:
        values["priority"] = spec.priority
    if values:
        changed += changing.change(conn, study, values, now).changed
    touched = {_path(line) for line in before.differences(spec)}
    present = queries.study_by_id(conn, study.id).spec
    left = [line for line in present.differences(spec) if _path(line) in touched]
    if left:
        raise Conflict(
            "these cannot change any more: " + "; ".join(left),
            where=study.name,
            hint="submit it --as another name; tunectl space adds and drops parameters",
        )
    return changed


def _path(difference: str) -> str:
    return difference.partition(": ")[0]
