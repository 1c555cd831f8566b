"""The scheduler's next actions, decided from a picture of the state alone.

Owns the order of the queue, the use of slots, when suggestions are asked for and when a study is over. Pure:
the daemon takes the picture, calls `plan`, and acts on what it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tuned.core.cards.shares import choose, share_of
from tuned.core.cards.time import Use
from tuned.core.states import StudyState, counted

DONE = "all trials are done"
BUDGET_SPENT = "its time budget is spent"
EXHAUSTED = "every point of the space has been tried"
CANCELLED = "cancelled by you"
NOTHING_RAN = "none of its trials ran to an end"
NO_RESULT = "no trial completed"

_STOPS = frozenset({CANCELLED, NOTHING_RAN})


def end_event(reason: str) -> str:
    """How a draining study ends, by the reason it drains for: `complete`, `stop` or `fail`."""
    return "stop" if reason in _STOPS else "fail" if reason == NO_RESULT else "complete"


def room_for(counts: Mapping[str, int], trials: int | None, wanted: int) -> int:
    """How many of the wanted trials a study may still get."""
    return wanted if trials is None else max(0, min(wanted, trials - counted(counts)))


@dataclass(frozen=True, slots=True)
class StudyView:
    """The plan's view of a study that has not ended.

    Attributes:
        counted: Trials that count towards `trials`, queued ones included: all but the cancelled and the lost.
        live: Trials that hold a slot; `queued`: trials in that state; `paused`: those that a person has paused.
        unfinished: Whether trials wait at a rung that run to their end before the study is over.
        asked: Suggestions that are being made right now.
        ahead: How many queued trials shall be ready beyond the running ones.
        budget_left: Seconds; None without a budget.
        trials: How many trials it shall have; None when a budget alone ends it.
        parallel: Trials at once; None: as many as there are slots.
        pending: Whether steps of its playbook are not over: it does not end before them.
        searching: Whether points can still be suggested (False for a plain command, or an exhausted space).
        spent: Whether its budget was spent before a person's points let it go on: `budget_left` is None then.
        fruitless: Whether trials of it have failed, and none has a result.
    """

    id: int
    state: StudyState
    counted: int
    live: int
    queued: int
    paused: int
    asked: int
    ahead: int
    budget_left: float | None
    trials: int | None
    parallel: int | None
    searching: bool
    exhausted: bool
    reason: str
    unfinished: bool = False
    pending: bool = False
    spent: bool = False
    fruitless: bool = False

    @property
    def search_over(self) -> bool:
        """Whether no trial is under way, and no more points will be asked for."""
        idle = self.live == 0 and self.queued <= 0 and self.paused == 0
        # A suggestion that nobody needs any more must not hold the end up: the advisor may be hanging.
        idle = idle and (self.asked == 0 or _remaining(self) == 0)
        return idle and (self.exhausted or not self.searching or _remaining(self) == 0)


@dataclass(frozen=True, slots=True)
class QueuedView:
    """A queued trial of a running study, and how many GPUs it needs: none, a part of one, one or several.

    One with a `place` runs there, in a slot of the place, and needs nothing of this machine.
    """

    trial_id: int
    study_id: int
    gpus: float
    place: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """Start this trial on this device; several cards are joined by commas."""

    trial_id: int
    study_id: int
    device: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Make this many more suggestions."""

    study_id: int
    count: int


@dataclass(frozen=True, slots=True)
class RunToEnd:
    """Trials that wait at a rung run to their end."""

    study_id: int


@dataclass(frozen=True, slots=True)
class Drain:
    """Start nothing more in this study; queued trials are cancelled."""

    study_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """The study has drained."""

    study_id: int
    event: str
    reason: str


Action = Claim | Ask | RunToEnd | Drain | End


