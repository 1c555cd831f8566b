"""What the advisor is told of a study before it is asked, as it would read it itself."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from storage import queries, repository
from storage.repository import NewSpace
from tests.patience import DEADLINE_S
from tuned.advisor.messages import (
    DefineStudy,
    Forget,
    ObjectiveLine,
    Ping,
    Request,
    Suggest,
    Suggestion,
    UpdateTrials,
    read_request,
)
from tuned.core.queue.schedule import Ask
from tuned.core.search.model_share import CONVERGED, FALLBACK
from tuned.core.space import Parameter, SearchSpace, canonical_key
from tuned.core.states import Actor, Failure, TrialState
from tuned.core.study import Constraint, RunSpec, SearchPhase, SearchSpec
from tuned.core.study_file.space_file import parse_space
from tuned.daemon.loops import Loops
from tuned.daemon.machine.slots import Slots
from tuned.daemon.search.advisor_process import AdvisorFailed, AdvisorProcess
from tuned.daemon.search.asking import Asking, Suggested, _line
from tuned.daemon.search.points import add_design_points, untried
from tuned.daemon.search.suggesting import Suggesting

if TYPE_CHECKING:
    from conftest import Lab

NOW = 1_000_000.0
BOUNDS = (Constraint("latency", at_most=20.0), Constraint("accuracy", at_least=0.9))
MODEL = SearchSpec("bayesian", 30)


def hung() -> AdvisorFailed:
    failed = AdvisorFailed("no answer")
    failed.hung = True
    return failed


class ReadingAdvisor:
    """Reads each request as the real one does, and keeps those about studies."""

    state = "ready"

    def __init__(self) -> None:
        self.generation = 1
        self.heard: list[Request] = []
        self.hangs_at: set[int] = set()
        self._turn = asyncio.Lock()

    async def exclusive(self) -> asyncio.Lock:
        return self._turn

    async def start(self) -> None:
        return

    async def ask(self, request: dict[str, Any], within_s: float = 0.0) -> dict[str, Any]:
        _, read = read_request(json.dumps({**request, "id": 1}).encode())
        if not isinstance(read, Ping):
            self.heard.append(read)
        if isinstance(read, Suggest) and read.study in self.hangs_at:
            raise hung()
        return Suggestion({"lr": 0.5, "width": 3}, "bayesian", "so").to_answer() if isinstance(read, Suggest) else {}

    def told(self) -> list[list[int]]:
        """Numbers of the trials in each update since this was called last."""
        heard, self.heard = self.heard, []
        return [[row.number for row in update.rows] for update in heard if isinstance(update, UpdateTrials)]


class _NoGpu:
    gpus: tuple[Any, ...] = ()
    default_gpus = 0


@pytest.fixture
def advisor() -> ReadingAdvisor:
    return ReadingAdvisor()


@pytest.fixture
def asking(lab: Lab, advisor: ReadingAdvisor) -> Asking:
    return asked_of(lab, advisor, ReadingAdvisor())


def asked_of(lab: Lab, shared: ReadingAdvisor, slow: ReadingAdvisor) -> Asking:
    processes = (cast("AdvisorProcess", shared), cast("AdvisorProcess", slow))
    return Asking(lab.database, *processes, cast("Slots", _NoGpu()))


async def test_the_study_its_trials_and_the_question(lab: Lab, asking: Asking, advisor: ReadingAdvisor) -> None:
    study_id = lab.study(search=MODEL, constraints=BOUNDS)
    good, bad, running = lab.queue(study_id, 3)
    for trial_id in (good, bad, running):
        lab.claim(trial_id)
        lab.report(trial_id, ("loss", 0, math.inf if trial_id == good else 0.5))
    lab.end(good)
    lab.end(bad, "exit_error", failure=Failure.OOM)
    answer = await asking.ask(study_id, 1)
    definition, update, question = advisor.heard
    assert isinstance(definition, DefineStudy) and isinstance(update, UpdateTrials)
    assert definition.space == lab.study_row(study_id).spec.space and definition.seed == MODEL.seed
    assert definition.objectives == (
        ObjectiveLine("loss", "minimize"),
        ObjectiveLine("latency", "minimize", 20.0),
        ObjectiveLine("accuracy", "maximize", 0.9),
    )
    assert [(row.state, row.failure, row.values) for row in sorted(update.rows, key=lambda row: row.number)] == [
        (TrialState.COMPLETED, None, {"loss": math.inf}),
        (TrialState.FAILED, Failure.OOM, {"loss": 0.5}),
        (TrialState.RUNNING, None, {}),
    ]
    assert question == Suggest(study_id, 4, answer.way.way, 1)
    assert [(s.params, s.origin, s.why) for s in answer.suggestions] == [({"lr": 0.5, "width": 3}, "bayesian", "so")]


async def test_only_news_is_told(lab: Lab, asking: Asking, advisor: ReadingAdvisor) -> None:
    study_id = lab.study(search=MODEL)
    for number in range(1, 4):
        lab.completed(study_id, float(number), params={"lr": 0.1, "width": number})
    await asking.ask(study_id, 1)
    assert [sorted(numbers) for numbers in advisor.told()] == [[1, 2, 3]]
    await asking.ask(study_id, 1)
    assert advisor.told() == []
    lab.completed(study_id, 4.0, params={"lr": 0.1, "width": 4})
    await asking.ask(study_id, 1)
    assert advisor.told() == [[4]]
    # A new process knows nothing, and in a new space every point means something else.
    advisor.generation += 1
    await asking.ask(study_id, 1)
    assert [sorted(numbers) for numbers in advisor.told()] == [[1, 2, 3, 4]]
    wider = SearchSpace((Parameter("lr", "float", 0.0, 2.0), Parameter("width", "int", 1, 64)))
    spec = replace(lab.study_row(study_id).spec, space=wider)
    lab.do(repository.new_space, study_id, spec, NewSpace("user", "more room", ["lr.high: 1 -> 2"], {}), NOW)
    await asking.ask(study_id, 1)
    assert [sorted(numbers) for numbers in advisor.told()] == [[1, 2, 3, 4]]


async def test_the_advisor_lets_go_of_studies_that_are_over(lab: Lab, asking: Asking, advisor: ReadingAdvisor) -> None:
    over, other = lab.study("over", search=MODEL), lab.study("other", search=MODEL)
    for study_id in (over, other):
        lab.completed(study_id, 1.0)
    await asking.ask(over, 1)
    asking.forget(other)  # which it has never heard of
    asking.forget(over)
    advisor.heard.clear()
    await asking.ask(other, 1)
    assert advisor.heard[0] == Forget(over)
    assert [type(request) for request in advisor.heard[1:]] == [DefineStudy, UpdateTrials, Suggest]
    advisor.heard.clear()
    # More trials were asked for.
    await asking.ask(over, 1)
    assert [type(request) for request in advisor.heard] == [DefineStudy, UpdateTrials, Suggest]
    asking.forget(over)
    advisor.generation += 1
    advisor.heard.clear()
    await asking.ask(other, 1)
    assert not any(isinstance(request, Forget) for request in advisor.heard)


async def test_repetitions_are_no_results_of_the_search(lab: Lab, asking: Asking, advisor: ReadingAdvisor) -> None:
    study_id = lab.study(search=MODEL)
    lab.completed(study_id, 1.0)
    lab.completed(study_id, 0.5, stage="confirm")
    await asking.ask(study_id, 1)
    assert advisor.told() == [[1]]


async def test_one_trial_at_a_time_hides_what_may_have_come_in_time(
    lab: Lab, asking: Asking, advisor: ReadingAdvisor
) -> None:
    """Whether the trial before has ended already is a matter of time, and must not change the point."""
    study_id = lab.study(search=replace(MODEL, parallel=1))
    lab.completed(study_id, 1.0)
    lab.completed(study_id, 2.0)
    answer = await asking.ask(study_id, 1)
    assert advisor.heard[-1] == Suggest(study_id, 3, answer.way.way, 1, cut=1)


async def test_a_study_whose_question_takes_too_long_asks_a_process_that_no_other_study_waits_for(lab: Lab) -> None:
    shared, slow = ReadingAdvisor(), ReadingAdvisor()
    asking = asked_of(lab, shared, slow)
    long, short = lab.study("long", search=MODEL), lab.study("short", search=MODEL)
    shared.hangs_at = {long}
    with pytest.raises(AdvisorFailed):
        await asking.ask(long, 1)
    assert (await asking.ask(long, 1)).suggestions
    assert [type(request) for request in slow.heard] == [DefineStudy, Suggest], "it is told all that it needs"
    shared.heard.clear()
    assert (await asking.ask(short, 1)).suggestions
    assert len(slow.heard) == 2 and isinstance(shared.heard[-1], Suggest)


@pytest.mark.parametrize(("parallel", "origins"), [(1, ["bayesian"]), (None, ["fallback"])])
async def test_a_study_of_one_trial_at_a_time_waits_for_that_process(
    lab: Lab, parallel: int | None, origins: list[str]
) -> None:
    """Which point comes next must not depend on the machine's speed; others have slots that would stand idle."""
    shared, slow = ReadingAdvisor(), ReadingAdvisor()
    study_id = lab.study(search=replace(MODEL, parallel=parallel, lag=0))
    for i in range(12):
        lab.completed(study_id, 1.0 + i, params={"lr": i / 100, "width": 5})
    shared.hangs_at, wake = {study_id}, asyncio.Event()
    processes = (cast("AdvisorProcess", shared), cast("AdvisorProcess", slow))
    suggesting = Suggesting(lab.database, *processes, cast("Slots", _NoGpu()), wake, Loops())
    suggesting.begin(Ask(study_id, 1), lab.study_row(study_id))
    async with asyncio.timeout(DEADLINE_S):
        await wake.wait()
    assert [t.origin for t in lab.ask(queries.trials, study_id) if t.number > 12] == origins


