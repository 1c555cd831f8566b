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
    spec, priority, changed, notes = settings.apply(study.spec, study.priority, values, _beyond(study, now))
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
        notes.append(_holds_back(after))
    return SettingsChanged(
        study.name, [str(setting) for setting in changed], after.state.value, reopened, notes, cancelled
    )


def _beyond(study: Study, now: float) -> dict[str, float]:
    """By how much a study has had more trials, and more time, than it was to have."""
    searching = study.playbook is not None and any(s.searches and not s.over for s in study.playbook.steps)
    trials = study.spec.search.trials if searching else study.search.trials
    budget, running_since = study.spec.search.budget, study.running_since
    used = study.running_s + (0.0 if running_since is None else now - running_since)
    return {
        "search.trials": 0 if trials is None else max(0, counted(study.point_counts) - trials),
        "search.budget": 0.0 if budget is None else max(0.0, used - budget),
    }


def _holds_back(study: Study) -> str:
    """Why a study that has ended does not go on after a change, for people."""
    have, trials = counted(study.point_counts), study.spec.search.trials
    if study.spec.search.budget is not None and (trials is None or have < trials):
        ran = words.duration(study.running_s)
        return f"{study.name} is {study.state} and has run for {ran}: a search.budget of more lets it go on"
    return f"{study.name} is {study.state} and has {words.count(have, 'trial')}: more than that let it go on"


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
