from __future__ import annotations

import pytest

from tuned.core.errors import Conflict, InvalidInput
from tuned.core.playbook.spec import STEPS, PlaybookSpec
from tuned.core.playbook.steps import Playbook, Step, StepState, begin, end, planned, shares, steer
from tuned.core.study import SearchSpec
from tuned.core.study.searching import search_now

SEARCH = SearchSpec(trials=20)
TRIALS = {"coarse": 6, "bayesian": 10, "refine": 4}


def whole(**over: object) -> Playbook:
    return planned(PlaybookSpec(trials=TRIALS, **over))  # type: ignore[arg-type]


def done(playbook: Playbook, key: str, until: int, of: int | None = 20) -> Playbook:
    return playbook.put(end(playbook[key], StepState.DONE, "", 2.0, {"until": until, "of": of}))


def test_steps_come_in_order_and_survive_as_json():
    playbook = whole(pause_before=("confirm",))
    assert [step.id for step in playbook.steps] == list(STEPS)
    assert playbook["coarse"].options == {"trials": 6} and playbook["confirm"].options == {"top": 3, "seeds": 5}
    assert playbook["confirm"].state is StepState.PAUSED
    assert Playbook.from_list(playbook.to_list()) == playbook
    assert playbook.current is playbook.steps[0] and not playbook.over


def test_each_step_of_the_search_asks_for_its_own_points_only():
    playbook = whole()
    assert search_now(SEARCH, None) is SEARCH
    assert search_now(SEARCH, playbook).trials == 0  # not begun
    playbook = playbook.put(begin(playbook["coarse"], 0, 1.0))
    assert (search_now(SEARCH, playbook).method, search_now(SEARCH, playbook).trials) == ("sobol", 6)
    playbook = done(playbook, "coarse", 6)
    assert search_now(SEARCH, playbook).trials == 6  # between two steps nothing is asked for
    playbook = playbook.put(begin(playbook["bayesian"], 6, 2.0))
    assert (search_now(SEARCH, playbook).method, search_now(SEARCH, playbook).trials) == ("bayesian", 16)
    held = steer(playbook, "bayesian", "pause", 3.0)
    assert search_now(SEARCH, held).trials == 6
    assert search_now(SEARCH, steer(held, "bayesian", "resume", 4.0)).trials == 16


def test_after_the_search_its_trials_are_those_it_had_until_somebody_asks_for_more():
    playbook = done(done(done(whole(), "coarse", 6), "bayesian", 12), "refine", 12)
    assert search_now(SEARCH, playbook).trials == 12
    assert search_now(SearchSpec(trials=25), playbook).trials == 17
    grid = SearchSpec(trials=20, method="grid")
    assert search_now(grid, whole().put(begin(whole()["coarse"], 0, 1.0))).method == "grid"


def test_a_step_by_hand_does_not_wait_and_holds_the_search_where_it_was():
    playbook, step = Playbook().add("confirm", {"top": 1})
    assert step.by_hand and playbook.active == [step] and playbook.current is None
    assert search_now(SEARCH, playbook) is SEARCH
    held = playbook.put(end(step, StepState.DONE, "", 1.0, {"until": 7, "of": 20}))
    assert search_now(SEARCH, held).trials == 7
    with pytest.raises(Conflict, match="under way"):
        playbook.add("confirm", {})
    again, second = held.add("confirm", {})
    assert second.id == "confirm-2" and again["confirm"] is second and again["confirm-2"] is second


def test_steering():
    playbook = whole()
    skipped = steer(playbook, "coarse", "skip", 1.0)
    assert skipped["coarse"].state is StepState.SKIPPED
    assert skipped.current is not None and skipped.current.name == "bayesian"
    for key, action, error in (
        ("coarse", "resume", Conflict),
        ("nothing", "skip", InvalidInput),
        ("coarse", "stop", InvalidInput),
    ):
        with pytest.raises(error):
            steer(playbook, key, action, 1.0)
    with pytest.raises(Conflict, match="skipped"):
        steer(skipped, "coarse", "pause", 1.0)


def test_the_last_of_a_name_is_found():
    playbook = Playbook(
        (
            Step("confirm", "confirm", StepState.DONE, ended_at=1.0),
            Step("confirm-2", "confirm", StepState.FAILED, ended_at=3.0),
            Step("confirm-3", "confirm", StepState.DONE, ended_at=2.0),
        )
    )
    found = playbook.last("confirm")
    assert found is not None and found.id == "confirm-3" and playbook.over
    assert playbook.last("finalize") is None


@pytest.mark.parametrize(
    ("steps", "trials", "given", "found"),
    [
        (STEPS, 20, {}, {"coarse": 6, "bayesian": 10, "refine": 4}),
        (("coarse", "bayesian"), 12, {}, {"coarse": 6, "bayesian": 6}),
        (("bayesian",), 7, {}, {"bayesian": 7}),
        (STEPS, 30, {"coarse": 9}, {"coarse": 9, "bayesian": 15, "refine": 6}),
        (STEPS, 3, {}, {"coarse": 1, "bayesian": 1, "refine": 1}),
        (("confirm", "report"), 30, {}, {}),
        (("coarse", "refine"), None, {"coarse": 4, "refine": 2}, {"coarse": 4, "refine": 2}),
    ],
)
def test_every_step_of_the_search_gets_its_share(steps, trials, given, found):
    assert shares(steps, trials, given, coarse=6) == found
    assert sum(found.values()) in (trials, sum(given.values()), 0)


@pytest.mark.parametrize(
    ("steps", "trials", "given", "says"),
    [
        (("coarse", "bayesian"), None, {"coarse": 4}, "how many trials bayesian gets"),
        (STEPS, 2, {}, "leaves 2 of 2 trials"),
        (("coarse", "refine"), 10, {"coarse": 4, "refine": 2}, "adds up to 6"),
    ],
)
def test_shares_that_do_not_add_up(steps, trials, given, says):
    with pytest.raises(InvalidInput, match=says):
        shares(steps, trials, given, coarse=5)


def test_points_of_ones_own_take_the_places_of_later_steps_and_the_whole_keeps_its_size():
    playbook = done(planned(PlaybookSpec(("coarse", "bayesian"), trials={"coarse": 4, "bayesian": 2})), "coarse", 5, 6)
    playbook = playbook.put(begin(playbook["bayesian"], 5, 3.0))  # one point was enqueued beside the four of `coarse`
    assert search_now(SearchSpec(trials=6), playbook).trials == 6
    assert search_now(SearchSpec(trials=None), playbook).trials == 7  # a search without a size has none to exceed