async def test_a_suggestion_that_is_recorded_like_a_tried_point_is_tried_no_second_time(lab: Lab, spec_of: Any) -> None:
    rounding = replace(spec_of(), run=RunSpec(kind="script", script="/t.py", args=("{lr:.1f}", "{width}")))
    study_id = lab.study(run=rounding.run, search=MODEL)
    lab.completed(study_id, 1.0, params={"lr": 0.5, "width": 3})
    study = lab.study_row(study_id)
    found = [Suggested({"lr": lr, "width": 3}, "bayesian", "so") for lr in (0.52, 0.71, 0.69)]
    found.append(Suggested({"lr": 0.74, "width": 3}, "fallback", "the model failed"))
    new = lab.do(untried, study, found)
    assert [trial.params for trial in new][1] == {"lr": 0.7, "width": 3}
    # The model chose neither of the others: they count as made in its place, and as no fault of its own.
    assert [trial.origin for trial in new] == ["fallback", "bayesian", "fallback", "fallback"]
    assert [trial.why.startswith(CONVERGED) for trial in new] == [True, False, True, False]
    assert new[-1].why == "the model failed"
    assert len({canonical_key(trial.params) for trial in new} | {canonical_key({"lr": 0.5, "width": 3})}) == 5
    assert all(trial.params["lr"] == round(trial.params["lr"], 1) for trial in new)


