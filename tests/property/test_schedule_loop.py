"""The plan in a closed loop: random studies, random ends, pauses and cancellations, until all is quiet."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from tuned.core.queue.schedule import (
    BUDGET_SPENT,
    CANCELLED,
    DONE,
    EXHAUSTED,
    NOTHING_RAN,
    Action,
    Ask,
    Claim,
    Drain,
    End,
    QueuedView,
    StudyView,
    plan,
)
from tuned.core.states import LIVE, STUDY_ENDED, TERMINAL, Actor, StudyState, TrialState, move_study, move_trial


@dataclass
class SimTrial:
    id: int
    priority: int
    state: TrialState = TrialState.QUEUED
    device: str = ""
    retries: int = 0


@dataclass
class SimStudy:
    id: int
    priority: int
    target: int | None
    parallel: int | None
    gpus: int
    ahead: int
    points: int | None
    budget: int | None
    searching: bool
    state: StudyState = StudyState.RUNNING
    reason: str = ""
    asked: int = 0
    suggested: int = 0
    spent: int = 0
    ends: int = 0
    trials: list[SimTrial] = field(default_factory=list)

    def count(self, *states: TrialState) -> int:
        return sum(trial.state in states for trial in self.trials)

    @property
    def counted(self) -> int:
        return len(self.trials) - self.count(TrialState.CANCELLED, TrialState.LOST)

    @property
    def exhausted(self) -> bool:
        return self.points is not None and self.suggested >= self.points

    def view(self) -> StudyView:
        return StudyView(
            id=self.id,
            state=self.state,
            counted=self.counted,
            live=self.count(*LIVE),
            queued=self.count(TrialState.QUEUED),
            paused=self.count(TrialState.PAUSED),
            asked=self.asked,
            ahead=self.ahead,
            budget_left=None if self.budget is None else float(self.budget - self.spent),
            trials=self.target,
            parallel=self.parallel,
            searching=self.searching,
            exhausted=self.exhausted,
            reason=self.reason,
        )


class World:
    """Does what the daemon does with a plan, by the same state tables, and checks every plan on the way."""

    def __init__(self, studies: list[SimStudy], gpus: int, cpus: int, rng: random.Random) -> None:
        self.studies = {study.id: study for study in studies}
        self.gpus = [f"gpu{i}" for i in range(gpus)]
        self.cpus = [f"cpu{i}" for i in range(cpus)]
        self.rng = rng
        self.next_id = 1
        for study in studies:
            if not study.searching:
                self.add(study)

    def add(self, study: SimStudy) -> None:
        study.trials.append(SimTrial(self.next_id, self.rng.choice([0, 0, 0, 5, -5])))
        study.suggested += 1
        self.next_id += 1

    def pairs(self, *states: TrialState) -> list[tuple[SimStudy, SimTrial]]:
        return [(s, t) for s in self.studies.values() for t in s.trials if t.state in states]

    def free(self, slots: list[str]) -> list[str]:
        held = {slot for _, trial in self.pairs(*LIVE) for slot in trial.device.split(",")}
        return [slot for slot in slots if slot not in held]

    def tick(self) -> list[Action]:
        active = [s for s in self.studies.values() if s.state not in STUDY_ENDED]
        heads = [(s, t) for s, t in self.pairs(TrialState.QUEUED) if s.state is StudyState.RUNNING]
        heads.sort(key=lambda pair: (-(pair[0].priority + pair[1].priority), pair[1].id))
        queue = [QueuedView(t.id, s.id, s.gpus) for s, t in heads]
        views = [study.view() for study in active]
        gpus, cpus = self.free(self.gpus), self.free(self.cpus)
        actions = plan(views, queue, gpus, cpus, len(self.gpus))
        check_plan({v.id: v for v in views}, queue, gpus, cpus, actions)
        for action in actions:
            self.act(self.studies[action.study_id], action)
        return actions

    def act(self, study: SimStudy, action: Action) -> None:
        if isinstance(action, Claim):
            (trial,) = [t for t in study.trials if t.id == action.trial_id]
            self.move(trial, "claim", Actor.SCHEDULER)
            trial.device = action.device
        elif isinstance(action, Ask):
            study.asked += action.count
        elif isinstance(action, Drain):
            self.drain(study, action.reason, Actor.SCHEDULER)
        else:
            study.state = move_study(study.state, action.event, Actor.SCHEDULER)
            study.ends += 1
            for trial in study.trials:
                if trial.state is TrialState.PAUSED:
                    self.move(trial, "prune", Actor.SCHEDULER)

    def drain(self, study: SimStudy, reason: str, actor: Actor) -> None:
        if study.state is not StudyState.DRAINING:
            study.state = move_study(study.state, "drain", actor)
            study.reason = reason
        for trial in study.trials:
            if trial.state is TrialState.QUEUED:
                self.move(trial, "cancel", actor)

    def move(self, trial: SimTrial, event: str, actor: Actor) -> None:
        trial.state = move_trial(trial.state, event, actor)
        if trial.state not in LIVE:
            trial.device = ""

    def answer(self, study: SimStudy) -> None:
        """A suggestion arrives; it is dropped when the study is over by then or has no point left."""
        study.asked -= 1
        if study.state in (StudyState.RUNNING, StudyState.PAUSED) and not study.exhausted:
            self.add(study)

    def advance(self, trial: SimTrial, study: SimStudy, events: list[str]) -> None:
        if trial.state is TrialState.STARTING and self.rng.random() < 0.7:
            self.move(trial, "started", Actor.REAPER)
            return
        event = self.rng.choice(events)
        if event == "retry":
            trial.retries += 1
        self.move(trial, event, Actor.REAPER)

    def disturb(self) -> None:
        """One random thing that a person, a trial, an advisor or the clock does."""
        study = self.rng.choice(list(self.studies.values()))
        what = self.rng.random()
        if what < 0.45:
            live = self.pairs(*LIVE)
            # What happens to the last trials of a draining study is rare and worth seeing.
            draining = [pair for pair in live if pair[0].state is StudyState.DRAINING]
            for owner, trial in self.rng.sample(draining or live, min(1, len(live))):
                ends = ["exit_ok"] * 3 + ["exit_error", "exit_pruned", "exit_paused", "vanished", "exit_cancelled"]
                ends += ["retry"] * 3 if trial.retries < 3 else []
                ends += ["unclaim"] if trial.state is TrialState.STARTING else []
                self.advance(trial, owner, ends)
        elif what < 0.8 and study.asked:
            self.answer(study)
        elif what < 0.85 and study.state in (StudyState.RUNNING, StudyState.PAUSED):
            pausing = study.state is StudyState.RUNNING
            study.state = move_study(study.state, "pause" if pausing else "resume", Actor.USER)
        elif what < 0.9:
            waiting = [t for t in study.trials if t.state in (TrialState.QUEUED, TrialState.PAUSED)]
            for trial in waiting[:1]:
                resume = trial.state is TrialState.PAUSED and study.state is not StudyState.DRAINING
                self.move(trial, "resume" if resume and self.rng.random() < 0.7 else "cancel", Actor.USER)
        elif what < 0.92 and study.state in (StudyState.RUNNING, StudyState.PAUSED) and self.rng.random() < 0.2:
            self.drain(study, CANCELLED, Actor.USER)
        if study.state is StudyState.RUNNING:
            study.spent += 1

    def settle(self, retries: int = 0) -> int:
        """No more trouble: what is paused goes on, what is live ends well, after so many retries; rounds it took."""
        rounds = 0
        while any(study.state not in STUDY_ENDED for study in self.studies.values()):
            rounds += 1
            assert rounds < 2000, "it never comes to rest"
            for study in self.studies.values():
                if study.state is StudyState.PAUSED:
                    study.state = move_study(study.state, "resume", Actor.USER)
                if study.state is StudyState.RUNNING:
                    study.spent += 1
                    for trial in study.trials:
                        if trial.state is TrialState.PAUSED:
                            self.move(trial, "resume", Actor.USER)
                if study.asked:
                    self.answer(study)
            self.tick()
            for study, trial in self.pairs(*LIVE):
                if trial.state is TrialState.STARTING:
                    self.move(trial, "started", Actor.REAPER)
                elif self.rng.random() < 0.5:
                    self.advance(trial, study, ["retry" if trial.retries < retries else "exit_ok"])
        return rounds


def wants_as_much(one: QueuedView, other: QueuedView) -> bool:
    """Whether it is of the same kind, and would have been in its place."""
    return bool(one.gpus) == bool(other.gpus) and one.gpus >= other.gpus


def check_plan(
    views: dict[int, StudyView], queue: list[QueuedView], gpus: list[str], cpus: list[str], actions: list[Action]
) -> None:
    claims = [a for a in actions if isinstance(a, Claim)]
    entries = {entry.trial_id: entry for entry in queue}
    devices = [slot for c in claims for slot in c.device.split(",")]
    assert len(set(devices)) == len(devices) and len(claims) == len({c.trial_id for c in claims})
    for claim in claims:
        wanted = entries[claim.trial_id].gpus
        assert set(claim.device.split(",")) <= set(gpus if wanted else cpus)
        assert len(claim.device.split(",")) == max(1, wanted)
        assert views[claim.study_id].state is StudyState.RUNNING
    live = {i: v.live + sum(c.study_id == i for c in claims) for i, v in views.items()}
    left = {True: len(gpus), False: len(cpus)}
    for claim in claims:
        left[bool(entries[claim.trial_id].gpus)] -= len(claim.device.split(","))
    spent = {i: v.budget_left is not None and v.budget_left <= 0 for i, v in views.items()}
    for i, view in views.items():
        assert view.parallel is None or live[i] <= max(view.parallel, view.live)
        asks = [a for a in actions if isinstance(a, Ask) and a.study_id == i]
        assert len([a for a in actions if not isinstance(a, Claim) and a.study_id == i]) <= 1
        for ask in asks:
            assert ask.count > 0
            assert view.trials is None or view.counted + view.asked + ask.count <= view.trials
    order = [entry.trial_id for entry in queue]
    claimed = {c.trial_id for c in claims}
    for entry in queue:
        view = views[entry.study_id]
        if entry.trial_id in claimed or spent[view.id]:
            continue
        if view.parallel is not None and live[view.id] >= view.parallel:
            # Its study is full, with trials of its own; those of its kind come before it.
            own = [c.trial_id for c in claims if c.study_id == view.id]
            own = [trial for trial in own if wants_as_much(entries[trial], entry)]
            assert all(order.index(trial) < order.index(entry.trial_id) for trial in own)
            continue
        # It was left out, so its kind of slot ran out, on trials before it in the queue.
        assert left[bool(entry.gpus)] < max(1, entry.gpus)
        same = [c.trial_id for c in claims if wants_as_much(entries[c.trial_id], entry)]
        assert all(order.index(trial) < order.index(entry.trial_id) for trial in same)


@st.composite
def sim_studies(draw: st.DrawFn, study_id: int, has_gpus: bool) -> SimStudy:
    searching = draw(st.integers(0, 5)) > 0
    target = draw(st.none() | st.integers(1, 8)) if searching else None
    points = draw(st.none() | st.integers(1, 10)) if searching else None
    budget = draw(st.none() | st.integers(1, 40))
    if searching and target is None and budget is None:
        budget = 30
    return SimStudy(
        id=study_id,
        priority=draw(st.integers(-2, 2)),
        target=target,
        parallel=draw(st.none() | st.integers(1, 3)),
        gpus=draw(st.integers(0, 1)) if has_gpus else 0,
        ahead=draw(st.integers(1, 5)),
        points=points,
        budget=budget,
        searching=searching,
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    gpus, cpus = draw(st.integers(0, 2)), draw(st.integers(1, 3))
    studies = [draw(sim_studies(i, gpus > 0)) for i in range(1, draw(st.integers(1, 4)) + 1)]
    return World(studies, gpus, cpus, random.Random(draw(st.integers(0, 2**32))))


@given(worlds(), st.integers(0, 150))
@settings(max_examples=120)
def test_every_study_ends_once_with_the_trials_it_was_to_have(world: World, trouble: int):
    for _ in range(trouble):
        world.disturb()
        if world.rng.random() < 0.8:  # some wake-ups are lost
            world.tick()
    world.settle(retries=2)
    for study in world.studies.values():
        assert study.ends == 1
        assert all(trial.state in TERMINAL for trial in study.trials)
        assert study.state is (StudyState.STOPPED if study.reason in (CANCELLED, NOTHING_RAN) else StudyState.COMPLETED)
        if study.target is not None:
            assert study.counted <= study.target
        if study.reason == DONE:
            assert study.target is None or study.counted == study.target
        elif study.reason == BUDGET_SPENT:
            assert study.budget is not None
            assert study.spent >= study.budget
        elif study.reason == EXHAUSTED:
            assert study.exhausted
            assert study.target is None or study.counted < study.target
    assert world.tick() == []


@given(worlds())
@settings(max_examples=60)
def test_nothing_starves_when_everything_goes_well(world: World):
    world.settle()
    for study in world.studies.values():
        whole = study.budget is None and study.searching
        if whole and (study.points is None or study.points >= (study.target or 0)):
            assert study.reason == DONE
            assert study.count(TrialState.COMPLETED) == study.target
        if not study.searching and study.budget is None:
            assert study.count(TrialState.COMPLETED) == 1


@given(st.data(), st.integers(1, 3))
@settings(max_examples=60)
def test_a_plan_never_says_more_than_its_picture_allows(data: st.DataObject, cpus: int):
    """Any picture at all, also one that no daemon would take."""
    count = st.integers(0, 6)
    views = [
        data.draw(
            st.builds(
                StudyView,
                id=st.just(i),
                state=st.sampled_from([StudyState.RUNNING, StudyState.PAUSED, StudyState.DRAINING]),
                counted=count,
                live=count,
                queued=st.just(3),
                paused=count,
                asked=count,
                ahead=count,
                budget_left=st.none() | st.floats(-5, 5),
                trials=st.none() | count,
                parallel=st.none() | st.integers(1, 4),
                searching=st.booleans(),
                exhausted=st.booleans(),
                reason=st.sampled_from([DONE, CANCELLED]),
            )
        )
        for i in range(3)
    ]
    running = [v.id for v in views if v.state is StudyState.RUNNING]
    entries = [QueuedView(10 * i + k, i, data.draw(st.integers(0, 2))) for i in running for k in range(3)]
    queue = data.draw(st.permutations(entries))
    gpus, slots = ["g0", "g1"][: data.draw(st.integers(0, 2))], [f"c{i}" for i in range(cpus)]
    actions = plan(views, queue, gpus, slots)
    check_plan({v.id: v for v in views}, list(queue), gpus, slots, actions)
    for action in actions:
        view = views[action.study_id]
        if isinstance(action, End):
            assert view.state is StudyState.DRAINING
            assert view.live == 0
