"""`set`: changes of a submitted study while it runs, as one transaction.

Owns what follows from a change: an ended study goes on, suggestions that have no place any more are withdrawn. Which
keys there are is `tuned.core.changes.settings`' to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from storage import queries, repository
from tuned.core import words
from tuned.core.changes import settings
from tuned.core.states import STUDY_ENDED, Actor, TrialState, counted
from tuned.core.study import Study
from tuned.core.trials.trial import OWN_ORIGINS
from tuned.daemon import clock, resolving
from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.study_moves import refuse_ending
from tuned.wire import Settings, SettingsChanged

_MORE_WORK = ("search.trials", "search.budget")
"""Keys whose growth gives an ended study something to do again."""

NO_PLACE = "the study was made smaller"


router = make_router("steering")


@router.post("/studies/{name}/set")
async def set_(name: str, request: Settings, given: Given) -> SettingsChanged:
    """Change keys of a submitted study; more trials let an ended one go on."""
    return await given.commit(lambda conn: change(conn, resolving.named(conn, name), request.values, clock.now()))


def change(conn: Connection, study: Study, values: Mapping[str, Any], now: float) -> SettingsChanged:
    """Change keys of a study.

    Raises:
        InvalidInput: A key cannot be changed, or a value does not fit; nothing has changed.
        Conflict: The present state does not allow it.
    """
    spec, priority, changed, notes = settings.apply(study.spec, study.priority, values)
    if changed:
        refuse_ending(study)
    if priority != study.priority:
        repository.set_study_priority(conn, study.id, priority, now)
    if spec != study.spec:
        repository.update_spec(conn, study.id, spec, now)
    _share_with_steps(conn, study, spec.search.trials, now)
    reopened = any(setting.path in _MORE_WORK for setting in changed) and _reopen(conn, study, now)
    cancelled = _withdraw(conn, study, spec.search.trials, now)
    after = queries.study_by_id(conn, study.id)
    if changed and after.state in STUDY_ENDED:
        have = counted(after.point_counts)
        notes.append(f"{study.name} is {after.state} and has {words.count(have, 'trial')}: more than that let it go on")
    return SettingsChanged(
        study.name, [str(setting) for setting in changed], after.state.value, reopened, notes, cancelled
    )


def _share_with_steps(conn: Connection, study: Study, trials: int | None, now: float) -> None:
    """A change of the study's size goes to the last step of its search that is not over."""
    before = study.spec.search.trials
    open_ = [step for step in study.playbook.steps if step.searches and not step.over] if study.playbook else []
    if not open_ or study.playbook is None or trials is None or before is None or trials == before:
        return
    share = max(0, int(open_[-1].options.get("trials", 0)) + trials - before)
    changed = replace(open_[-1], options={**open_[-1].options, "trials": share})
    repository.set_playbook(conn, study.id, study.playbook, study.playbook.put(changed), now)


def _reopen(conn: Connection, study: Study, now: float) -> bool:
    """Let an ended study go on if it has room for a trial now; whether it had to."""
    if study.state not in STUDY_ENDED:
        return False
    search = queries.study_by_id(conn, study.id).spec.search
    if search.trials is not None and counted(study.point_counts) >= search.trials:
        return False
    if search.budget is not None and study.running_s >= search.budget:
        return False
    repository.move_study(conn, study.id, "reopen", Actor.USER, now, reason="")
    return True


def _withdraw(conn: Connection, study: Study, trials: int | None, now: float) -> list[int]:
    """Cancel the latest queued suggestions beyond the study's size; points of the user's own stay."""
    excess = 0 if trials is None else counted(study.point_counts) - trials
    if excess <= 0 or study.state in STUDY_ENDED:
        return []
    queued = queries.trials(conn, study.id, states=[TrialState.QUEUED], descending=True)
    chosen = [trial for trial in queued if trial.origin not in OWN_ORIGINS and not trial.attempt]
    for trial in chosen[:excess]:
        repository.move_trial(conn, trial.id, "cancel", Actor.USER, now, reason=NO_PLACE)
    return sorted(trial.number for trial in chosen[:excess])
