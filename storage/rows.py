"""Rows to core dataclasses.

Owns the columns that a trial and a study are made of, and nothing else of the queries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from storage.json_text import UnreadableRow, as_written, load, load_values
from storage.models import pipelines, studies, study_specs, trials
from tuned.core.playbook.steps import Playbook
from tuned.core.ranking import Tier
from tuned.core.space import SearchSpace
from tuned.core.states import Failure, StopReason, StudyState, TrialState
from tuned.core.study import Best, Study, StudySpec
from tuned.core.trials.trial import Trial

t, s = trials.c, studies.c

_COLUMNS: dict[str, ColumnElement[Any]] = {"study": s.name, "values": t.values_json}
"""Fields of a trial whose column has another name or another table; every other field has the column of its name."""

_FIELDS = tuple(field.name for field in fields(Trial))

TRIAL_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    _COLUMNS[name] if name in _COLUMNS else t[name] for name in _FIELDS
)
"""The columns of `Trial`'s fields; `to_trial` reads rows that begin with them."""

WIDTH = len(TRIAL_COLUMNS)


def _optional(kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else kind(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "state": TrialState,
    "params": load,
    "values": load_values,
    "stop_reason": _optional(StopReason),
    "failure": _optional(Failure),
    "retries_used": lambda text: {} if text == "{}" else load(text),
    "frozen": bool,
    "requeue": bool,
}
"""From the column to the field, where they are not the same."""

_READ = tuple((place, _READERS[name]) for place, name in enumerate(_FIELDS) if name in _READERS)


def select_trials(*more: ColumnElement[Any]) -> Select[Any]:
    """Trials with their study's name, and other columns behind those of the trial."""
    return select(*TRIAL_COLUMNS, *more).select_from(trials.join(studies, t.study_id == s.id))


def to_trial(row: Sequence[Any]) -> Trial:
    """The trial at the beginning of a row."""
    values = list(row[:WIDTH])
    try:
        for place, read in _READ:
            values[place] = read(values[place])
    except (ValueError, TypeError) as error:
        raise UnreadableRow(f"the row of a trial cannot be read ({error})") from error
    return Trial(*values)


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
    s.paused_by,
)


def select_studies() -> Select[Any]:
    """Studies with their specification and their best trial."""
    joined = studies.join(study_specs, study_specs.c.study_id == s.id).outerjoin(trials, t.id == s.best_trial_id)
    return select(*STUDY_COLUMNS).select_from(joined.outerjoin(pipelines, pipelines.c.study_id == s.id))


def to_study(row: Sequence[Any], counted: Sequence[tuple[str, int, int, int]]) -> Study:
    """The study of a row, with its counts: state, number, how many of them are `aside`, and how many `again`."""
    with as_written("study"):
        return _to_study(row, counted)


def _to_study(f: Sequence[Any], counted: Sequence[tuple[str, int, int, int]]) -> Study:
    if not isinstance(f[1], str):
        raise TypeError(f"its name is {f[1]!r}")
    best = None if f[11] is None else Best(f[11], load(f[12]), load_values(f[13]), f[18] == Tier.CUT)
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
        paused_by=f[20],
    )


@lru_cache(maxsize=128)
def load_playbook(text: str) -> Playbook:
    """The steps of a playbook."""
    with as_written("playbook"):
        return Playbook.from_list(load(text)["steps"])


@lru_cache(maxsize=128)
def load_spec(text: str) -> StudySpec:
    """The specification; read once for each text, because it is needed with every batch of metrics."""
    with as_written("specification of a study"):
        return StudySpec.from_dict(load(text))


def load_space(text: str) -> SearchSpace:
    """A space."""
    with as_written("space"):
        return SearchSpace.from_dict(load(text))
