"""Reads: each function takes a connection, of a reader or of the writer, and returns core dataclasses or plain data.

What costs more as the history grows is only what asks for the history.
"""

from __future__ import annotations

from storage.queries.attempts import (
    BadLine,
    EndedAttempt,
    LiveAttempt,
    any_resumable,
    attempts,
    bad_line_count,
    bad_lines,
    ended_since,
    live,
    open_trials,
    traceback_of,
    was_cut_off,
    wish,
)
from storage.queries.card_time import card_marks, card_stays
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
    events_since,
    first_event_seq,
    last_event_seq,
    last_study_move,
    latest_events,
    seq_before,
    study_events,
)
from storage.queries.observations import last_values, next_auto_steps, observations, study_metrics
from storage.queries.priors import results_before
from storage.queries.search import (
    any_values,
    changed_since,
    distinct_points,
    known_keys,
    last_ended,
    max_moved_seq,
    model_share,
    next_number,
    peak_memory,
)
from storage.queries.spaces import SpaceVersion, has_space_from, space_versions_of, unstarted
from storage.queries.stages import own_trials, reporting_count, trials_of_stage
from storage.queries.studies import counts, find_study, studies, study, study_by_id, study_environment, submitted_spec
from storage.queries.study_records import study_names, study_record
from storage.queries.trial_order import Order, trial_count, trial_numbers, trial_page
from storage.queries.trials import (
    best_trials,
    find_trial,
    pareto_front,
    queue_heads,
    rank,
    results,
    trial,
    trial_by_id,
    trials,
)

__all__ = [
    "BadLine",
    "EndedAttempt",
    "EndedTrial",
    "LiveAttempt",
    "Order",
    "SpaceVersion",
    "StoppingReport",
    "ThinCurve",
    "Usage",
    "any_resumable",
    "any_values",
    "attempts",
    "bad_line_count",
    "bad_lines",
    "best_so_far",
    "best_trials",
    "best_value_before",
    "card_marks",
    "card_stays",
    "changed_since",
    "counts",
    "curves",
    "decisions",
    "distinct_points",
    "ended_after",
    "ended_since",
    "events_since",
    "find_study",
    "find_trial",
    "first_event_seq",
    "fold_values",
    "has_space_from",
    "known_keys",
    "last_ended",
    "last_event_seq",
    "last_study_move",
    "last_values",
    "latest_events",
    "live",
    "max_moved_seq",
    "model_share",
    "next_auto_steps",
    "next_number",
    "observations",
    "open_trials",
    "own_trials",
    "pareto_front",
    "peak_memory",
    "queue_heads",
    "rank",
    "reporting_count",
    "rescued_trials",
    "results",
    "results_before",
    "rung_values",
    "seq_before",
    "space_versions_of",
    "stopping_report",
    "studies",
    "study",
    "study_by_id",
    "study_environment",
    "study_events",
    "study_metrics",
    "study_names",
    "study_record",
    "submitted_spec",
    "thinned",
    "traceback_of",
    "trial",
    "trial_by_id",
    "trial_count",
    "trial_numbers",
    "trial_page",
    "trials",
    "trials_of_stage",
    "unfinished",
    "unstarted",
    "usage",
    "waiting_count",
    "was_cut_off",
    "wish",
]
