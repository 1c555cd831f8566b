"""The report's own tables: the best trials, failures, the search space. Owns their columns."""

from __future__ import annotations

from collections.abc import Sequence

from tuned.analyses.comparing.compare import range_text
from tuned.analyses.comparing.luck import honest
from tuned.analyses.groups import text_of
from tuned.analyses.model_size import last_value
from tuned.analyses.parameters.measures import left_out
from tuned.analyses.space.infeasible import breaks_alone, infeasibility
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Cell, Column, Table
from tuned.core.feasibility import breaks
from tuned.core.words import count

BEST = 10
OTHERS = 4
"""Columns of other metrics in the table of the best."""
FAILURES = 20


def best_table(study: StudyData) -> Table:
    """The best trials with their settings, and the last values of the other metrics that they reported."""
    trials = study.ranked[:BEST]
    metrics = [o.metric for o in study.spec.objectives]
    others = other_metrics(study, trials)
    names = [p.name for p in study.space.tunable if any(p.name in t.params for t in trials)]
    columns = (
        Column("trial", "count"), *(Column(metric, "number") for metric in (*metrics, *others)),
        Column("time", "seconds"), *(Column(f"param.{name}", title=name) for name in names),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for trial in trials:
        settings = [text_of(trial.params[name]) if name in trial.params else None for name in names]
        shown = (*(trial.values.get(metric) for metric in metrics), *(last_value(trial, metric) for metric in others))
        rows.append((trial.number, *shown, trial.seconds, *settings))
    quoted = honest(study)
    notes = [f"Of trial {trials[0].number}: {quoted.how}."] if quoted is not None else []
    title = "The best trial" if len(trials) == 1 else f"The best {len(trials)} trials"
    return Table("best", title, columns, tuple(rows), (*notes, *left_out(study)))


def other_metrics(study: StudyData, trials: Sequence[TrialData]) -> list[str]:
    """Metrics beside the objectives that most of these trials reported; constraints first, at most `OTHERS`."""
    bounds = [c.metric for c in study.spec.constraints]
    named = [*bounds, study.objective.train or "", *sorted({name for t in trials for name in t.curves})]
    known = {o.metric for o in study.spec.objectives}
    wanted = [n for n in dict.fromkeys(named) if n and n not in known and "/" not in n and not n.endswith("_sem")]
    return [n for n in wanted if 2 * sum(last_value(t, n) is not None for t in trials) > len(trials)][:OTHERS]


def failure_table(study: StudyData, trials: Sequence[TrialData]) -> Table:
    """Trials that failed, diverged or broke a constraint, and why."""
    columns = (Column("trial", "count"), Column("state"), Column("failure"), Column("reason"))
    rows = tuple((t.number, t.state, _failing(study, t), t.reason or None) for t in trials[:FAILURES])
    notes = (f"{len(trials) - FAILURES} more are not listed.",) if len(trials) > FAILURES else ()
    broke = sum(breaks_alone(study, t) for t in trials)
    told = [f"{count(len(trials) - broke, 'trial')} that failed or diverged"] if broke < len(trials) else []
    told += [f"{count(broke, 'trial')} that {'breaks' if broke == 1 else 'break'} a constraint"] if broke else []
    return Table("failures", ", ".join(told), columns, rows, notes)


def _failing(study: StudyData, trial: TrialData) -> str:
    """The failure of a trial, or its way to diverge, and the constraints that it breaks."""
    bounds = breaks(trial.values, study.spec.constraints)
    told = [infeasibility(study, trial) or trial.failure, f"breaks {', '.join(bounds)}" if bounds else ""]
    return "; ".join(filter(None, told)) or "no result"


def space_table(study: StudyData) -> Table:
    """The search space."""
    columns = (Column("parameter"), Column("kind"), Column("range"), Column("role"), Column("when"))
    rows = []
    for parameter in study.space.parameters:
        when = ", ".join(f"{name} = {' or '.join(text_of(v) for v in values)}" for name, values in parameter.when)
        shown = text_of(parameter.values[0]) if parameter.kind == "fixed" else range_text(parameter)
        rows.append((parameter.name, parameter.kind, shown, parameter.role, when or None))
    return Table("space", "Search space", columns, tuple(rows))
