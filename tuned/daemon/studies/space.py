"""A study's search space: its versions, and edits while it runs.

Owns these routes. The transaction of an edit is `tuned.daemon.search.space_versions`', which phases share.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection

from storage import queries
from tuned.core.changes.space import SpaceEdit, edited
from tuned.core.errors import InvalidInput
from tuned.core.space import SearchSpace
from tuned.core.study import RunSpec, Spelling, Study
from tuned.core.study_file.reach import check_reach
from tuned.core.study_file.taking import taken
from tuned.daemon import clock
from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.search import space_versions
from tuned.daemon.search.space_versions import NewVersion
from tuned.disk import Disk
from tuned.wire import ReplacedRow, SpaceChange, SpaceChanged, SpacePage, SpaceVersionRow

router = make_router("space")


@router.get("/studies/{name}/space")
async def versions(name: str, given: Given) -> SpacePage:
    """The versions of a study's space, oldest first."""
    study = await given.study(name)

    def look(conn: Connection) -> SpacePage:
        kept, left_out = space_versions.fitting(conn, study, study.spec.space)
        rows = [
            SpaceVersionRow(v.version, v.origin, v.why, v.changes, v.at, v.trials, v.space.to_dict())
            for v in queries.space_versions_of(conn, study.id)
        ]
        return SpacePage(name, study.space, kept, left_out, rows)

    return await given.database.ask(look)


@router.post("/studies/{name}/space")
async def change(name: str, request: SpaceChange, given: Given) -> SpaceChanged:
    """Edit the space; trials that fit go on counting, suggestions that have not started and do not are replaced."""
    edit = SpaceEdit(request.set, request.add, request.fix, request.drop)
    if edit.empty and not request.refine and request.back_to is None:
        raise InvalidInput("no change was given", hint=f"tunectl space {name} --set NAME.high=1")
    if request.refine and request.back_to is not None:
        raise InvalidInput("goes back or refines, not both", where="back_to", hint="make it two edits")
    study = await given.study(name)
    # Looked at before the transaction, because it reads the user's files; a name that is added or dropped
    # meanwhile is looked at again by the next edit.
    spelling: dict[str, Spelling] = {}
    if not edit.empty:
        spelling = await asyncio.to_thread(_checked, study.spec.run, edited(study.spec.space, edit))

    def apply(conn: Connection) -> NewVersion:
        now_in = _spelled(queries.study_by_id(conn, study.id), spelling)
        if request.back_to is not None:
            now_space, why = (
                space_versions.earlier(conn, now_in, request.back_to),
                [f"version {request.back_to} again"],
            )
        elif request.refine:
            now_space, why = space_versions.refinement(conn, now_in)
        else:
            now_space, why = now_in.spec.space, []
        space = edited(now_space, edit)
        return space_versions.change(conn, now_in, space, why, "user", clock.now())

    dry_run = given.dry_run or request.dry_run
    new = await replace(given, dry_run=dry_run).commit(apply)
    return _changed(await versions(name, given), new, dry_run=dry_run)


def _checked(run: RunSpec, space: SearchSpace) -> dict[str, Spelling]:
    """How the script takes the parameters of a space, by its text as it is now."""
    check_reach(run, space, Disk())
    return taken(run, space, Disk()).spelling


def _spelled(study: Study, spelling: Mapping[str, Spelling]) -> Study:
    """The study with the spelling of parameters that are new to it; those that it has stay as they were submitted."""
    new = {name: how for name, how in spelling.items() if name not in study.spec.space.names}
    run = replace(study.spec.run, spelling={**study.spec.run.spelling, **new})
    return replace(study, spec=replace(study.spec, run=run))


def _changed(page: SpacePage, new: NewVersion, *, dry_run: bool) -> SpaceChanged:
    return SpaceChanged(
        study=page.study,
        version=new.version,
        changes=new.changes,
        why=new.why,
        kept=new.kept,
        left_out=new.left_out,
        replaced=[ReplacedRow(number, dict(before), dict(after)) for number, before, after in new.replaced],
        off=new.off,
        dry_run=dry_run,
        versions=page.versions,
    )
