"""A study without any result takes every change of its file (`submit --update`): there is no result to spoil.

Owns that transaction. The changes of an ordinary update are
`tuned.daemon.studies.updating`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from storage import queries, repository
from storage.repository import NewSpace, NewTrial
from tuned.core.changes.space import changes_between
from tuned.core.playbook.steps import planned
from tuned.core.program.arguments import recorded
from tuned.core.search.design import complete_point
from tuned.core.space import Point
from tuned.core.state_words import paused_by_daemon
from tuned.core.states import LIVE, STUDY_ENDED, Actor, TrialState, number_in
from tuned.core.study import Study, StudySpec
from tuned.core.trials.trial import OWN_ORIGINS, Trial
from tuned.daemon.playbook.playbooks import first_step
from tuned.daemon.study_moves import run_failed_again

ANEW = "the study file was edited before there was a result"
UNNAMED = "a point of the study file"
"""The reason of a point without a label."""


def without_result(conn: Connection, study: Study) -> bool:
    """Whether nothing was measured yet and nothing runs: every part of the study may still change."""
    return not queries.any_values(conn, study.id) and not number_in(LIVE, study.counts)


def start_over(conn: Connection, study: Study, spec: StudySpec, environment: Mapping[str, str], now: float) -> None:
    """Give a study without any result another specification; its trials so far stay as they are.

    Suggestions that wait are cancelled, points that a person queued stay where the new space has them, points that
    failed run again, and a study that paused itself goes on. A point that the file has no longer neither waits nor runs
    again.

    Args:
        conn: The write connection.
        study: The study as it stands: `without_result`.
        spec: Its file's specification now.
        environment: The submitter's, for the trials from now on.
        now: Unix seconds.
    """
    dropped = _dropped(conn, study, spec)
    for trial in queries.trials(conn, study.id, states=[TrialState.QUEUED, TrialState.PAUSED]):
        unwanted = trial.origin not in OWN_ORIGINS or trial.params in dropped
        if unwanted or spec.space.carried(trial.params) != trial.params:
            repository.move_trial(conn, trial.id, "cancel", Actor.USER, now, reason=ANEW)
    repository.update_spec(conn, study.id, spec, now)
    repository.set_environment(conn, study.id, environment)
    repository.set_study_priority(conn, study.id, spec.priority, now)
    changes = changes_between(study.spec.space, spec.space)
    if changes:
        new = NewSpace("user", ANEW, changes, {"kept": 0, "left_out": 0, "replaced": []})
        repository.new_space(conn, study.id, spec, new, now)
    if spec.playbook is not None:
        repository.set_playbook(conn, study.id, study.playbook, first_step(planned(spec.playbook), now), now)
    if study.state in STUDY_ENDED:
        repository.move_study(conn, study.id, "reopen", Actor.USER, now, reason="")
    elif paused_by_daemon(study):
        repository.move_study(conn, study.id, "resume", Actor.USER, now)
    own_points(conn, queries.study_by_id(conn, study.id), now)
    run_failed_again(conn, queries.study_by_id(conn, study.id), now, once=False, dropped=dropped)


def own_points(conn: Connection, study: Study, now: float) -> None:
    """Queue the points of the study file, but for those that wait already."""
    spec = study.spec
    waiting = queries.trials(conn, study.id, states=[TrialState.QUEUED])
    for label, values in spec.search.points:
        there = next((trial for trial in waiting if _is(spec, trial, values)), None)
        if there is not None:
            waiting.remove(there)
            continue
        given = spec.space.check_partial(values)
        number = queries.next_number(conn, study.id)
        point = recorded(spec, complete_point(spec.space, given, spec.search.seed, number - 1))
        new = NewTrial(params=point, origin="user", why=label or UNNAMED, rank=0)
        repository.add_trials(conn, study.id, [new], now)


def _dropped(conn: Connection, study: Study, spec: StudySpec) -> list[Point]:
    """The points that the file had before, and has no longer; a person's own of the same values is not among them."""
    said = {label or UNNAMED for label, _ in study.spec.search.points}
    mine = [trial for trial in queries.trials(conn, study.id) if trial.origin == "user"]
    own = [trial.params for trial in mine if trial.why not in said]
    listed = [values for _, values in spec.search.points]
    gone = [t.params for t in mine if t.why in said and not any(_is(spec, t, values) for values in listed)]
    return [point for point in gone if point not in own]


def _is(spec: StudySpec, trial: Trial, values: Mapping[str, Any]) -> bool:
    """Whether a trial is a point of the file: what that leaves open may be anything."""
    given = spec.space.check_partial(values)
    point = recorded(spec, complete_point(spec.space, given, spec.search.seed, 0))
    return all(trial.params.get(name) == point.get(name) for name in given)
