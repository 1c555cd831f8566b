"""A study of that name is there: the same content again, or a file that was edited (`submit --update`).

Owns which content counts as the same (that of the last submission, whatever has been changed since) and which change a
study with results can take over: everything that `set` changes, bounds and values of the space, and what only comes
after the search (`[finalize]`, `[test]`). A study without any result takes every change (`starting_over`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from storage import queries, repository
from tuned.core.changes import settings
from tuned.core.changes.space import between, edited
from tuned.core.errors import Conflict, InvalidInput
from tuned.core.playbook.spec import FINALIZE_STAGE
from tuned.core.playbook.steps import StepState
from tuned.core.states import StudyState
from tuned.core.study import Study, StudySpec
from tuned.daemon.playbook.finalizing import looks
from tuned.daemon.search import space_versions
from tuned.daemon.studies import changing
from tuned.daemon.studies.starting_over import start_over, without_result

SHOWN_DIFFERENCES = 6
REPLACE = "submit it --as another name, or --replace this one"
"""The remedy where the study cannot take over the change."""
_HALTED = (StudyState.PAUSED, StudyState.STOPPED, StudyState.FAILED)


@dataclass(frozen=True, slots=True)
class Content:
    """A specification that is submitted, and who submits it.

    Attributes:
        spec: As the file says it.
        here: As it begins on this machine: with one slot it goes one trial at a time, where the file leaves that open.
        environment: The submitter's.
    """

    spec: StudySpec
    here: StudySpec
    environment: Mapping[str, str]

    def says(self, known: StudySpec) -> bool:
        """Whether it is the same content."""
        return known.content_hash() in (self.spec.content_hash(), self.here.content_hash())


def resubmit(conn: Connection, study: Study, content: Content, update: bool, now: float) -> list[str]:
    """Take in what is submitted under the name of a study that is there.

    A file that says what it said before, or what the study has become, changes nothing.

    Args:
        conn: The write connection.
        study: The study as it stands.
        content: The specification submitted now.
        update: Whether the study shall take over what was edited in the file.
        now: Unix seconds.

    Returns:
        `KEY: OLD -> NEW`, one a key.

    Raises:
        Conflict: The file says something else than before; with `update`: something that a study keeps for good.
            Nothing has changed.
    """
    before = queries.submitted_spec(conn, study.id)
    spec, same = content.spec, content.says(before)
    if same and not (update and spec.priority != before.priority):
        return []
    changed: list[str] = []
    if same or not content.says(study.spec):
        if not update:
            raise Conflict(
                "there is a study of this name with other content: " + _few(before.differences(spec)),
                where=spec.name,
                hint=_ways_out(conn, study, before, spec, now),
            )
        if without_result(conn, study):
            wanted = _with_what_was_set(before, study.spec, content)
            changed = study.spec.differences(wanted)
            start_over(conn, study, wanted, content.environment, now)
        else:
            changed = _take_over(conn, study, before, spec, now)
    repository.set_submitted(conn, study.id, spec)
    return changed


def begins_anew(conn: Connection, study: Study, spec: StudySpec, here: StudySpec) -> bool:
    """Whether `--replace` has something to replace.

    The content is neither what was submitted last nor what the study has become, or the study came to a stop and the
    code has been mended since. A study that runs or is completed stays: a job that submits it again is quiet.
    """
    known = (queries.submitted_spec(conn, study.id), study.spec)
    if {spec.content_hash(), here.content_hash()}.isdisjoint(one.content_hash() for one in known):
        return True
    return study.state in _HALTED and spec.run.code_hash != study.spec.run.code_hash


def _ways_out(conn: Connection, study: Study, before: StudySpec, spec: StudySpec, now: float) -> str:
    """The remedies where other content has the name; `--update` is one only where it is not refused in turn.

    To know that, the change is made: the refusal that names the ways rolls it back.
    """
    try:
        if not without_result(conn, study):
            _take_over(conn, study, before, spec, now)
    except (Conflict, InvalidInput):
        return REPLACE
    return "submit it --as another name, --update this one, or --replace it"


def _few(differences: list[str]) -> str:
    """The first of them, so that a line stays one."""
    more = len(differences) - SHOWN_DIFFERENCES
    return "; ".join(differences[:SHOWN_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")


def _with_what_was_set(before: StudySpec, present: StudySpec, content: Content) -> StudySpec:
    """The file's specification, with what was changed elsewhere, where the file says nothing new of it."""
    edited_now = settings.between(before, content.spec)
    kept = {key: value for key, value in settings.between(before, present).items() if key not in edited_now}
    spec = settings.apply(content.here, 0, kept)[0] if kept else content.here
    return replace(spec, space=present.space) if between(before.space, spec.space).empty else spec


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
    study = queries.study_by_id(conn, study.id)
    later = _with_last_steps(conn, study, before, spec)
    if later != study.spec:
        changed += study.spec.differences(later)
        repository.update_spec(conn, study.id, later, now)
    touched = {_path(line) for line in before.differences(spec)}
    present = queries.study_by_id(conn, study.id).spec
    left = [line for line in present.differences(spec) if _path(line) in touched]
    if left:
        raise Conflict(
            "these cannot change any more: " + "; ".join(left),
            where=study.name,
            hint=f"{REPLACE}; tunectl space adds and drops parameters",
        )
    return changed


def _with_last_steps(conn: Connection, study: Study, before: StudySpec, spec: StudySpec) -> StudySpec:
    """The study's specification with the file's `[finalize]` and `[test]`, as far as they may still change.

    No trial of the search depends on them. While the step runs they stay, and so does the metric of a test set that was
    looked at.
    """
    present = study.spec
    if study.playbook is not None and study.playbook.last(FINALIZE_STAGE, StepState.RUNNING):
        return present
    if spec.finalize != before.finalize:
        present = replace(present, finalize=spec.finalize)
    metrics = {test.metric for test in (present.test, spec.test) if test is not None}
    if spec.test != before.test and ((spec.test and len(metrics) == 1) or not looks(conn, study).final):
        present = replace(present, test=spec.test)
    return present


def _path(difference: str) -> str:
    return difference.partition(": ")[0]
