"""Versions of a space, suggestions that are replaced before they start, and when that is done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from storage import queries, repository
from storage.repository import NewSpace
from tests.patience import DEADLINE_S
from tuned.core.space import Parameter, SearchSpace, canonical_key
from tuned.core.study import RunSpec, SearchSpec
from tuned.daemon.loops import Loops
from tuned.daemon.machine.slots import Slots
from tuned.daemon.search import space_versions
from tuned.daemon.search.advisor_process import AdvisorProcess
from tuned.daemon.search.suggesting import Suggesting

if TYPE_CHECKING:
    from conftest import Lab

NOW = 1_000_000.0
WIDER = SearchSpace((Parameter("lr", "float", 0.0, 2.0), Parameter("width", "int", 1, 64)))


def test_a_trial_keeps_the_version_that_it_was_made_in(lab: Lab) -> None:
    study = lab.study()
    lab.queue(study, 2)
    spec = replace(lab.study_row(study).spec, space=WIDER)
    new = NewSpace("user", "more room", ["lr.high: 1 -> 2"], {"kept": 0})
    assert lab.do(repository.new_space, study, spec, new, NOW) == 2
    lab.queue(study)
    assert lab.study_row(study).space == 2 and lab.study_row(study).spec.space == WIDER
    assert [lab.trial(study, n).space for n in (1, 2, 3)] == [1, 1, 2]
    first, second = lab.ask(queries.space_versions_of, study)
    assert (first.origin, first.trials, second.origin, second.why, second.trials) == (
        "submit",
        2,
        "user",
        "more room",
        1,
    )
    assert first.space == lab.ask(queries.submitted_spec, study).space != WIDER == second.space
    assert lab.ask(queries.has_space_from, study, "user") and not lab.ask(queries.has_space_from, study, "phase 2")


def test_only_what_has_not_started_is_replaced(lab: Lab) -> None:
    study = lab.study()
    waiting, started = (lab.by_id(trial_id) for trial_id in lab.queue(study, 2))
    lab.claim(started.id)
    again = lab.ask(queries.unstarted, study)
    assert [trial.number for trial in again] == [waiting.number]
    how: dict[str, Any] = {"origin": "bayesian", "why": "better", "space": 1, "now": NOW}
    point = {"lr": 0.5, "width": 9}
    assert lab.do(repository.replace_suggestion, waiting, point, **how)
    assert not lab.do(repository.replace_suggestion, started, point, **how)
    assert (lab.by_id(waiting.id).params, lab.by_id(started.id).params) == (point, started.params)
    event = lab.events()[-1]
    assert (event.type, event.number, event.data["before"]) == ("trial.replaced", waiting.number, waiting.params)
    # Who asks what has changed is told of it.
    changed = lab.ask(queries.changed_since, study, event.seq - 1, 10)
    assert [trial.params for _, trial in changed] == [point]
    assert lab.ask(queries.known_keys, study, ['{"lr":0.5,"width":9}'])


def test_suggestions_that_are_replaced_together_get_points_of_their_own(lab: Lab) -> None:
    few = SearchSpace((Parameter("width", "int", 1, 3), Parameter("lr", "choice", values=("a", "b"))))
    many = SearchSpace((Parameter("width", "int", 1, 64), Parameter("lr", "choice", values=("a", "b"))))
    for seed in range(6):
        study_id = lab.study(space=many, search=SearchSpec("bayesian", 30, seed=seed))
        for i in range(5):
            lab.queue(study_id, origin="bayesian", params={"lr": "a", "width": 20 + i})
        lab.do(space_versions.change, lab.study_row(study_id), few, [], "user", NOW)
        points = [canonical_key(trial.params) for trial in lab.ask(queries.trials, study_id)]
        assert len(set(points)) == 5, points


class ScriptedAdvisor:
    """Answers every request at once, each time with another point."""

    generation, state = 1, "ready"

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.asked: list[dict[str, Any]] = []

    async def exclusive(self) -> asyncio.Lock:
        return self.turn

    async def start(self) -> None:
        return

    async def ask(self, request: dict[str, Any], _within_s: float = 0.0) -> dict[str, Any]:
        if request["op"] == "suggest":
            self.asked.append(request)
        return {"params": {"lr": len(self.asked) / 10, "width": 7}, "origin": "bayesian", "why": "so"}


@pytest.mark.parametrize(("parallel", "renewed"), [(None, True), (1, False)])
async def test_a_stale_suggestion_is_made_anew_once(lab: Lab, parallel: int | None, renewed: bool) -> None:
    study_id = lab.study(search=SearchSpec("bayesian", 30, parallel=parallel))
    for i in range(10):
        lab.completed(study_id, float(i), params={"lr": 0.15, "width": i + 1})
    lab.queue(study_id, origin="user")
    (waiting,) = lab.queue(study_id, origin="bayesian", params={"lr": 0.9, "width": 60})
    advisor, wake = ScriptedAdvisor(), asyncio.Event()
    process = cast("AdvisorProcess", advisor)
    suggesting = Suggesting(lab.database, process, process, cast("Slots", _NoGpu()), wake, Loops())

    async def renew() -> None:
        queued = [trial for trial in lab.ask(queries.trials, study_id) if trial.attempt == 0]
        suggesting.renew(lab.study_row(study_id), queued)
        if suggesting.search(study_id).replacing:
            async with asyncio.timeout(DEADLINE_S):
                await wake.wait()
            wake.clear()

    await renew()
    await renew()
    numbers = [lab.by_id(waiting).number] if renewed else []
    assert [request["number"] for request in advisor.asked] == numbers
    assert lab.by_id(waiting).params["width"] == (7 if renewed else 60)
    if renewed:
        lab.completed(study_id, 99.0, params={"lr": 0.2, "width": 63})
        await renew()
        assert len(advisor.asked) == 2
        # Where a trial takes hardly longer than a suggestion, that would cost more than it gives.
        lab.completed(study_id, 98.0, params={"lr": 0.3, "width": 63})
        suggesting.pace(study_id).trial(2.0)
        suggesting.pace(study_id).suggestion_s = 1.0
        await renew()
        assert len(advisor.asked) == 2


async def test_a_stand_in_that_the_model_has_replaced_is_counted_no_more(lab: Lab) -> None:
    study_id = lab.study(search=SearchSpec("bayesian", 30))
    for i in range(10):
        lab.completed(study_id, float(i), params={"lr": 0.15, "width": i + 1})
    (waiting,) = lab.queue(study_id, origin="fallback", params={"lr": 0.9, "width": 60}, why="it hung")
    lab.do(repository.set_study_note, study_id, lab.ask(queries.model_share, study_id).words, NOW)
    assert lab.study_row(study_id).note.startswith("1 of 1 model point")
    process, wake = cast("AdvisorProcess", ScriptedAdvisor()), asyncio.Event()
    suggesting = Suggesting(lab.database, process, process, cast("Slots", _NoGpu()), wake, Loops())
    suggesting.renew(lab.study_row(study_id), [lab.by_id(waiting)])
    async with asyncio.timeout(DEADLINE_S):
        await wake.wait()
    assert lab.by_id(waiting).origin == "bayesian"
    assert lab.study_row(study_id).note == ""


async def test_a_stale_suggestion_is_not_made_anew_as_a_point_that_was_tried(lab: Lab) -> None:
    """What reaches the trials rounded is another point to the model, and the same one to the study."""
    rounding = RunSpec(kind="script", script="/t.py", args=("{lr:.0f}", "{width}"))
    study_id = lab.study(run=rounding, search=SearchSpec("bayesian", 30))
    for i in range(10):
        lab.completed(study_id, float(i), params={"lr": 0.0, "width": i + 1})
    (waiting,) = lab.queue(study_id, origin="bayesian", params={"lr": 1.0, "width": 60})
    advisor, wake = ScriptedAdvisor(), asyncio.Event()
    process = cast("AdvisorProcess", advisor)
    suggesting = Suggesting(lab.database, process, process, cast("Slots", _NoGpu()), wake, Loops())
    suggesting.renew(lab.study_row(study_id), [lab.by_id(waiting)])
    async with asyncio.timeout(DEADLINE_S):
        await wake.wait()
    assert len(advisor.asked) == 1, "it answers 0.1, which is 0"
    assert lab.by_id(waiting).params == {"lr": 1.0, "width": 60}


class _NoGpu:
    default_gpus = 0
    gpus: tuple[Any, ...] = ()


def test_several_seeds_of_a_point_are_one_result_to_refine_by(lab: Lab) -> None:
    """Eight runs of one point narrowed the space about it, as eight good points would."""
    study = lab.study()
    for i in range(8):
        lab.completed(study, 1.0 + i, params={"lr": 0.01, "width": 1})
    space, why = lab.ask(lambda conn: space_versions.refinement(conn, queries.study_by_id(conn, study)))
    assert space == lab.study_row(study).spec.space and why == ["too few results to refine by: 1 of 8"]
    for i in range(7):
        lab.completed(study, 2.0 + i, params={"lr": 0.02 + i / 100, "width": 1})
    assert (
        "too few" not in lab.ask(lambda conn: space_versions.refinement(conn, queries.study_by_id(conn, study)))[1][0]
    )
