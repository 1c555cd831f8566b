from __future__ import annotations

import pytest

from tuned.core.errors import Conflict, InvalidInput
from tuned.core.playbook.pipeline import Pipeline, Step, StepState, begin, end, pipeline_of, shares, steer
from tuned.core.playbook.tables import STEPS, Playbook
from tuned.core.study import SearchSpec
from tuned.core.study.searching import search_now

SEARCH = SearchSpec(trials=20)
TRIALS = {"coarse": 6, "bayesian": 10, "refine": 4}


def whole(**over: object) -> Pipeline:
    return pipeline_of(Playbook(trials=TRIALS, **over))  # type: ignore[arg-type]


def done(pipeline: Pipeline, key: str, until: int, of: int | None = 20) -> Pipeline:
    return pipeline.put(end(pipeline[key], StepState.DONE, "", 2.0, {"until": until, "of": of}))


def test_steps_come_in_order_and_survive_as_json():
    pipeline = whole(pause_before=("confirm",))
    assert [step.id for step in pipeline.steps] == list(STEPS)
    assert pipeline["coarse"].options == {"trials": 6} and pipeline["confirm"].options == {"top": 3, "seeds": 5}
    assert pipeline["confirm"].state is StepState.PAUSED
    assert Pipeline.from_list(pipeline.to_list()) == pipeline
    assert pipeline.current is pipeline.steps[0] and not pipeline.over


def test_each_step_of_the_search_asks_for_its_own_points_only():
    pipeline = whole()
    assert search_now(SEARCH, None) is SEARCH
    assert search_now(SEARCH, pipeline).trials == 0  # not begun
    pipeline = pipeline.put(begin(pipeline["coarse"], 0, 1.0))
    assert (search_now(SEARCH, pipeline).method, search_now(SEARCH, pipeline).trials) == ("sobol", 6)
    pipeline = done(pipeline, "coarse", 6)
    assert search_now(SEARCH, pipeline).trials == 6  # between two steps nothing is asked for
    pipeline = pipeline.put(begin(pipeline["bayesian"], 6, 2.0))
    assert (search_now(SEARCH, pipeline).method, search_now(SEARCH, pipeline).trials) == ("bayesian", 16)
    held = steer(pipeline, "bayesian", "pause", 3.0)
    assert search_now(SEARCH, held).trials == 6
    assert search_now(SEARCH, steer(held, "bayesian", "resume", 4.0)).trials == 16


def test_after_the_search_its_trials_are_those_it_had_until_somebody_asks_for_more():
    pipeline = done(done(done(whole(), "coarse", 6), "bayesian", 12), "refine", 12)
    assert search_now(SEARCH, pipeline).trials == 12
    assert search_now(SearchSpec(trials=25), pipeline).trials == 17
    grid = SearchSpec(trials=20, method="grid")
    assert search_now(grid, whole().put(begin(whole()["coarse"], 0, 1.0))).method == "grid"


def test_a_step_by_hand_does_not_wait_and_holds_the_search_where_it_was():
    pipeline, step = Pipeline().add("confirm", {"top": 1})
    assert step.by_hand and pipeline.active == [step] and pipeline.current is None
    assert search_now(SEARCH, pipeline) is SEARCH
    held = pipeline.put(end(step, StepState.DONE, "", 1.0, {"until": 7, "of": 20}))
    assert search_now(SEARCH, held).trials == 7
    with pytest.raises(Conflict, match="under way"):
        pipeline.add("confirm", {})
    again, second = held.add("confirm", {})
    assert second.id == "confirm-2" and again["confirm"] is second and again["confirm-2"] is second


def test_steering():
    pipeline = whole()
    skipped = steer(pipeline, "coarse", "skip", 1.0)
    assert skipped["coarse"].state is StepState.SKIPPED
    assert skipped.current is not None and skipped.current.name == "bayesian"
    for key, action, error in (
        ("coarse", "resume", Conflict),
        ("nothing", "skip", InvalidInput),
        ("coarse", "stop", InvalidInput),
    ):
        with pytest.raises(error):
            steer(pipeline, key, action, 1.0)
    with pytest.raises(Conflict, match="skipped"):
        steer(skipped, "coarse", "pause", 1.0)


def test_the_last_of_a_name_is_found():
    pipeline = Pipeline(
        (
            Step("confirm", "confirm", StepState.DONE, ended_at=1.0),
            Step("confirm-2", "confirm", StepState.FAILED, ended_at=3.0),
            Step("confirm-3", "confirm", StepState.DONE, ended_at=2.0),
        )
    )
    found = pipeline.last("confirm")
    assert found is not None and found.id == "confirm-3" and pipeline.over
    assert pipeline.last("finalize") is None


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
