"""A study without any result takes every change of its file (`submit --update`): there is no result to spoil.

Owns that transaction. The changes of an ordinary update are
`tuned.daemon.studies.updating`'s.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from storage import queries, repository
from storage.repository import NewSpace, NewTrial
from tuned.core.changes.space import changes_between
from tuned.core.playbook.steps import planned
from tuned.core.program.arguments import recorded
from tuned.core.search.design import complete_point
from tuned.core.states import LIVE, STUDY_ENDED, Actor, StudyState, TrialState
from tuned.core.study import Study, StudySpec
from tuned.core.trials.trial import OWN_ORIGINS
from tuned.daemon.playbook.playbooks import first_step
from tuned.daemon.study_moves import run_failed_again
from tuned.wire.studies import PAUSED_BY_USER

ANEW = "the study file was edited before there was a result"


def without_result(conn: Connection, study: Study) -> bool:
    """Whether nothing was measured yet and nothing runs: every part of the study may still change."""
    return not queries.any_values(conn, study.id) and not any(study.counts.get(state) for state in LIVE)


def start_over(conn: Connection, study: Study, spec: StudySpec, environment: Mapping[str, str], now: float) -> None:
    """Give a study without any result another specification; its trials so far stay as they are.

    Suggestions that wait are cancelled, points that a person queued stay where the new space has them, points that
    failed run again, and a study that paused itself goes on.

    Args:
        conn: The write connection.
        study: The study as it stands: `without_result`.
        spec: Its file's specification now.
        environment: The submitter's, for the trials from now on.
        now: Unix seconds.
    """
    for trial in queries.trials(conn, study.id, states=[TrialState.QUEUED, TrialState.PAUSED]):
        if trial.origin not in OWN_ORIGINS or spec.space.carried(trial.params) != trial.params:
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
    elif study.state is StudyState.PAUSED and study.reason != PAUSED_BY_USER:
        repository.move_study(conn, study.id, "resume", Actor.USER, now)
    own_points(conn, queries.study_by_id(conn, study.id), now)
    run_failed_again(conn, queries.study_by_id(conn, study.id), now, once=False)


def own_points(conn: Connection, study: Study, now: float) -> None:
    """Queue the points of the study file, but for those that wait already."""
    spec = study.spec
    waiting = [trial.params for trial in queries.trials(conn, study.id, states=[TrialState.QUEUED])]
    for label, values in spec.search.points:
        given = spec.space.check_partial(values)
        number = queries.next_number(conn, study.id)
        point = recorded(spec, complete_point(spec.space, given, spec.search.seed, number - 1))
        if point not in waiting:
            new = NewTrial(params=point, origin="user", why=label or "a point of the study file", rank=0)
            repository.add_trials(conn, study.id, [new], now)
