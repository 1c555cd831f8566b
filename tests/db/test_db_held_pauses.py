"""A person's pause of a trial holds until the person lets it go on, whatever else has it stop."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from storage import queries, repository
from tests.db.conftest import NOW, Lab
from tuned.core.states import Actor, StopReason, TrialState
from tuned.core.study import Resume, RunSpec
from tuned.core.trials.endings import Fate
from tuned.core.trials.metric_lines import Chunk
from tuned.daemon.attempts.commits import Progress, commit_ending
from tuned.daemon.attempts.lost_cards import LostCards
from tuned.daemon.verbs import acting, pausing
from tuned.daemon.verbs.effect import Effect

SAVES = RunSpec("script", script="/x/train.py", resume=Resume("last.ckpt", ()), retries={"lost": 1})


@pytest.fixture
def trial(lab: Lab) -> int:
    (trial,) = lab.queue(lab.study("s", run=SAVES))
    lab.claim(trial, device="GPU-a")
    return trial


def pause(lab: Lab, level: str, *, leaves_card: bool = False, cuda_tool: bool = False) -> Effect:
    return lab.do(pausing._pause, ["s/1"], level, cuda_tool, NOW, leaves_card)


def resume(lab: Lab, target: str = "s/1") -> Effect:
    return lab.do(acting._apply, "resume", [target], NOW)


def ended(lab: Lab, trial: int) -> TrialState:
    """The trial's process ends as it was told to."""
    return lab.end(trial, "exit_paused")


def test_who_leaves_a_card_for_somebody_else_goes_on_by_itself(lab: Lab, trial: int) -> None:
    assert pause(lab, "auto", leaves_card=True).changed == ["s/1"]
    assert ended(lab, trial) is TrialState.QUEUED


def test_a_frozen_one_leaves_its_card_and_stays_paused(lab: Lab, trial: int) -> None:
    pause(lab, "freeze")
    effect = pause(lab, "auto", leaves_card=True)
    assert effect.changed == ["s/1"] and "stays paused until: tunectl resume s/1" in effect.effects[0]
    assert ended(lab, trial) is TrialState.PAUSED
    assert lab.by_id(trial).reason == "paused by you; it has left its card to somebody else"


def test_a_frozen_one_on_a_lost_card_stays_paused(lab: Lab, trial: int) -> None:
    slots: Any = SimpleNamespace(lost={"GPU-a": "GPU is lost"}, label=lambda _: "gpu:0")
    attempt: Any = SimpleNamespace(trial_id=trial, device="GPU-a")
    pause(lab, "freeze")
    assert lab.do(LostCards(lab.database, slots, {}, slots)._stop, attempt)
    assert ended(lab, trial) is TrialState.PAUSED
    assert lab.by_id(trial).reason == "gpu:0: GPU is lost"


def test_a_frozen_one_whose_process_is_lost_waits_to_be_tried_again(lab: Lab, trial: int) -> None:
    pause(lab, "freeze")
    progress = Progress(trial, 1, 0, 0, None, Chunk(), [])
    assert lab.do(commit_ending, progress, Fate.VANISHED, None, "", NOW).state is TrialState.PAUSED
    assert resume(lab).changed == ["s/1"] and lab.by_id(trial).state is TrialState.QUEUED


@pytest.mark.parametrize("pauses_first", [True, False])
def test_of_a_pause_and_a_yield_at_once_the_pause_holds(lab: Lab, trial: int, pauses_first: bool) -> None:
    for leaves_card in (False, True) if pauses_first else (True, False):
        effect = pause(lab, "checkpoint", leaves_card=leaves_card)
        assert not effect.skipped, "neither is refused: the one has its card free, the other its trial paused"
    assert ended(lab, trial) is TrialState.PAUSED


@pytest.mark.parametrize("target", ["s/1", "s"])
def test_a_person_who_changes_their_mind_while_it_stops_is_heard(lab: Lab, trial: int, target: str) -> None:
    pause(lab, "freeze")
    pause(lab, "auto", leaves_card=True)
    assert resume(lab, target).changed == ["s/1"]
    assert lab.by_id(trial).stop_reason is StopReason.PAUSE
    assert ended(lab, trial) is TrialState.QUEUED


def test_of_one_whose_memory_has_left_the_card_nothing_more_is_wanted(lab: Lab, trial: int) -> None:
    pause(lab, "cuda", cuda_tool=True)
    effect = pause(lab, "auto", cuda_tool=True, leaves_card=True)
    assert not effect.changed and not effect.skipped and "moved to main memory already" in effect.effects[0]
    assert lab.by_id(trial).held and lab.by_id(trial).stop_reason is None


def test_a_person_takes_over_one_that_stands_still_for_somebody_else(lab: Lab, trial: int) -> None:
    assert pause(lab, "cuda", cuda_tool=True, leaves_card=True).changed == ["s/1"]
    assert not lab.by_id(trial).held
    assert pause(lab, "auto").changed == ["s/1"]
    assert lab.by_id(trial).held and lab.by_id(trial).frozen_by == "cuda"
    with pytest.raises(Exception, match="frozen already"):
        pause(lab, "freeze")


def test_frozen_twice_it_stands_still_from_the_first_time_on(lab: Lab, trial: int) -> None:
    (other,) = lab.queue(lab.study("t"))
    attempt = lab.do(repository.claim, other, "GPU-b", "b" * 32, "/runs/t/1", NOW)
    lab.do(repository.started, other, attempt, {"supervisor_pid": 4, "supervisor_start": 5, "started_at": NOW}, NOW)
    for at, level in ((10, "freeze"), (20, "cuda")):
        assert lab.do(repository.set_frozen, other, True, level, Actor.USER, NOW + at)
    lab.do(repository.set_frozen, other, False, "", Actor.USER, NOW + 30)
    assert lab.ask(queries.card_stays, NOW)["GPU-b"][0].still == ((NOW + 10, NOW + 30),)
