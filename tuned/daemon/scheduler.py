"""The scheduler: takes a picture of the state, has `core.schedule.plan` decide, and acts.

Level-triggered: it is woken by commits and by a slow tick, and always looks at the state, so a lost wake-up costs one
tick and never a trial. It decides nothing itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from storage import queries, repository
from storage.engine import Database
from tuned.core.cards.shares import share_of, wanted_by
from tuned.core.cards.time import Use
from tuned.core.places import is_card
from tuned.core.queue.ahead import suggestions_ahead
from tuned.core.queue.schedule import (
    Action,
    Ask,
    Claim,
    Drain,
    End,
    QueuedView,
    RunToEnd,
    StudyView,
    plan,
    wanted_use,
    without_room,
)
from tuned.core.search.phases import asks_advisor
from tuned.core.search.rungs import Ruling
from tuned.core.states import LIVE, Actor, StudyState, TrialState, counted, is_fruitless, number_in
from tuned.core.study import Study
from tuned.core.trials.trial import Trial
from tuned.daemon import clock, failpoints
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.attempts.sampling import sample
from tuned.daemon.cards.packing import Packing
from tuned.daemon.cards.uses import CardUses
from tuned.daemon.hub import Hub
from tuned.daemon.launch.launching import Launching
from tuned.daemon.machine.slots import Slots
from tuned.daemon.places.places import Places
from tuned.daemon.playbook.playbooks import Playbooks
from tuned.daemon.preempting import Preempting
from tuned.daemon.search.suggesting import Suggesting
from tuned.daemon.search.ways import awaits_result, due_in, refines_next, reproducible
from tuned.daemon.study_moves import drain_study, end_study

log = logging.getLogger(__name__)

TICK_S = 1.0
DESIGN_AHEAD = 4
"""Design points do not age, so more of them wait per slot than a model's suggestions would."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The state at one moment: studies that have not ended, and the head of the queue."""

    studies: dict[int, Study]
    queue: list[Trial]
    waiting: dict[int, Waiting]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A study's trials that wait at a rung of early stopping: their number, and those that still run to their end."""

    count: int
    unfinished: list[tuple[int, Ruling]]


def _takes_gpu(claim: Claim) -> bool:
    return is_card(claim.device)


def _nothing_but_paused(study: Study) -> bool:
    """Whether it may be over but for its paused trials, so that it matters who paused them."""
    busy = number_in(LIVE | {TrialState.QUEUED}, study.counts)
    return busy == 0 and study.counts.get(TrialState.PAUSED, 0) > 0


