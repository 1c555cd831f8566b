"""`/metrics`: the daemon's figures for Prometheus. Owns their names, which are promises, and reads alone."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Response
from sqlalchemy import Connection

from storage import queries
from tuned.core.exposition import CONTENT_TYPE, Family, exposition
from tuned.core.places import is_card
from tuned.core.states import STUDY_ENDED
from tuned.core.study import Study
from tuned.core.trials.ran import ran_s
from tuned.core.trials.trial import Trial
from tuned.daemon import clock
from tuned.daemon.http.context import Context, Given
from tuned.wire import DaemonStatus

router = APIRouter(tags=["daemon"])
"""Not below `/v1`: scrapers look for `/metrics`."""


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(given: Given) -> Response:
    """The daemon's figures in Prometheus' text format."""

    def read(conn: Connection) -> tuple[list[Study], list[Trial]]:
        return queries.studies(conn), [attempt.trial for attempt in queries.live(conn)]

    studies, live = await given.database.ask(read)
    queued = sum(study.counts.get("queued", 0) for study in studies)
    status = given.status(len(studies), len(live), queued)
    families = [*_daemon(status), *_studies(studies), *_trials(live), *_cards(given), *await _callers(given)]
    return Response(exposition(families), media_type=CONTENT_TYPE)


def _daemon(status: DaemonStatus) -> list[Family]:
    info = Family("tuned_build_info", "The daemon's version")
    info.add(1, version=status.version)
    plain = (
        ("tuned_uptime_seconds", "Seconds since the daemon was started", status.uptime_s),
        ("tuned_resident_memory_bytes", "Memory of the daemon", status.rss_bytes),
        ("tuned_slots", "Trials that can run at once", status.slots),
        ("tuned_trials_running", "Trials that hold a slot", status.running),
        ("tuned_trials_queued", "Trials that wait for a slot", status.queued or 0),
        ("tuned_alarms", "Things that somebody must act on", len(status.alarms)),
    )
    found = [info]
    for name, meaning, value in plain:
        found.append(Family(name, meaning))
        found[-1].add(value)
    return found


def _studies(studies: Sequence[Study]) -> list[Family]:
    trials = Family("tuned_study_trials", "Trials of a study that has not ended, by state")
    best = Family("tuned_study_best", "Value of the first objective of the best trial of a study that has not ended")
    states = Family("tuned_studies", "Studies by state")
    counted: dict[str, int] = {}
    for study in studies:
        counted[study.state.value] = counted.get(study.state.value, 0) + 1
        if study.state in STUDY_ENDED:
            continue
        for state, number in study.counts.items():
            trials.add(number, study=study.name, state=str(state))
        objective = study.spec.objective
        if objective is not None and study.best is not None and objective.metric in study.best.values:
            best.add(study.best.values[objective.metric], study=study.name, metric=objective.metric)
    for state, number in counted.items():
        states.add(number, state=state)
    return [states, trials, best]


def _trials(live: Sequence[Trial]) -> list[Family]:
    """`gpu_uuid` joins them to the figures of cards that dcgm-exporter has under `UUID`."""
    info = Family("tuned_trial_info", "A running trial and its card; of several cards, one sample each")
    seconds = Family("tuned_trial_running_seconds", "How long a running trial has run")
    now = clock.now()
    for trial in live:
        for device in trial.device.split(","):
            uuid = device if is_card(device) else ""
            info.add(1, study=trial.study, trial=str(trial.number), gpu_uuid=uuid)
        ran = ran_s(trial, now)
        if ran is not None:
            seconds.add(ran, study=trial.study, trial=str(trial.number))
    return [info, seconds]


def _cards(given: Context) -> list[Family]:
    leased = Family("tuned_gpu_leased_ratio", "Share of a card that trials hold")
    blocked = Family("tuned_gpu_blocked", "Whether a card is not given out")
    for slot in given.slots.gpus:
        leased.add(min(1.0, sum(given.slots.leases.get(slot.id, {}).values())), gpu_uuid=slot.id)
        blocked.add(float(bool(given.slots.blocked(slot.id))), gpu_uuid=slot.id)
    return [leased, blocked]


async def _callers(given: Context) -> list[Family]:
    hours = Family("tuned_caller_gpu_seconds_total", "Seconds of cards that a caller's trials held", "counter")
    trials = Family("tuned_caller_trials", "Trials that a caller has used of its cap")
    for name, (_, used) in (await given.callers.accounts()).items():
        hours.add(used.seconds, caller=name)
        trials.add(used.trials, caller=name)
    return [hours, trials]
