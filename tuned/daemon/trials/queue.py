"""The queue: live and waiting trials of all studies, with an estimate of when each starts."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from storage import queries
from tuned.core.study import Study
from tuned.core.trials.ran import ran_s
from tuned.core.trials.trial import Trial
from tuned.daemon import clock
from tuned.daemon.estimates.starts import Lane, Running, lane_gpus, start_estimates
from tuned.daemon.http.context import Context, Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.rows import trial_row
from tuned.wire import TrialRow

router = make_router("trials")


@router.get("/queue")
async def queue(given: Given) -> list[TrialRow]:
    """Live and queued trials of all studies, in running order, with an estimate of when they start."""

    def find(conn: Connection) -> tuple[list[Trial], list[Trial], list[Study]]:
        live = [attempt.trial for attempt in queries.live(conn)]
        return live, queries.queue_heads(conn, 1000), queries.studies(conn, active_only=True)

    live, waiting, studies = await given.database.ask(find)
    # In a place, the engine's queue says when one starts.
    here = [study for study in studies if not study.spec.run.place]
    several = len({trial.study_id for trial in [*live, *waiting]} & {study.id for study in here}) > 1
    lanes = {study.id: _lane(given, study, several) for study in here}
    now = clock.now()
    running = [Running(t.study_id, ran_s(t, now) or 0.0) for t in live if t.study_id in lanes]
    known = [trial for trial in waiting if trial.study_id in lanes]
    gpus = len(given.slots.leasable_gpus())
    starts = start_estimates(len(given.slots.cpus), gpus, running, [trial.study_id for trial in known], lanes)
    by_id = dict(zip((trial.id for trial in known), starts, strict=True))
    label = given.slots.label
    asked = {study.id: study.spec.question for study in studies if not study.spec.space.names}
    rows = [trial_row(trial, label, given.attempts.waits_for(trial.id)) for trial in live]
    rows += [replace(trial_row(trial, label), starts_in_s=by_id.get(trial.id)) for trial in waiting]
    return [
        replace(row, question=asked.get(trial.study_id) or "")
        for row, trial in zip(rows, [*live, *waiting], strict=True)
    ]


def _lane(given: Context, study: Study, several: bool) -> Lane:
    wanted = study.spec.run.gpus
    at_once, capacity = given.packing.at_once(study), max(1, given.slots.capacity(wanted))
    parallel = study.spec.search.parallel or max(1, at_once)
    gpus = given.slots.default_gpus if wanted is None else wanted
    return Lane(given.suggesting.pace(study.id).trial_s, parallel, lane_gpus(gpus, capacity, at_once, several))
