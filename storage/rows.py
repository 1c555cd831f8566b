"""Rows to core dataclasses.

Owns the columns that a trial and a study are made of, and nothing else of the queries.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from storage.json_text import load_values
from storage.models import pipelines, studies, study_specs, trials
from tuned.core.playbook.steps import Playbook
from tuned.core.ranking import Tier
from tuned.core.states import Failure, StopReason, StudyState, TrialState
from tuned.core.study import Best, Study, StudySpec
from tuned.core.trials.trial import Trial

t, s = trials.c, studies.c

TRIAL_COLUMNS: tuple[ColumnElement[Any], ...] = (
    t.id,
    t.study_id,
    s.name,
    t.number,
    t.state,
    t.params,
    t.values_json,
    t.priority,
    t.origin,
    t.why,
    t.attempt,
    t.stop_reason,
    t.failure,
    t.reason,
    t.device,
    t.seed,
    t.stage,
    t.last_step,
    t.created_at,
    t.started_at,
    t.ended_at,
    t.retry_of,
    t.retries_used,
    t.code,
    t.space,
    t.frozen,
    t.stopped_by,
)
"""In the order of `Trial`'s fields; `to_trial` reads rows that begin with them."""

WIDTH = len(TRIAL_COLUMNS)


def select_trials(*more: ColumnElement[Any]) -> Select[Any]:
    """Trials with their study's name, and other columns behind those of the trial."""
    return select(*TRIAL_COLUMNS, *more).select_from(trials.join(studies, t.study_id == s.id))


def to_trial(row: Sequence[Any]) -> Trial:
    """The trial at the beginning of a row."""
    f = row[:WIDTH]
    return Trial(
        f[0],
        f[1],
        f[2],
        f[3],
        TrialState(f[4]),
        json.loads(f[5]),
        load_values(f[6]),
        f[7],
        f[8],
        f[9],
        f[10],
        None if f[11] is None else StopReason(f[11]),
        None if f[12] is None else Failure(f[12]),
        f[13],
        f[14],
        f[15],
        f[16],
        f[17],
        f[18],
        f[19],
        f[20],
        f[21],
        {} if f[22] == "{}" else json.loads(f[22]),
        f[23],
        f[24],
        bool(f[25]),
        f[26],
    )


STUDY_COLUMNS: tuple[ColumnElement[Any], ...] = (
    s.id,
    s.name,
    s.state,
    s.reason,
    s.priority,
    study_specs.c.spec,
    s.created_at,
    s.ended_at,
    s.running_s,
    s.running_since,
    s.note,
    t.number,
    t.params,
    t.values_json,
    s.phase,
    s.other_code,
    pipelines.c.steps,
    study_specs.c.space,
    t.tier,
    s.test_looks,
)


def select_studies() -> Select[Any]:
    """Studies with their specification and their best trial."""
    joined = studies.join(study_specs, study_specs.c.study_id == s.id).outerjoin(trials, t.id == s.best_trial_id)
    return select(*STUDY_COLUMNS).select_from(joined.outerjoin(pipelines, pipelines.c.study_id == s.id))


def to_study(row: Sequence[Any], counted: Sequence[tuple[str, int, int, int]]) -> Study:
    """The study of a row, with its counts: state, number, how many of them are `aside`, and how many `again`."""
    f = row
    best = None if f[11] is None else Best(f[11], json.loads(f[12]), load_values(f[13]), f[18] == Tier.CUT)
    return Study(
        id=f[0],
        name=f[1],
        state=StudyState(f[2]),
        reason=f[3],
        priority=f[4],
        spec=load_spec(f[5]),
        counts={state: n for state, n, _, _ in counted},
        best=best,
        created_at=f[6],
        ended_at=f[7],
        running_s=f[8],
        running_since=f[9],
        note=f[10],
        phase=f[14],
        other_code=f[15],
        aside={state: aside for state, _, aside, _ in counted if aside},
        again={state: again for state, _, _, again in counted if again},
        playbook=None if f[16] is None else load_playbook(f[16]),
        space=f[17],
        test_looks=f[19],
    )


@lru_cache(maxsize=128)
def load_playbook(text: str) -> Playbook:
    """The steps of a playbook."""
    return Playbook.from_list(json.loads(text)["steps"])


@lru_cache(maxsize=128)
def load_spec(text: str) -> StudySpec:
    """The specification; read once for each text, because it is needed with every batch of metrics."""
    return StudySpec.from_dict(json.loads(text))
