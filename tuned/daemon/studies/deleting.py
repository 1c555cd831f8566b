"""`delete`: an ended or paused study goes, with its trials and run directories.

Owns that transaction: the folders are moved aside within it and removed after it, so that a crash loses neither side.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from storage import repository
from tuned.core import words
from tuned.core.errors import Conflict
from tuned.core.states import OPEN, STUDY_ENDED, StudyState, number_in
from tuned.core.study import Study
from tuned.daemon import clock, failpoints, resolving
from tuned.daemon.attempts import second_places
from tuned.daemon.files import records
from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.studies.used import refuse_used
from tuned.wire import Changed

router = make_router("studies")


@router.delete("/studies/{name}")
async def delete(name: str, given: Given) -> Changed:
    """Delete an ended or paused study with its trials and run directories."""

    def remove(conn: Connection) -> int:
        study = resolving.named(conn, name)
        kept.extend(second_places.of_study(conn, study.id, given.runs))
        if study.state not in STUDY_ENDED and study.state is not StudyState.PAUSED:
            raise _refusal(study)
        refuse_used(conn, study)
        repository.delete_study(conn, study.id, clock.now())
        if not given.dry_run:
            graves.extend(filter(None, [given.graveyard.bury(name)]))
        return study.id

    graves: list[Path] = []
    kept: list[Path] = []
    try:
        study_id = await given.commit(remove)
    except Exception:
        for grave in graves:
            given.graveyard.give_back(grave)
        raise
    if given.dry_run:
        return Changed([name])
    failpoints.reach("delete.committed")
    given.suggesting.forget(study_id)
    links = [f"{name}: its folder is a link, and {g.readlink()} stays as it is" for g in graves if g.is_symlink()]
    given.graveyard.remove_later(graves)
    for record in kept:
        records.drop(record)
    return Changed([name], effects=links)


def _refusal(study: Study) -> Conflict:
    """A study that has been told to end may still have trials that save: nothing but waiting helps."""
    if study.state is not StudyState.DRAINING:
        return Conflict(f"{study.name} is {study.state}", hint=f"tunectl cancel {study.name} first")
    left = words.count(number_in(OPEN, study.counts), "trial")
    return Conflict(
        f"{study.name} is ending ({study.reason}): it waits for {left}",
        hint=f"wait for it: tunectl wait {study.name}; then: tunectl delete {study.name}",
    )
