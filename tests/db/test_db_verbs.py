"""The daemon's verbs act on exactly the states that the registry names."""

from __future__ import annotations

import pytest

from storage import queries
from tests.db.conftest import NOW, Lab
from tuned.core.states import TrialState
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
