"""Studies: all of them, one with its specification, its best trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import Query
from sqlalchemy import Connection

from storage import queries
from tuned.core.final.alike import REASON, REMEDY, alike
from tuned.core.study import Study
from tuned.daemon.http.context import Context, Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.rows import live_trials, study_row, trial_rows
from tuned.wire import StudyPage, StudyRow, TrialRow

router = make_router("studies")


def _row(
    given: Context,
    study: Study,
    results: queries.RankedResults,
    repeated: Sequence[Sequence[float]],
    eta_s: float | None,
    stopping: queries.StoppingReport | None = None,
) -> StudyRow:
    run = study.spec.run
    cores = 0 if run.place else given.slots.cores_each(run.cpus, run.gpus)
    row = study_row(study, eta_s, stopping, cores, results)
    same = f"{REASON} ({REMEDY})" if alike(repeated) else ""
    row = replace(row, packing=given.packing.in_words(study))
    return replace(row, note="; ".join(filter(None, (row.note, given.launching.note(study), same))))


@router.get("/studies")
async def studies(given: Given) -> list[StudyRow]:
    """All studies, oldest first."""
    found, live = await given.database.ask(
        lambda conn: (
            [(s, queries.ranked_results(conn, s), queries.repetitions(conn, s)) for s in queries.studies(conn)],
            live_trials(conn),
        )
    )
    ends = given.foreseeing.ends([study for study, _, _ in found], live)
    return [_row(given, s, results, repeated, ends.get(s.id)) for s, results, repeated in found]


@router.get("/studies/{name}")
async def show(name: str, given: Given) -> StudyPage:
    """One study and its specification."""
    study = await given.study(name)
    stopping, results, repeated, studies, live = await given.database.ask(
        lambda conn: (
            queries.stopping_report(conn, study),
            queries.ranked_results(conn, study),
            queries.repetitions(conn, study),
            queries.studies(conn, active_only=True),
            live_trials(conn),
        )
    )
    eta_s = given.foreseeing.ends(studies, live).get(study.id)
    return StudyPage(_row(given, study, results, repeated, eta_s, stopping), study.spec.to_public_dict())


@router.get("/studies/{name}/best")
async def best(name: str, given: Given, top: Annotated[int | None, Query(ge=1, le=1000)] = None) -> list[TrialRow]:
    """The best finished trials, best first: of `top` points by the first objective; without it, the best one.

    A point that ran several times is listed once, with its best run: where it stands is what `why` calls its rank.

    With several objectives and without `top`, those that no other trial beats in every objective.
    """
    study = await given.study(name)

    def find(conn: Connection) -> list[TrialRow]:
        if top is None and len(study.spec.objectives) > 1:
            return trial_rows(conn, queries.pareto_front(conn, study), given.slots.label)
        return trial_rows(conn, queries.best_points(conn, study, top or 1), given.slots.label)

    return await given.database.ask(find)
