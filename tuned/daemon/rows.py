"""From core shapes to what crosses the wire. Owns that translation and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from enum import Enum
from statistics import fmean, stdev
from typing import Any

from sqlalchemy import Connection

from storage import queries
from storage.queries import StoppingReport
from tuned.core.feasibility import breaks
from tuned.core.final import luck
from tuned.core.playbook.steps import Playbook
from tuned.core.search.rungs import Decision, explain
from tuned.core.states import TrialState, counted
from tuned.core.study import Constraint, Study
from tuned.core.study.secrets import without_passwords
from tuned.core.trials.trial import Observation, Trial
from tuned.core.words import count
from tuned.daemon import clock
from tuned.protocol import encode_number, encode_numbers
from tuned.wire import (
    BestRow,
    ConstraintRow,
    MetricRow,
    ObjectiveRow,
    RungRow,
    StepRow,
    StoppingRow,
    StudyRow,
    TrialRow,
)

_OF_TRIALS = {field.name for field in fields(Trial)} - {"values"}
SHARED = tuple(field.name for field in fields(TrialRow) if field.name in _OF_TRIALS)
"""Fields of a trial that cross the wire as they are."""
UNRANKED = queries.RankedResults()


def study_row(
    study: Study,
    eta_s: float | None,
    stopping: StoppingReport | None = None,
    cores: int = 0,
    results: queries.RankedResults = UNRANKED,
) -> StudyRow:
    """A study as lists show it.

    Args:
        study: The study.
        eta_s: Seconds that are left until it is done; None where nothing tells.
        stopping: The figures of early stopping.
        cores: Of each of its trials.
        results: The results that its best was chosen from.
    """
    spec, counts = study.spec, study.counts
    objective = spec.objective
    return StudyRow(
        name=study.name,
        state=study.state.value,
        priority=study.priority,
        question=without_passwords(spec.question),
        counts=counts,
        best=_best_row(study, results),
        created_at=study.created_at,
        reason=study.reason,
        ended_at=study.ended_at,
        trials=spec.search.trials,
        budget_s=spec.search.budget,
        budget_left_s=study.budget_left(clock.now()),
        started=counted(study.point_counts) - study.point_counts.get(TrialState.QUEUED, 0),
        method=" then ".join(p.method for p in spec.search.phases) or spec.search.method,
        parallel=spec.search.parallel,
        objective=ObjectiveRow(objective.metric, objective.direction, objective.train) if objective else None,
        parameters=list(spec.space.names),
        eta_s=eta_s,
        note="; ".join(filter(None, (study.note, _code_note(study)))),
        early_stopping=_stopping_row(study, stopping),
        phase=study.phase,
        steps=step_rows(study.playbook),
        aside=study.aside,
        place=spec.run.place,
        paused_by=study.paused_by,
        again=study.again,
        objectives=[ObjectiveRow(o.metric, o.direction, o.train) for o in spec.objectives],
        constraints=[ConstraintRow(c.metric, c.at_most, c.at_least) for c in spec.constraints],
        cores=cores,
    )


def live_trials(conn: Connection) -> list[Trial]:
    """The live trials of all studies."""
    return [attempt.trial for attempt in queries.live(conn)]


def step_rows(playbook: Playbook | None) -> list[StepRow]:
    """Steps as they cross the wire."""
    return [
        StepRow(s.id, s.name, s.state.value, s.by_hand, s.options, s.result, s.why, s.began_at, s.ended_at)
        for s in (playbook.steps if playbook else ())
    ]


def _best_row(study: Study, results: queries.RankedResults) -> BestRow | None:
    best, objective = study.best, study.spec.objective
    if best is None or objective is None:
        return None
    step = study.playbook.last("confirm") if study.playbook else None
    rows = step.result.get("configurations", ()) if step else ()
    own = next((row for row in rows if row["number"] == best.number and row["runs"] > 1), None)
    confirmed = _repeated(best.values.get(objective.metric), own, results.runs)
    estimate = None
    if confirmed is None and rows:
        noise = luck.pooled_deviation((r["runs"], r["sem"]) for r in rows)
        estimate = luck.shrunk([objective.sign * value for value in results.values], noise)
        estimate = None if estimate is None else objective.sign * estimate
    values = encode_numbers(best.values)
    return BestRow(best.number, dict(best.params), values, best.cut, confirmed, results.of, estimate)


def _repeated(value: float | None, row: Mapping[str, Any] | None, others: queries.OtherSeeds) -> dict[str, Any] | None:
    """The repetitions of the best: by its row in a confirmation, or all with other seeds where these are more."""
    tried = len(others.values) + others.failed
    if row is not None and row["sem"] is not None and row["runs"] + row["failed"] >= tried:
        return {name: row[name] for name in ("mean", "sem", "runs", "failed")} | {"equal": False}
    runs = others.values
    if not runs and not others.failed:
        return None
    equal = bool(runs) and all(run == value for run in runs)
    sem = stdev(runs) / math.sqrt(len(runs)) if len(runs) > 1 and not equal else None
    mean = runs[0] if equal else fmean(runs) if runs else None  # a mean of equal ones is rounded
    return {"mean": mean, "sem": sem, "runs": len(runs), "failed": others.failed, "equal": equal}


def _stopping_row(study: Study, report: StoppingReport | None) -> StoppingRow | None:
    rule = study.spec.early_stopping
    if rule is None or report is None:
        return None
    return StoppingRow(
        rule.method,
        report.stopped,
        report.waiting,
        report.rescued,
        report.rescued_ended,
        report.wrong,
        report.wrong_share,
    )


def rung_row(decision: Decision, metric: str) -> RungRow:
    """A verdict of early stopping."""
    cutoff = decision.cutoff
    return RungRow(
        rung=decision.rung,
        step=decision.step,
        value=encode_number(decision.value),
        peers=decision.peers,
        passing=decision.passing,
        cutoff=None if cutoff is None else encode_number(cutoff),
        verdict=decision.verdict.value,
        at=decision.at,
        why=explain(decision, metric),
    )


def _code_note(study: Study) -> str:
    if not study.other_code:
        return ""
    return f"{count(study.other_code, 'trial')} ran other code than was submitted (the code was edited since)"


def trial_row(
    trial: Trial, label: Callable[[str], str] = str, waits_for: str = "", bounds: Sequence[Constraint] = ()
) -> TrialRow:
    """A trial as lists show it: every field of the row that a trial has, under the same name.

    Args:
        trial: The trial.
        label: A device's name for people.
        waits_for: The reason why it has not begun, or not done what it was told; empty when there is none.
        bounds: The constraints of its study.
    """
    shared = {name: _plain(getattr(trial, name)) for name in SHARED}
    values, broken = encode_numbers(trial.values), breaks(trial.values, bounds)
    return TrialRow(**shared, values=values, slot=label(trial.device), waits_for=waits_for, breaks=broken)


def trial_rows(
    conn: Connection, trials: Iterable[Trial], label: Callable[[str], str] = str, bounds: Sequence[Constraint] = ()
) -> list[TrialRow]:
    """Rows with the last value of every metric, and what the trials did with their cards."""

    def row(trial: Trial) -> TrialRow:
        metrics, left = queries.last_values_of_lists(conn, trial.id)
        card = queries.figures_on_cards(conn, trial.id)
        return replace(
            trial_row(trial, label, bounds=bounds), metrics=encode_numbers(metrics), metrics_left=left, card=card
        )

    return [row(trial) for trial in trials]


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else dict(value) if isinstance(value, dict) else value


def metric_row(study: str, number: int, observation: Observation) -> MetricRow:
    """One observation."""
    step = observation.step
    return MetricRow(
        study=study,
        number=number,
        step=int(step) if step == int(step) else step,
        name=observation.name,
        value=encode_number(observation.value),
        time=observation.time,
        attempt=observation.attempt,
    )
