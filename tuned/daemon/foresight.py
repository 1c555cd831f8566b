"""The queue's future as the daemon foresees it: when waiting trials start, and studies are over.

Owns how studies and slots are laid before `tuned.daemon.estimates.starts`; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tuned.core.states import StudyState, TrialState, counted
from tuned.core.study import SEARCH, Study
from tuned.core.trials.ran import ran_s
from tuned.core.trials.trial import OWN_ORIGINS, Trial
from tuned.daemon import clock
from tuned.daemon.cards.packing import Packing
from tuned.daemon.estimates.starts import CPUS, GPUS, Foresight, Lane, Running, Turn, foresee, lane_gpus
from tuned.daemon.machine.slots import Slots
from tuned.daemon.search.suggesting import Suggesting

Key = tuple[float, ...]


class Foreseeing:
    """Foresees what follows from what runs and waits."""

    def __init__(self, slots: Slots, packing: Packing, suggesting: Suggesting) -> None:
        self._slots = slots
        self._packing = packing
        self._suggesting = suggesting

    def ends(self, studies: Iterable[Study], live: Iterable[Trial]) -> dict[int, float]:
        """Study id -> seconds until it is done; those of which nothing tells, or that do not go on, are left out.

        Args:
            studies: All, or all that have not ended.
            live: The live trials.
        """
        active = sorted((study for study in studies if study.ended_at is None), key=lambda s: _place(None, s))
        turns = [turn for turn in map(rest, active) if turn is not None]
        found = self._foresee(active, live, turns).ends
        known = {turn.study_id: found[turn.study_id] for turn in turns}
        return {study_id: end for study_id, end in known.items() if end is not None}

    def starts(self, studies: Sequence[Study], live: Sequence[Trial], waiting: Sequence[Trial]) -> dict[int, float]:
        """Trial id -> seconds until it starts; those of which nothing tells are left out.

        Args:
            studies: All that have not ended.
            live: The live trials.
            waiting: Queued trials in the order in which they run. The points that a study has yet to ask for take
                their turn among them.
        """
        # In a place, the engine's queue says when one starts.
        here = {study.id: study for study in studies if not study.spec.run.place}
        entries = [(_place(trial, here[trial.study_id]), trial) for trial in waiting if trial.study_id in here]
        queued = [(key, trial.id, Turn(trial.study_id)) for key, trial in entries]
        unasked = [(_place(None, study), 0, _unasked(study)) for study in here.values()]
        order = sorted([*queued, *((key, id, turn) for key, id, turn in unasked if turn)], key=lambda entry: entry[0])
        found = self._foresee(list(here.values()), live, [turn for _, _, turn in order])
        known = zip(order, found.starts, strict=True)
        return {trial_id: start for (_, trial_id, _), start in known if trial_id and start is not None}

    def _foresee(self, studies: Iterable[Study], live: Iterable[Trial], turns: Sequence[Turn]) -> Foresight:
        known, now = {study.id: study for study in studies}, clock.now()
        running = [Running(trial.study_id, ran_s(trial, now) or 0.0) for trial in live if trial.study_id in known]
        busy = {trial.study_id for trial in running} | {turn.study_id for turn in turns if turn.count != 0}
        several = sum(not known[study_id].spec.run.place for study_id in busy) > 1
        lanes = {study.id: self._lane(study, several) for study in known.values()}
        pools = {CPUS: len(self._slots.cpus), GPUS: len(self._slots.leasable_gpus())}
        pools |= {lane.pool: self._packing.at_once(known[key]) for key, lane in lanes.items() if lane.place}
        return foresee(pools, running, turns, lanes)

    def _lane(self, study: Study, several: bool) -> Lane:
        run, at_once = study.spec.run, max(1, self._packing.at_once(study))
        capacity = max(1, self._slots.capacity(run.gpus))
        gpus = self._slots.default_gpus if run.gpus is None else run.gpus
        return Lane(
            self._suggesting.pace(study.id).trial_s,
            study.spec.search.parallel or at_once,
            0.0 if run.place else lane_gpus(gpus, capacity, at_once, several),
            max(1, at_once // capacity) if several and gpus and not run.place else 1,
            run.place,
        )


def rest(study: Study) -> Turn | None:
    """The trials of a study that are still to begin; None where it stands still, or has ended."""
    if study.ended_at is not None or study.state is StudyState.PAUSED:
        return None
    waiting, unasked = study.counts.get(TrialState.QUEUED, 0), _unasked(study)
    if unasked is None:
        return Turn(study.id, waiting)
    return Turn(study.id, None if unasked.count is None else waiting + unasked.count, unasked.until_s)


def _unasked(study: Study) -> Turn | None:
    """The points that its search has yet to ask for; None where it is over (it drains, or its budget is spent)."""
    search, budget = study.spec.search, study.budget_left(clock.now())
    if study.state is not StudyState.RUNNING or budget == 0:
        return None
    count = None if search.trials is None else max(0, search.trials - counted(study.point_counts))
    return Turn(study.id, count, budget)


def _place(trial: Trial | None, study: Study) -> Key:
    """Sorts trials as the queue does, a study's points that are yet to come (None) behind its others."""
    own = trial is not None and (trial.origin in OWN_ORIGINS or trial.stage != SEARCH)
    priority = study.priority + (trial.priority if trial else 0)
    return -priority, not own, study.created_at, study.id, trial is None
