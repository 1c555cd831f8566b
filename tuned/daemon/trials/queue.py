"""The queue: live and waiting trials of all studies, with an estimate of when each starts."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from storage import queries
from tuned.core.study import Study
from tuned.core.trials.trial import Trial
from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.rows import live_trials, trial_row
from tuned.wire import TrialRow

router = make_router("trials")


@router.get("/queue")
async def queue(given: Given) -> list[TrialRow]:
    """Live and queued trials of all studies, in running order, with an estimate of when they start."""

    def find(conn: Connection) -> tuple[list[Trial], list[Trial], list[Study]]:
        return live_trials(conn), queries.queue_heads(conn, 1000), queries.studies(conn, active_only=True)

    live, waiting, studies = await given.database.ask(find)
    starts = given.foreseeing.starts(studies, live, waiting)
    label = given.slots.label
    asked = {study.id: study.spec.question for study in studies if not study.spec.space.names}
    rows = [trial_row(trial, label, given.attempts.waits_for(trial.id)) for trial in live]
    rows += [replace(trial_row(trial, label), starts_in_s=starts.get(trial.id)) for trial in waiting]
    return [
        replace(row, question=asked.get(trial.study_id) or "")
        for row, trial in zip(rows, [*live, *waiting], strict=True)
    ]
