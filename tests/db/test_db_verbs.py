"""The daemon's verbs act on exactly the states that the registry names."""

from __future__ import annotations

import pytest

from storage import queries, repository
from tests.db.conftest import NOW, Lab
from tuned.core.states import Actor, Failure, TrialState
from tuned.core.study import SearchSpec
from tuned.core.verbs import STEERING, Verb
from tuned.daemon.verbs import acting, pausing
from tuned.daemon.verbs.effect import Effect

ENDS = {
    TrialState.PAUSED: "exit_paused",
    TrialState.COMPLETED: "exit_ok",
    TrialState.FAILED: "exit_error",
    TrialState.PRUNED: "exit_pruned",
    TrialState.CANCELLED: "exit_cancelled",
    TrialState.LOST: "vanished",
}


def _in_state(lab: Lab, study: int, state: TrialState) -> int:
    (trial,) = lab.queue(study)
    if state is not TrialState.QUEUED:
        lab.claim(trial, start=state is not TrialState.STARTING)
    if state in ENDS:
        lab.end(trial, ENDS[state])
    return trial


@pytest.mark.parametrize("verb", STEERING, ids=lambda verb: verb.name)
def test_a_verb_acts_on_the_states_of_the_registry(lab: Lab, verb: Verb) -> None:
    acted = set()
    for state in TrialState:
        study = lab.study()
        trial = lab.ask(queries.trial_by_id, _in_state(lab, study, state))
        assert trial.state is state
        effect = Effect()
        if verb.name == "pause":
            found = lab.ask(queries.study_by_id, study)
            lab.do(lambda conn: pausing._pause_trial(conn, found, trial, "restart", False, False, effect, NOW))  # noqa: B023
        else:
            lab.do(lambda conn: acting._ACTS[verb.name](conn, trial, effect, NOW))  # noqa: B023
        assert bool(effect.changed) != bool(effect.skipped)
        acted |= {state} if effect.changed else set()
    assert acted == verb.states


def test_a_point_that_fails_for_ever_does_not_keep_a_paused_study_from_the_others(lab: Lab) -> None:
    """Each resume ran the dead baseline again, which paused the study again."""
    study = lab.study("s")
    queued = lab.queue(study, 3)

    def fails(trial_id: int) -> None:
        lab.claim(trial_id)
        lab.end(trial_id, "exit_error", failure=Failure.ERROR)
        lab.do(repository.move_study, study, "pause", Actor.SCHEDULER, NOW, reason="trial 1 ended without loss")

    def resumed() -> list[str]:
        return lab.do(lambda conn: acting._apply(conn, "resume", ["s"], NOW)).effects

    def waiting() -> list[int]:
        return [t.number for t in lab.ask(queries.trials, study, states=[TrialState.QUEUED])]

    fails(queued[0])
    assert resumed() == ["s: trial 1 runs again as 4"] and waiting() == [2, 3, 4]
    fails(lab.trial(study, 4).id)
    (told,) = resumed()
    assert told == "s: trial 1 has failed twice, and is left out (mended: tunectl retry s/1)"
    assert waiting() == [2, 3]
    # The line that it names works when it is typed.
    lab.do(lambda conn: acting._apply(conn, "retry", ["s/1"], NOW))
    assert waiting() == [2, 3, 5]


def test_where_nothing_else_is_left_to_try_a_point_that_failed_twice_runs_again(lab: Lab) -> None:
    study = lab.study("s", search=SearchSpec(trials=1))
    (only,) = lab.queue(study)
    for expected in (2, 3):
        lab.claim(only)
        lab.end(only, "exit_error", failure=Failure.ERROR)
        lab.do(repository.move_study, study, "pause", Actor.SCHEDULER, NOW, reason="trial 1 ended without loss")
        effect = lab.do(lambda conn: acting._apply(conn, "resume", ["s"], NOW))
        assert effect.effects == [f"s: trial 1 runs again as {expected}"]
        only = lab.trial(study, expected).id
