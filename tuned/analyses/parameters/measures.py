"""Columns for a group of trials: result, convergence, time and speed. Owns these columns of every effect table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tuned.analyses.curves.diagnosis import Diagnosis, diagnose
from tuned.analyses.intervals import skewed_interval
from tuned.analyses.robust import tame
from tuned.analyses.space.sampling import within_scale
from tuned.analyses.study_data import Floats, StudyData, TrialData
from tuned.analyses.table import Cell, Column
from tuned.core.feasibility import bound, broken
from tuned.core.ranking import cut_short, whole
from tuned.core.states import VALUED
from tuned.core.words import count

LEAST_FOR_INTERVAL = 4

RESULT = (
    Column("trials", "count"),
    Column("mean", "number"),
    Column("interval", "interval", "95 %"),
    Column("best", "number"),
)
TWIN = (Column("train", "number"), Column("gap", "number"))
EFFORT = (
    Column("converged_step", "number", "converged at"),
    Column("converged_s", "seconds", "in"),
    Column("seconds", "seconds", "training"),
    Column("steps_per_s", "number", "steps/s"),
)


def result_cells(study: StudyData, trials: Sequence[TrialData]) -> tuple[Cell, ...]:
    """For `RESULT`; wild results count as `tame` says in the mean and its interval."""
    results = study.sign * study.outcome(trials)
    best = float(study.sign * np.min(results))
    tamed = study.sign * np.minimum(results, tame(study).limit)
    return len(results), float(np.mean(tamed)), mean_interval(study, tamed), best


def mean_interval(study: StudyData, results: Floats) -> tuple[float, float] | None:
    """The interval that holds the mean with 95 %, within the metric's scale; None for fewer than `LEAST_FOR_INTERVAL`.

    Results are skewed towards the bad end, so it is that of skewed values.
    """
    if len(results) < LEAST_FOR_INTERVAL:
        return None
    low, high = skewed_interval(results)
    return within_scale(study, low), within_scale(study, high)


def twin_cells(study: StudyData, trials: Sequence[TrialData]) -> tuple[Cell, ...]:
    """For `TWIN`: the training twin at the end of training, and how much worse validation is there."""
    seen = [d for d in _seen(study, trials) if np.isfinite(d.train_last)]
    if not seen:
        return None, None
    return float(np.median([d.train_last for d in seen])), study.sign * float(np.median([d.gap for d in seen]))


def effort_cells(study: StudyData, trials: Sequence[TrialData]) -> tuple[Cell, ...]:
    """For `EFFORT`: medians over the trials that ran to their own end."""
    ended = [t for t in trials if whole(t)]
    seen = [d for d in _seen(study, ended) if np.isfinite(d.converged_step)]
    steps = [d.converged_step for d in seen]
    seconds = [d.converged_s for d in seen if d.converged_s is not None]
    times = [t.seconds for t in ended if t.seconds is not None]
    speeds = [t.last_step / t.seconds for t in ended if t.seconds and t.last_step]
    return tuple(float(np.median(found)) if found else None for found in (steps, seconds, times, speeds))


def _seen(study: StudyData, trials: Sequence[TrialData]) -> list[Diagnosis]:
    return [d for d in (diagnose(study, t) for t in trials) if not d.has("short")]


def left_out(study: StudyData) -> list[str]:
    """The trials with a result that a table of results is without, for notes under it; empty without any.

    Each is told once: one that was cut short and breaks a constraint is among those that were stopped early.
    """
    cut = sum(cut_short(trial) for trial in study.searched)
    if cut and not study.full:
        return [f"All {cut} trials were stopped early: their results are those of fewer steps."] if study.ranked else []
    bounds = study.spec.constraints
    broke = [
        c for c in (broken(t.values, bounds) for t in study.searched if t.state in VALUED and not cut_short(t)) if c
    ]
    notes = [f"{_left_out(cut, 'were stopped early')}: their results are those of fewer steps."] if cut else []
    if broke:
        named = ", ".join(dict.fromkeys(bound(constraint) for found in broke for constraint in found))
        notes.append(f"{_left_out(len(broke), 'break a constraint')} ({named}).")
    return notes


def _left_out(many: int, which: str) -> str:
    if many == 1:
        which = which.replace("were", "was").replace("break", "breaks")
    return f"{count(many, 'trial')} that {which} {'is' if many == 1 else 'are'} left out"
