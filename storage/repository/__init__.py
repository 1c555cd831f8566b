"""Writes: each function takes the write connection and runs inside the caller's transaction.

Every move asks `tuned.core.states`, is one compare-and-set, and leaves its event in the same transaction.
"""

from __future__ import annotations

from storage.problems import StaleState
from storage.repository import early_stopping
from storage.repository.attempts import claim, end_attempt, started, unclaim
from storage.repository.callers import keep_spent, tell_caps
from storage.repository.clocks import shift_clocks
from storage.repository.events import prune_events
from storage.repository.importing import EndedTrial, add_ended
from storage.repository.ingest import IngestBatch, ingest
from storage.repository.playbooks import set_playbook
from storage.repository.spaces import NewSpace, new_space, replace_suggestion
from storage.repository.studies import (
    count_test_look,
    create_study,
    delete_study,
    move_study,
    rename_study,
    set_environment,
    set_study_note,
    set_study_phase,
    set_study_priority,
    set_submitted,
    update_spec,
)
from storage.repository.trials import (
    NewTrial,
    add_trials,
    make_next,
    move_trial,
    set_frozen,
    set_intent,
    set_priority,
    set_requeue,
    trial_seed,
)