class Scheduler:
    """Runs until cancelled."""

    def __init__(
        self,
        database: Database,
        hub: Hub,
        slots: Slots,
        launching: Launching,
        suggesting: Suggesting,
        playbooks: Playbooks,
        live: Mapping[int, LiveAttempt],
        preempting: Preempting,
        packing: Packing,
        uses: CardUses,
        places: Places,
    ) -> None:
        self._places = places
        self._database = database
        self._hub = hub
        self._slots = slots
        self._launching = launching
        self._suggesting = suggesting
        self._playbooks = playbooks
        self._live = live
        self._preempting = preempting
        self._packing = packing
        self._uses = uses
        self.blocked = ""

    async def run(self) -> None:
        """Tick at every wake-up, and once a second while anything is unfinished."""
        while True:
            self._hub.scheduler.clear()
            failpoints.reach("loop.scheduler")
            busy = await self._tick()
            try:
                async with asyncio.timeout(TICK_S if busy else None):
                    await self._hub.scheduler.wait()
            except TimeoutError:
                continue

    @property
    def held_up(self) -> str:
        """Why nothing may be launched now, in any study; empty when there is no reason."""
        return self.blocked or self._launching.held_up

    @property
    def lacking(self) -> str:
        """The same for people, without a gap while the next try is awaited or under way."""
        return self.blocked or self._launching.trouble

    def _read(self) -> Picture:
        with self._database.read() as conn:
            studies = {study.id: study for study in queries.studies(conn, active_only=True)}
            room = len(self._slots.gpus) + len(self._slots.cpus) + self._places.slots
            waiting = {
                study.id: Waiting(queries.waiting_count(conn, study.id), queries.unfinished(conn, study))
                for study in studies.values()
                if study.spec.early_stopping is not None and _nothing_but_paused(study)
            }
            return Picture(studies, queries.queue_heads(conn, 2 * room), waiting)

    async def _tick(self) -> bool:
        """Look at the state once and act on it; False when no study is active.

        Its duties, in this order:

        1. Read studies and the head of the queue at one moment, in a thread. Launches that are being claimed count
           before and after that: their rows may change while it reads.
        2. Let `plan` decide from plain views. Without room (`held_up`) it sees no free slot, and still ends studies.
           Before a card is leased, the driver is asked how it is, and `plan` decides again.
        3. Act in the order of the plan. A lease is taken before its launch begins, so that the next tick cannot give
           the same slot away. Suggestions are asked for one request at a time, unless they are made here.
        4. Where an urgent trial is the first that waits for room, have others make it.
        5. For each study: move its playbook on, tell the suggestions how many slots wait for them, and renew waiting
           suggestions by the newest results.
        """
        claiming = dict(self._launching.claiming)
        picture = await asyncio.to_thread(self._read)
        claiming |= self._launching.claiming
        if not picture.studies:
            self._launching.nothing_to_launch()
            await self._uses.note(Use.NOTHING)
            return False
        trials = {trial.id: trial for trial in picture.queue}
        views = [
            self._view(study, list(claiming.values()).count(study.id), picture.waiting.get(study.id))
            for study in picture.studies.values()
        ]
        queue = [self._queued(t, picture.studies[t.study_id]) for t in picture.queue if t.id not in claiming]
        known = [(trials[entry.trial_id], picture.studies[entry.study_id]) for entry in queue]
        held_up = self.held_up
        actions = self._plan(views, queue, known)
        if self._slots.stale and any(isinstance(action, Claim) and _takes_gpu(action) for action in actions):
            # Somebody may have begun to use a card since the last look, or it was lost.
            await sample(self._slots, self._live.values())
            actions = self._plan(views, queue, known)
        here = [study for study in picture.studies.values() if not study.spec.run.place]
        starting = claiming or any(study.counts.get(TrialState.STARTING) for study in here)
        claims = any(isinstance(action, Claim) for action in actions)
        if not (held_up or self.held_up or starting or claims):
            self._launching.nothing_to_launch()
        starving, claimed = set(), set(claiming)
        for action in actions:
            match action:
                case Claim():
                    trial, study = trials[action.trial_id], picture.studies[action.study_id]
                    claimed.add(trial.id)
                    share = share_of(self._gpus(study, trial) or 1.0)
                    run = study.spec.run
                    cores = 0 if run.place else self._slots.core_share(run.cpus, run.gpus)
                    self._slots.lease(action.device, trial.name, share, cores)
                    self._launching.begin(trial, study, action.device)
                case Ask():
                    study = picture.studies[action.study_id]
                    if self._suggesting.asked(study.id) == 0 or self._suggesting.by_design(study):
                        self._suggesting.begin(action, study)
                case RunToEnd():
                    await self._run_to_end(picture.waiting[action.study_id])
                case Drain():
                    await self._drain(picture.studies[action.study_id], action.reason)
                case End():
                    await self._end(picture.studies[action.study_id], action)
        crowded = without_room(views, queue, actions)
        wants = {view.id for view in views if self._wants_gpus(picture.studies[view.id])}
        await self._uses.note(wanted_use([view for view in views if view.id in wants], any(e.gpus for e in crowded)))
        for entry in crowded if not self.held_up else ():
            study = picture.studies[entry.study_id]
            if study.spec.urgent:
                self._preempting.begin(trials[entry.trial_id], study, entry.gpus)
        for study in picture.studies.values():
            view = next(v for v in views if v.id == study.id)
            waiting = view.searching and view.asked > 0 and view.queued == 0 and study.state is StudyState.RUNNING
            if waiting and not self._suggesting.by_design(study):
                starving.add(study.id)
            self._playbooks.advance(study, view, self._budget_spent(study))
            self._suggesting.idle(study, self._idle_slots(view, study) if study.id in starving else 0)
            if study.state is StudyState.RUNNING:
                waiting_trials = [t for t in picture.queue if t.study_id == study.id and t.id not in claimed]
                self._suggesting.renew(study, waiting_trials)
        return True

    def _plan(
        self, views: Sequence[StudyView], queue: Sequence[QueuedView], waiting: Sequence[tuple[Trial, Study]]
    ) -> list[Action]:
        held_up = self.held_up
        free_gpus = {} if held_up else self._slots.gpu_shares()
        free_cpus = [] if held_up else self._slots.free_cpus()
        joins = {} if held_up else self._packing.joins(waiting)
        places = {} if held_up else self._places.free(self._slots.leases)
        return plan(views, queue, free_gpus, free_cpus, len(self._slots.leasable_gpus()), joins, places)

    def _idle_slots(self, view: StudyView, study: Study) -> int:
        free, at_once = self._slots.room(study.spec.run.gpus), self._packing.at_once(study)
        if study.spec.run.place:
            free = len(self._places.free(self._slots.leases).get(study.spec.run.place, ()))
        elif at_once > self._slots.capacity(study.spec.run.gpus):
            free = max(free, at_once - view.live)
        room = free if view.parallel is None else min(free, view.parallel - view.live)
        remaining = room if view.trials is None else view.trials - view.counted
        return max(0, min(room, remaining))

    def _queued(self, trial: Trial, study: Study) -> QueuedView:
        place = study.spec.run.place
        return QueuedView(trial.id, trial.study_id, 0.0 if place else self._gpus(study, trial), place)

    def _gpus(self, study: Study, trial: Trial) -> float:
        wanted = study.spec.run.gpus
        return self._slots.default_gpus if wanted is None else wanted_by(trial.retries_used, wanted)

    def _wants_gpus(self, study: Study) -> bool:
        if study.spec.run.place:
            return False
        return bool(self._slots.default_gpus if study.spec.run.gpus is None else study.spec.run.gpus)

    def _view(self, study: Study, claiming: int, waiting: Waiting | None) -> StudyView:
        counts, search = study.counts, study.search
        parallel = search.parallel or max(1, self._packing.at_once(study))
        pace = self._suggesting.pace(study.id)
        live = number_in(LIVE, counts) + claiming
        if self._suggesting.by_design(study) and not refines_next(study):
            # Before a model, one point waits per slot: more would only make the design longer than it should be.
            early = asks_advisor(search) or due_in(study).refine
            ahead = parallel * (1 if early else DESIGN_AHEAD)
        elif reproducible(study):
            ahead = 0 if awaits_result(study) else 1
        elif refines_next(study):
            ahead = 1  # made once nothing waits: the results that are still missing then are those of what runs
        else:
            ahead = suggestions_ahead(pace.suggestion_s or 1.0, pace.trial_s, parallel, max(0, parallel - live))
        left = study.budget_left(clock.now())
        pending = study.playbook is not None and not study.playbook.over
        searching = bool(study.spec.objectives) or bool(study.spec.space.tunable)
        spent = study.budget_was_spent and not pending
        if pending and left is not None:
            # A budget ends the search; the steps that follow are done all the same.
            searching, left = searching and left > 0, None
        elif spent:
            # Reopened by a person's points: they run, and nothing more is suggested.
            searching, left = False, None
        return StudyView(
            id=study.id,
            state=study.state,
            counted=counted(study.point_counts),
            live=live,
            queued=max(0, counts.get(TrialState.QUEUED, 0) - claiming),
            paused=counts.get(TrialState.PAUSED, 0) - (waiting.count if waiting else 0),
            asked=self._suggesting.asked(study.id),
            ahead=ahead,
            budget_left=left,
            trials=search.trials,
            parallel=search.parallel,
            searching=searching,
            pending=pending,
            spent=spent,
            fruitless=is_fruitless(counts),
            exhausted=self._suggesting.exhausted(study),
            reason=study.reason,
            unfinished=waiting is not None and bool(waiting.unfinished),
        )

    def _budget_spent(self, study: Study) -> bool:
        left = study.budget_left(clock.now())
        return left is not None and left <= 0

    async def _run_to_end(self, waiting: Waiting) -> None:
        def resume(conn: Connection) -> None:
            for trial_id, verdict in waiting.unfinished:
                repository.early_stopping.resume(conn, trial_id, verdict, clock.now())

        await self._database.writer.run(resume)

    async def _drain(self, study: Study, reason: str) -> None:
        await self._database.writer.run(lambda conn: drain_study(conn, study.id, reason, Actor.SCHEDULER, clock.now()))
        failpoints.reach("study.draining")

    async def _end(self, study: Study, action: End) -> None:
        log.info("study %s: %s, %s", study.name, action.event, action.reason)
        await self._database.writer.run(
            lambda conn: end_study(conn, study.id, action.event, action.reason, clock.now())
        )
        failpoints.reach("study.ended")
        self._suggesting.forget(study.id)
