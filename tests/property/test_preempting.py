"""Preemption in a closed loop: trials of any length, priority and habit of saving, until all have ended."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from tuned.core.cards.shares import choose, share_of
from tuned.core.queue.preempting import MOST_PREEMPTIONS, Holder, Urgent, make_room, why_none

CARDS = ("g0", "g1")


@dataclass
class Trial:
    id: int
    priority: int
    urgent: bool
    gpus: float
    work: int
    saves_every: int
    arrives: int
    done: int = 0
    device: str = ""
    begun: int = 0
    preempted: int = 0
    leaving: bool = False
    ended: int | None = None

    @property
    def lost(self) -> int:
        return self.done % self.saves_every


@st.composite
def trials(draw: st.DrawFn, number: int) -> Trial:
    urgent = draw(st.booleans())
    return Trial(
        id=number,
        priority=draw(st.integers(100, 102) if urgent else st.integers(-2, 2)),
        urgent=urgent,
        gpus=draw(st.sampled_from([0.5, 1.0, 2.0])),
        work=draw(st.integers(1, 12)),
        saves_every=draw(st.integers(1, 5)),
        arrives=draw(st.integers(0, 20)),
    )


class World:
    def __init__(self, trials: list[Trial]) -> None:
        self.trials = trials
        self.now = 0

    def live(self) -> list[Trial]:
        return [t for t in self.trials if t.device]

    def waiting(self) -> list[Trial]:
        found = [t for t in self.trials if not t.device and t.ended is None and t.arrives <= self.now]
        return sorted(found, key=lambda t: (-t.priority, t.id))

    def shares(self) -> dict[str, float]:
        used = dict.fromkeys(CARDS, 0.0)
        for trial in self.live():
            for card in trial.device.split(","):
                used[card] += share_of(trial.gpus)
        assert max(used.values()) <= 1.0 + 1e-6
        return {card: 1.0 - used[card] for card in CARDS}

    def step(self) -> None:
        self.now += 1
        for trial in self.live():
            trial.done += 1
            if trial.done == trial.work:
                trial.ended, trial.device = self.now, ""
            elif trial.leaving:
                trial.done -= trial.lost
                trial.device, trial.leaving = "", False
        for trial in self.waiting():
            chosen = choose(self.shares(), trial.gpus)
            if not chosen:
                self.make_room(trial)
                return  # nobody behind it takes what it waits for
            trial.device, trial.begun = ",".join(chosen), self.now

    def make_room(self, trial: Trial) -> None:
        if not trial.urgent:
            return
        urgent = Urgent(trial.id, trial.priority, trial.gpus)
        by_id = {t.id: t for t in self.live()}
        victims = make_room(urgent, [self.holder(t) for t in by_id.values()], self.shares())
        for victim in victims:
            assert victim.priority < trial.priority and victim.preempted < MOST_PREEMPTIONS and not victim.leaving
            assert victim.rest_s is None or victim.rest_s > victim.loss_s
            by_id[victim.trial_id].leaving = True
            by_id[victim.trial_id].preempted += 1
        if victims:
            again = make_room(urgent, [self.holder(t) for t in by_id.values()], self.shares())
            assert again == [], "who leaves is counted, so that nobody else is asked to"

    def holder(self, t: Trial) -> Holder:
        rest = float(t.work - t.done)
        share = share_of(t.gpus)
        return Holder(t.id, t.priority, t.device, share, True, float(t.lost), rest, t.begun, t.preempted, t.leaving)


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(*(trials(i) for i in range(n)))))
@settings(max_examples=150)
def test_every_trial_ends_whatever_was_urgent(drawn: tuple[Trial, ...]) -> None:
    world = World(list(drawn))
    # Even one after the other, and with all that can be lost done again.
    longest = 20 + sum(t.work + 2 + MOST_PREEMPTIONS * (t.saves_every + 2) for t in drawn)
    while any(t.ended is None for t in drawn):
        world.step()
        assert world.now <= longest, "somebody starves"


def holder(trial_id: int, device: str, **over: object) -> Holder:
    known: dict[str, object] = {"share": 1.0, "yields": True, "loss_s": 10.0, "rest_s": None, "begun_at": 0.0}
    return Holder(trial_id, 0, device, **{**known, **over})  # type: ignore[arg-type]


def victims(gpus: float, *holders: Holder, free: float = 0.0) -> list[int]:
    found = make_room(Urgent(9, 100, gpus), holders, dict.fromkeys(CARDS, free))
    return [victim.trial_id for victim in found]


def test_the_cheapest_makes_room() -> None:
    one, other = holder(1, "g0", loss_s=60.0), holder(2, "g1", loss_s=5.0)
    assert victims(1.0, one, other) == [2]
    assert victims(2.0, one, other) == [2, 1]
    late = holder(3, "g0", loss_s=5.0, begun_at=7.0)
    assert victims(1.0, late, other) == [3], "of equals the one that began last"
    assert victims(1.0, one, holder(2, "g1", yields=False)) == [1]
    assert victims(1.0, holder(1, "g0", loss_s=60.0, rest_s=50.0), holder(2, "g1", yields=False)) == []
    assert victims(1.0, holder(1, "g0", leaving=True), other) == [], "room is on its way"
    assert victims(1.0, one, other, free=1.0) == []
    halves = [holder(i, "g0", share=0.5, loss_s=float(i)) for i in (1, 2)]
    assert victims(0.5, *halves, holder(3, "g1", yields=False)) == [1]
    assert victims(1.0, *halves, holder(3, "g1", yields=False)) == [1, 2]
    assert victims(1.0, holder(1, "g0,g1", loss_s=1.0)) == [1]


def test_it_is_said_why_nobody_makes_room() -> None:
    there = [
        holder(1, "g0", yields=False),
        holder(2, "g0", yields=False),
        holder(3, "g1", preempted=MOST_PREEMPTIONS),
        holder(4, "g1", rest_s=5.0),
        Holder(5, 100, "g1", 1.0, True, 1.0, None, 0.0),
    ]
    assert why_none(Urgent(9, 100, 1.0), there) == (
        "no running trial makes room: 2 x no checkpoint to go on from, or not preemptible, "
        "1 x made room 3 times already, 1 x ends sooner than its lost work would take, 1 x no lower priority"
    )