def test_as_many_points_are_made_as_were_suggested_while_there_are_fresh_ones(lab: Lab, spec_of: Any) -> None:
    """Where fewer came the space counted as used up, and the study ended."""
    rounding = RunSpec(kind="script", script="/t.py", args=("{lr:.1f}", "{width}"))
    space = replace(spec_of().space, parameters=(spec_of().space["lr"], Parameter("width", "fixed", values=(3,))))
    for seed in range(8):
        study_id = lab.study(run=rounding, space=space, search=replace(MODEL, seed=seed))
        lab.completed(study_id, 1.0, params={"lr": 0.5, "width": 3})
        new = lab.do(untried, lab.study_row(study_id), [Suggested({"lr": 0.52, "width": 3}, "bayesian", "so")] * 4)
        assert len({canonical_key(trial.params) for trial in new}) == 4


def test_a_result_with_a_gap_is_no_evidence(lab: Lab) -> None:
    study = lab.study("gaps")
    whole = lab.completed(study, 0.5)
    (gap,) = lab.queue(study)
    lab.claim(gap)
    lab.report(gap, ("loss", 0, 0.1))
    end = {"exit_record": {"code": 0}, "failure": None, "reason": "the disk was full", "traceback": ""}
    lab.do(repository.end_attempt, gap, 1, "exit_ok", Actor.REAPER, NOW, **end, partial=True)
    assert lab.by_id(gap).stopped_by == "disk"
    best = lab.study_row(study).best
    assert best is not None and best.number == lab.by_id(whole).number
    assert _line(lab.by_id(gap), {}, None).values == {}
    assert [trial.id for trial in lab.ask(queries.results_before, "gaps", NOW + 1)] == [whole]


