"""Packing in a closed loop: trials that use cards, slowed down by their neighbours, until all have ended."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuned.core.cards.packing import (
    FULL,
    MOST,
    Guest,
    Pair,
    Ran,
    SharedCard,
    cards_to_join,
    footprint,
    in_words,
    is_time,
    pair_of,
    together,
    wanted_count,
    worth,
)
from tuned.core.cards.shares import share_of
from tuned.core.queue.schedule import Claim, QueuedView, StudyView, plan
from tuned.core.search.memory_fit import MemoryFit
from tuned.core.space import SearchSpace
from tuned.core.states import StudyState
from tuned.core.study_file.space_file import parse_space

CARDS, MEMORY = ("g0", "g1"), 24.0


@dataclass
class Kind:
    """A study: what its trials take, and how much each neighbour slows them down."""

    id: int
    memory: float
    busy: float
    contention: float
    any: bool
    shares: bool


@dataclass
class Trial:
    id: int
    kind: Kind
    work: float
    done: float = 0.0
    card: str = ""
    ended: int | None = None


@dataclass
class World:
    trials: list[Trial]
    packs: bool = True
    now: int = 0
    gains: dict[Pair, dict[int, float]] = field(default_factory=dict)
    alone: dict[int, int] = field(default_factory=dict)

    def on(self, card: str) -> list[Trial]:
        return [t for t in self.trials if t.card == card]

    def pace(self, trial: Trial) -> float:
        beside = self.on(trial.card)
        busy = sum(t.kind.busy for t in beside)
        return min(1.0, FULL / busy) * (1.0 - trial.kind.contention) ** (len(beside) - 1)

    def step(self) -> None:
        self.now += 1
        paces = {t.id: self.pace(t) for t in self.trials if t.card}
        for card in CARDS:
            here = self.on(card)
            if len(here) > 1:
                guests = [t.kind.id for t in here]
                measured = {kind: [paces[t.id] for t in here if t.kind.id == kind] for kind in guests}
                gain = together(measured, guests)
                assert gain is not None
                self.gains.setdefault(pair_of(guests), {})[len(here)] = gain
        for trial in [t for t in self.trials if t.card]:
            trial.done += paces[trial.id]
            if trial.done >= trial.work:
                trial.ended, trial.card = self.now, ""
                self.alone[trial.kind.id] = self.alone.get(trial.kind.id, 0) + 1
        self.start()

    def guest(self, trial: Trial) -> Guest | None:
        kind = trial.kind
        known = kind.shares and self.alone.get(kind.id, 0) >= 2
        return Guest(kind.id, kind.memory, kind.busy, kind.any) if known and self.packs else None

    def start(self) -> None:
        waiting = [t for t in self.trials if not t.card and t.ended is None]
        shares = {card: 1.0 - sum(share_of(1.0) for _ in self.on(card)) for card in CARDS}
        guests = {card: [self.guest(t) for t in self.on(card)] for card in CARDS}
        cards = [
            SharedCard(card, MEMORY, 0.0, None if None in found else tuple(g for g in found if g))
            for card, found in guests.items()
        ]
        new = [(t, self.guest(t)) for t in waiting]
        joins = {t.id: cards_to_join(g, cards, self.gains) for t, g in new if g is not None}
        studies = {
            t.kind.id: StudyView(
                t.kind.id, StudyState.RUNNING, 0, 0, 0, 0, 0, 0, None, None, None, False, False, "", pending=True
            )
            for t in waiting
        }
        queue = [QueuedView(t.id, t.kind.id, 1.0) for t in waiting]
        by_id = {t.id: t for t in waiting}
        for action in plan(list(studies.values()), queue, shares, (), len(CARDS), joins):
            assert isinstance(action, Claim)
            trial = by_id[action.trial_id]
            there = [t.kind.id for t in self.on(action.device)]
            assert not there or worth(self.gains, there, trial.kind.id)
            assert len(there) < 2 or len(there) in self.gains[pair_of(there)], "one joins at a time, to be measured"
            trial.card = action.device
        self.check()

    def check(self) -> None:
        for card in CARDS:
            here = self.on(card)
            if len(here) > 1:
                assert sum(t.kind.memory for t in here) <= MEMORY and len(here) <= MOST
                assert sum(t.kind.busy for t in here) <= FULL
                assert all(t.kind.shares and self.packs for t in here)
                assert len({t.kind.id for t in here}) == 1 or all(t.kind.any for t in here)

    def play(self) -> int:
        self.start()
        longest = 10 + sum(round(t.work * 12) for t in self.trials)
        while any(t.ended is None for t in self.trials):
            self.step()
            assert self.now <= longest, "somebody starves"
        return self.now


kinds = st.builds(
    Kind,
    id=st.just(0),
    memory=st.floats(1, 24),
    busy=st.floats(5, 100),
    contention=st.sampled_from([0.0, 0.2, 0.6]),
    any=st.booleans(),
    shares=st.booleans(),
)


def trials(drawn: list[Kind], works: list[tuple[int, int]]) -> list[Trial]:
    own = [Kind(i, k.memory, k.busy, k.contention, k.any, k.shares) for i, k in enumerate(drawn)]
    return [Trial(number, own[which % len(own)], work) for number, (which, work) in enumerate(works)]


@given(st.lists(kinds, min_size=1, max_size=3), st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), max_size=14))
@settings(max_examples=120)
def test_trials_share_within_the_rules_and_all_of_them_end(drawn: list[Kind], works: list[tuple[int, int]]) -> None:
    World(trials(drawn, works)).play()


def test_small_trials_are_done_sooner_and_those_that_hinder_each_other_are_packed_once() -> None:
    small, works = Kind(0, 3.0, 30.0, 0.05, False, True), [(0, 6)] * 24
    packed, whole = World(trials([small], works)), World(trials([small], works), packs=False)
    assert packed.play() <= 0.6 * whole.play()
    hindered = World(trials([Kind(0, 3.0, 30.0, 0.5, False, True)], works))
    hindered.play()
    assert list(hindered.gains.items()) == [((0,), {2: 1.0})]
    assert not worth(hindered.gains, [0], 0)


SPACE: SearchSpace = parse_space({"width": {"type": "int", "low": 1, "high": 256, "log": True}})


def ran(width: int, **over: object) -> Ran:
    known: dict[str, object] = {"memory": 2.0**30 * width, "busy": 34.0, "alone": True, "speed": 2.0, "seconds": 60.0}
    return Ran({"width": width}, **{**known, **over})  # type: ignore[arg-type]


def test_what_a_trial_takes_is_measured_alone_and_predicted_by_its_parameters() -> None:
    assert footprint(SPACE, [ran(1), ran(2, alone=False), ran(3, memory=None)], 2) is None
    only = footprint(SPACE, [ran(4)], 1)
    assert only is not None and only.need({"width": 99}) == 5.0 * 2**30, "on one card the second need not wait for it"
    assert footprint(SPACE, [ran(1, alone=False)], 0) is None
    two = footprint(SPACE, [ran(1, busy=30.0), ran(2, busy=38.0)], 2)
    assert two is not None and (two.busy, two.need({"width": 99})) == (34.0, 2.5 * 2**30)
    shared = footprint(SPACE, [ran(1, alone=False), ran(8, alone=False)], 2, two)
    assert shared is not None and (shared.busy, shared.memory) == (34.0, 8 * 2**30), "they may share their card since"
    four = footprint(SPACE, [ran(w) for w in (1, 4, 16, 64)], 2)
    assert four is not None
    assert four.need({"width": 32}) == pytest.approx(1.1 * 32 * 2**30, rel=0.02), "with a margin of a tenth"
    assert MemoryFit.of(SPACE, [({"width": 8}, 1024.0)]).log2({"width": 8}) == 10.0


def test_in_words() -> None:
    taken = footprint(SPACE, [ran(3), ran(3)], 2)
    assert taken is not None
    card, alone = 24 * 2.0**30, "1 a card: 3.0 of 24.0 GiB, 34% busy alone"
    assert in_words(taken, card, {}) == alone
    assert in_words(taken, card, {2: 1.7}) == "2 a card: 3.0 of 24.0 GiB, 34% busy alone; together 1.7x"
    assert in_words(taken, card, {2: 1.04}) == f"{alone}; 2 together 1.04x, less than a tenth more: not packed again"
    assert [wanted_count(taken, card, gains, 1) for gains in ({}, {2: 1.7}, {2: 1.04})] == [2, 2, 1]


@pytest.mark.parametrize("name", ["latency_ms", "step_time", "tokens_per_second", "it/s", "fps", "train_seconds"])
def test_a_time_is_known_by_its_name(name: str) -> None:
    assert is_time(name)
    assert not any(map(is_time, ("loss", "val_acc", "wer", "timesteps_reward", "ms_ssim", "mse")))


def test_those_that_came_in_the_place_of_others_count_and_too_few_say_nothing() -> None:
    assert together({1: [0.9, 0.7, 0.8], 2: [0.5]}, [1, 1, 2]) == pytest.approx(2 * 0.8 + 0.5)
    assert together({1: [0.9, 0.7]}, [1, 1, 2]) is None
    assert together({1: [0.9]}, [1, 1]) is None
