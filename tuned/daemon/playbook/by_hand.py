"""The steps of a playbook as people steer them: list them; take one now; pause, resume or skip one.

Owns these routes, their transactions and refusals. How steps come on is `tuned.daemon.playbook.playbooks`' work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from storage import queries, repository
from tuned.core import allowed
from tuned.core.errors import InvalidInput
from tuned.core.names import nearest
from tuned.core.playbook.spec import STEPS, PlaybookSpec
from tuned.core.playbook.steps import OVER, Playbook, Step, StepState, steer
from tuned.core.states import STUDY_ENDED, Actor, TrialState, counted
from tuned.core.study import SEARCH, Study
from tuned.core.study_file.playbook_file import refuse_untold
from tuned.daemon import clock, failpoints, resolving
from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.playbook.confirming import begin_confirmation
from tuned.daemon.playbook.finalizing import begin_finalize
from tuned.daemon.rows import step_rows
from tuned.daemon.study_moves import reopen
from tuned.disk import Disk
from tuned.wire import StepAction, StepRequest, Steps

BY_HAND = ("confirm", "ensemble", "finalize", "report")
_OPTIONS: dict[str, dict[str, tuple[type, float, float]]] = {
    "confirm": {
        "top": (int, *allowed.CONFIRMED),
        "seeds": (int, *allowed.SEEDS),
        "max_seeds": (int, *allowed.MOST_SEEDS),
        "against": (int, 1, 2**31),
    },
    "ensemble": {"top": (int, *allowed.MEMBERS)},
    "finalize": {"again": (bool, 0, 1)},
    "report": {},
}
_PLAYBOOK = PlaybookSpec()
_DEFAULTS: dict[str, dict[str, Any]] = {
    "confirm": {"top": _PLAYBOOK.top, "seeds": _PLAYBOOK.seeds},
    "ensemble": {"top": _PLAYBOOK.members},
}

router = make_router("finish")


@router.get("/studies/{name}/steps")
async def steps(name: str, given: Given) -> Steps:
    """A study's steps and what each has given."""
    return _steps_of(await given.study(name))


@router.post("/studies/{name}/steps")
async def take(name: str, request: StepRequest, given: Given) -> Steps:
    """Take a step now: confirm, ensemble, finalize or report.

    An ended study runs again for it, and searches no further.
    """
    step = request.step
    if step not in BY_HAND:
        raise InvalidInput(f"there is no step {step!r} to take by hand", where="step", hint=nearest(step, BY_HAND))
    options = {**_DEFAULTS.get(step, {}), **_checked(step, request.options)}
    if step == "finalize":
        study = await given.study(name)
        await asyncio.to_thread(refuse_untold, study.spec, Disk(), submitted=True)

    def write(conn: Connection) -> tuple[Study, str]:
        now = clock.now()
        current = resolving.named(conn, name)
        _refuse_waiting(current, step)
        playbook, added = (current.playbook or Playbook()).add(step, options)
        if current.state in STUDY_ENDED:
            added = replace(added, result=_held(current))
        reopen(conn, current.id, now)
        # Begun here, so that an impossible step is refused in the reply to its own request.
        begun = _begun(conn, replace(current, playbook=playbook), added, now)
        repository.set_playbook(conn, current.id, current.playbook, playbook.put(begun), now)
        return resolving.named(conn, name), added.id

    found, key = await given.commit(write)
    failpoints.reach("step.added")
    return _steps_of(found, key)


@router.post("/studies/{name}/steps/steer")
async def steer_step(name: str, request: StepAction, given: Given) -> Steps:
    """Pause, resume or skip a step."""

    def write(conn: Connection) -> tuple[Study, str]:
        now = clock.now()
        study = resolving.named(conn, name)
        before = study.playbook or Playbook()
        step = before[request.step]
        after = steer(before, request.step, request.action, now)
        if request.action == "skip":
            after = after.put(_left(conn, study, after[step.id], now))
        repository.set_playbook(conn, study.id, study.playbook, after, now)
        return resolving.named(conn, name), step.id

    study, changed = await given.commit(write)
    return _steps_of(study, changed)


def _steps_of(study: Study, changed: str = "") -> Steps:
    """A study's steps as they stand."""
    return Steps(study.name, study.state.value, step_rows(study.playbook), changed)


def _checked(step: str, options: Mapping[str, Any]) -> dict[str, Any]:
    known, found = _OPTIONS[step], {}
    for name, value in options.items():
        if name not in known:
            raise InvalidInput("there is no such option", where=name, hint=nearest(name, known) if known else "drop it")
        kind, low, high = known[name]
        if value is None:
            continue
        if type(value) is not kind or not isinstance(value, int) or not low <= value <= high:
            raise InvalidInput(f"{value!r} does not fit", where=name, hint=f"a number from {low:g} to {high:g}")
        found[name] = value
    return found


def _refuse_waiting(study: Study, step: str) -> None:
    """A step that others of the playbook lead to is waited for, not overtaken."""
    if step != "finalize" or study.playbook is None:
        return
    before = STEPS[: STEPS.index("finalize")]
    open_ = [s.id for s in study.playbook.active if s.name in before]
    if open_:
        raise InvalidInput(
            f"{open_[0]} is not over, and decides what is finalised",
            where=study.name,
            hint=f"wait for it, or: tunectl steps {study.name} skip {open_[0]}",
        )


def _held(study: Study) -> dict[str, Any]:
    """An ended study that runs again for a step does not go on with its search."""
    return {"until": counted(study.point_counts), "of": study.spec.search.trials}


def _begun(conn: Connection, study: Study, step: Step, now: float) -> Step:
    running = replace(step, state=StepState.RUNNING, began_at=now)
    if step.name == "confirm":
        return begin_confirmation(conn, study, running, now)
    if step.name == "finalize":
        return begin_finalize(conn, study, running, now)
    return running


def _left(conn: Connection, study: Study, step: Step, now: float) -> Step:
    """A skipped step takes its queued trials with it; those that run go on, and keep their results."""
    assert step.state in OVER
    own = {int(n) for n in [*step.result.get("trials", ()), *(step.result.get(k, 0) for k in ("trial", "test"))]}
    for trial in queries.trials(conn, study.id, states=[TrialState.QUEUED]):
        if trial.number in own or (step.searches and trial.stage == SEARCH and trial.origin != "user"):
            repository.move_trial(conn, trial.id, "cancel", Actor.USER, now, reason=f"{step.id} was skipped")
    if not step.searches:
        return step
    after = queries.study_by_id(conn, study.id)
    return replace(step, result={**step.result, **_held(after)})