@pytest.mark.parametrize(("table", "special"), [
    ({"x": {"type": "float", "low": 0.0, "high": 1.0}, "c": ["a", "b"]}, ": near the middle of the range"),
    ({"n": {"type": "int", "low": 1, "high": 3, "likely": 1}}, ": likely values"),
    ({"n": [1, 2, 4], "on": {"type": "bool", "likely": True}}, ": likely values, or near the middle of the range"),
    ({"c": ["a", "b"], "on": {"type": "bool"}}, ""),
    ({"x": 3}, ""),
])  # fmt: skip
def test_the_first_points_reason_names_what_it_has(lab: Lab, table: dict[str, Any], special: str) -> None:
    study_id = lab.study(search=SearchSpec("sobol", 9), space=parse_space(table))
    lab.do(add_design_points, study_id, 2, None, "", NOW)
    first, *others = [trial.why for trial in lab.ask(queries.trials, study_id)]
    assert first == f"point 1 of the sobol design with seed 0{special}"
    assert not any("middle" in why or "likely" in why for why in others)


@pytest.mark.parametrize("parallel", [None, 1], ids=["waiting for nothing", "reproducible"])
def test_a_model_that_is_late_is_stood_in_for_near_the_best(lab: Lab, parallel: int | None) -> None:
    """Every fifth point is of the design; where the same trials are promised again, all are."""
    study_id = lab.study(search=replace(MODEL, parallel=parallel))
    for value, lr in ((0.1, 0.2), *((1.0, 0.9) for _ in range(5))):
        lab.completed(study_id, value, params={"lr": lr, "width": 32})
    for _ in range(8):
        lab.do(add_design_points, study_id, 1, FALLBACK, "it hung", NOW)
    made = [lab.trial(study_id, number) for number in range(7, 15)]
    assert {trial.origin for trial in made} == {FALLBACK}
    near = [trial.number for trial in made if trial.why == "it hung; near the best so far"]
    assert near == ([] if parallel == 1 else [7, 8, 9, 11, 12, 13, 14])
    assert len({canonical_key(trial.params) for trial in made}) == 8


def test_what_stands_in_lies_near_the_best_of_the_present_space(lab: Lab) -> None:
    """Once a space had been narrowed, the best of all lay outside, and none of those left was looked at."""
    study_id = lab.study(search=MODEL)
    for i in range(8):
        lab.completed(study_id, float(i), params={"lr": 30.0 + i, "width": 32})
    for i in range(4):
        lab.completed(study_id, 10.0 + i, params={"lr": 0.5 + i / 100, "width": 32})
    lab.do(add_design_points, study_id, 1, FALLBACK, "it hung", NOW)
    assert lab.trial(study_id, 13).why == "it hung; near the best so far"


@pytest.mark.parametrize("parallel", [None, 1], ids=["several at once", "reproducible"])
def test_a_phase_that_refines_the_space_waits_for_the_results_of_the_one_before(lab: Lab, parallel: int | None) -> None:
    """However early it is asked for its first point: the space would stay as wide as it was."""
    phases = (SearchPhase("sobol", 10), SearchPhase("random", None, refine=True))
    study_id = lab.study(search=SearchSpec("sobol", 30, phases=phases, parallel=parallel))
    for place in range(8):
        lab.completed(study_id, 0.1 + abs(place - 2), params={"lr": place / 8, "width": 1 + 8 * place})
    waiting = lab.queue(study_id, 2)

    def versions_and_trials() -> tuple[int, int]:
        lab.do(add_design_points, study_id, 4, None, "", NOW)
        return len(lab.ask(queries.space_versions_of, study_id)), len(lab.ask(queries.trials, study_id))

    assert versions_and_trials() == (1, 10)
    for trial_id in waiting:
        lab.claim(trial_id)
    lab.report(waiting[0], ("loss", 0, 5.0))
    lab.end(waiting[0])
    assert versions_and_trials() == (2, 14)
    refined = lab.ask(queries.study_by_id, study_id).spec.space
    assert refined.parameters[0].high < 1.0


def test_the_points_that_were_made_in_the_models_place_are_counted_with_the_latest_reason(lab: Lab) -> None:
    study_id = lab.study(search=MODEL)
    assert lab.ask(queries.model_share, study_id).words == ""
    for origin, why in (("sobol", ""), ("bayesian", "so"), ("fallback", "it hung"), ("fallback", "it was late")):
        lab.completed(study_id, 1.0, origin=origin, why=why)
    words = lab.ask(queries.model_share, study_id).words
    assert words == "2 of 3 model points were made without the model; latest reason: it was late"