def plan(
    studies: Sequence[StudyView],
    queue: Sequence[QueuedView],
    free_gpus: Sequence[str] | Mapping[str, float],
    free_cpus: Sequence[str],
    leasable_gpus: int = 0,
    joins: Mapping[int, Sequence[str]] | None = None,
    places: Mapping[str, Sequence[str]] | None = None,
) -> list[Action]:
    """The next actions, in the order in which they shall be done.

    Args:
        studies: Every study that has not ended.
        queue: Queued trials of running studies, first to run first.
        free_gpus: Ids of the GPUs that can be leased, with what is left of each; without that they are whole.
        free_cpus: Ids of the free CPU slots.
        leasable_gpus: How many cards there are in all, leased ones included. A trial that could have its cards once
            others end lets nobody behind it take them: else small trials would keep a large one waiting for ever.
        joins: Trial id -> GPUs with other trials that it may join where it finds no free one, the best first. One trial
            joins at a time: what two do together is measured before a third comes.
        places: Place -> its free slots.

    Returns:
        Claims never exceed the slots, a study's `parallel`, or its `trials`; a study is drained before it is ended.
    """
    actions: list[Action] = []
    views = {study.id: study for study in studies}
    live = {study.id: study.live for study in studies}
    claimed = dict.fromkeys(views, 0)
    gpus = dict(free_gpus) if isinstance(free_gpus, Mapping) else dict.fromkeys(free_gpus, 1.0)
    cpus, gpus_wanted = list(free_cpus), False
    lanes = {place: list(slots) for place, slots in (places or {}).items()}
    joined: set[str] = set()
    for entry in queue:
        study = views.get(entry.study_id)
        if study is None or study.state is not StudyState.RUNNING or _budget_spent(study):
            continue
        if study.parallel is not None and live[study.id] >= study.parallel:
            continue
        if entry.place:
            chosen = lanes.get(entry.place, [])[:1]
            del lanes.setdefault(entry.place, [])[:1]
            if not chosen:
                continue
        elif entry.gpus:
            chosen = [] if gpus_wanted else choose(gpus, entry.gpus)
            if not chosen and not gpus_wanted:
                chosen = [card for card in (joins or {}).get(entry.trial_id, ()) if card not in joined][:1]
                joined.update(chosen)
            if not chosen:
                gpus_wanted = gpus_wanted or entry.gpus <= leasable_gpus
                continue
            for slot in chosen:
                gpus[slot] -= share_of(entry.gpus)
        elif cpus:
            chosen = [cpus.pop(0)]
        else:
            continue
        actions.append(Claim(entry.trial_id, study.id, ",".join(chosen)))
        live[study.id] += 1
        claimed[study.id] += 1
    for study in studies:
        actions.extend(_study_actions(study, claimed[study.id], live[study.id]))
    return actions


def without_room(
    studies: Sequence[StudyView], queue: Sequence[QueuedView], actions: Sequence[Action]
) -> list[QueuedView]:
    """The first trial that waits for a GPU here, and the first for a CPU slot here, for no other reason than room.

    Args:
        studies: As `plan` got them.
        queue: The same.
        actions: Its answer.
    """
    views = {study.id: study for study in studies}
    claims = [action for action in actions if isinstance(action, Claim)]
    claimed = {claim.trial_id for claim in claims}
    found: dict[bool, QueuedView] = {}
    for entry in queue:
        study = views.get(entry.study_id)
        if (
            entry.place
            or entry.trial_id in claimed
            or study is None
            or study.state is not StudyState.RUNNING
            or _budget_spent(study)
        ):
            continue
        live = study.live + sum(claim.study_id == study.id for claim in claims)
        if study.parallel is None or live < study.parallel:
            found.setdefault(bool(entry.gpus), entry)
    return list(found.values())


def wanted_use(studies: Sequence[StudyView], crowded: bool) -> Use:
    """The queue's use of one more card.

    Args:
        studies: Those whose trials want cards.
        crowded: Whether a trial waits for one.
    """
    if crowded:
        return Use.QUEUED
    running = [study for study in studies if study.state is StudyState.RUNNING and not _budget_spent(study)]
    if any(study.asked and (study.parallel is None or study.live < study.parallel) for study in running):
        return Use.POINT
    paused = any(study.state is StudyState.PAUSED or study.paused for study in studies)
    return Use.PAUSED if paused and not running else Use.NOTHING


def _study_actions(study: StudyView, claimed: int, live: int) -> list[Action]:
    queued = study.queued - claimed
    if study.state is StudyState.DRAINING:
        if queued > 0:
            # An attempt that was cut off or shall be tried again went back into the queue of a study that is over.
            return [Drain(study.id, study.reason)]
        return [End(study.id, end_event(study.reason), study.reason)] if live == 0 else []
    if study.state is not StudyState.RUNNING:
        return []
    if _budget_spent(study):
        return [Drain(study.id, BUDGET_SPENT)]
    wanted = _wanted(study, queued)
    if wanted > 0:
        return [Ask(study.id, wanted)]
    if replace(study, live=live, queued=queued).search_over:
        if study.unfinished:
            return [RunToEnd(study.id)]
        if study.pending:
            return []
        return [Drain(study.id, _over(study))]
    return []


def _over(study: StudyView) -> str:
    """The reason for which a study that has nothing left to do ends."""
    if study.fruitless:
        return NO_RESULT
    if not study.searching and not study.counted:
        return NOTHING_RAN  # a plain command that was cancelled
    if _remaining(study) == 0:
        return DONE
    return BUDGET_SPENT if study.spent else EXHAUSTED if study.exhausted else DONE


def _budget_spent(study: StudyView) -> bool:
    return study.budget_left is not None and study.budget_left <= 0


def _remaining(study: StudyView) -> int | None:
    return None if study.trials is None else max(0, study.trials - study.counted)


def _wanted(study: StudyView, queued: int) -> int:
    if not study.searching or study.exhausted:
        return 0
    wanted = study.ahead - queued - study.asked
    remaining = _remaining(study)
    return wanted if remaining is None else min(wanted, remaining - study.asked)
