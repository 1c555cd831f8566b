"""Reads: each function takes a connection, of a reader or of the writer, and returns core dataclasses or plain data.

Only questions about the history cost more as it grows.
"""

from __future__ import annotations

from storage.queries.attempts import (
    BadLine,
    LiveAttempt,
    NamedAttempt,
    ReadAttempt,
    any_resumable,
    attempt,
    attempts,
    bad_line_count,
    bad_lines,
    ended_since,
    live,
    named,
    open_trials,
    read_attempts,
    still_s,
    traceback_of,
    was_cut_off,
    wish,
)
from storage.queries.callers import (
    Spent,
    callers,
    endless_studies,
    spent,
    study_owners,
    trials_made,
    urgent_study,
)
from storage.queries.card_loads import (
    energy_told_at,
    figures_on_cards,
    joules_so_far,
    ran_on_cards,
    reported_since,
    speed,
)
from storage.queries.card_time import card_marks, card_stays, last_sign, still_time, still_times
from storage.queries.changes import EndedTrial, best_value_before, ended_after
from storage.queries.charts import best_so_far, thinned
from storage.queries.curves import ThinCurve, Usage, curves, usage
from storage.queries.early_stopping import (
    StoppingReport,
    decisions,
    fold_values,
    rescued_trials,
    rung_values,
    stopping_report,
    unfinished,
    waiting_count,
)
from storage.queries.events import (
    deleted_studies,
    events_since,
    first_event_seq,
    last_event_seq,
    last_study_move,
    latest_events,
    seq_before,
    study_events,
)
from storage.queries.observations import (
    last_values,
    last_values_of_lists,
    next_auto_steps,
    observations,
    reports,
    study_metrics,
)
from storage.queries.priors import results_before
from storage.queries.search import (
    any_values,
    changed_since,
    known_keys,
    last_ended,
    model_share,
    next_number,
    peak_memory,
)
from storage.queries.spaces import SpaceVersion, has_space_from, space_versions_of, unstarted
from storage.queries.stages import OtherSeeds, own_trials, repetitions, reporting_count, trials_of_stage
from storage.queries.studies import counts, find_study, studies, study, study_by_id, study_environment, submitted_spec
from storage.queries.study_records import study_names, study_record
from storage.queries.trial_order import Order, trial_count, trial_numbers, trial_page
from storage.queries.trials import (
    RankedResults,
    best_points,
    best_trials,
    find_trial,
    pareto_front,
    queue_heads,
    rank,
    ranked_results,
    trial,
    trial_by_id,
    trials,
)
