"""The result of a finished playbook: the final model, its figures, and how each step decided.

Owns these tables. They read the steps as the daemon stored them; nothing is judged anew but the test figure's interval.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuned.analyses.examples.example_scores import scores_of
from tuned.analyses.groups import text_of
from tuned.analyses.intervals import mean_of
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Cell, Column, Table
from tuned.core.playbook.spec import BUNDLE_FILE
from tuned.core.words import number

_NO_INTERVAL = (
    "The test figure has no interval: the test stage saved no predictions of which it is the mean "
    "(trial.save_predictions)."
)


@dataclass(frozen=True, slots=True)
class FinalModel:
    """The result of the latest finalising step that is done.

    Attributes:
        result: The step's, as stored.
        training: The trial that trained it.
        test: The trial that looked at the test set; the training itself where that reported the metric.
    """

    result: Mapping[str, Any]
    training: TrialData
    test: TrialData

    @property
    def metric(self) -> str | None:
        """The test metric, where it was measured."""
        return self.result.get("metric")

    @property
    def value(self) -> float:
        """The test figure."""
        return float(self.result["value"])

    @property
    def interval(self) -> str:
        """Its interval over examples in words; empty where no predictions give one."""
        scores = scores_of(self.test.run_dir, self.value)
        if scores is None:
            return ""
        mean = mean_of(scores)
        return f"{number(mean.low)} .. {number(mean.high)}, {mean.n} examples"

    @property
    def figure(self) -> str:
        """The test figure with its interval."""
        return f"{number(self.value)} ({self.interval})" if self.interval else number(self.value)


def final_model(study: StudyData) -> FinalModel | None:
    """The study's final model; None before there is one."""
    done = [s for s in study.steps if s["name"] == "finalize" and s["state"] == "done"]
    if not done:
        return None
    result = max(done, key=lambda step: step["ended_at"] or 0.0)["result"]
    by_number = {trial.number: trial for trial in study.trials}
    training = by_number.get(result.get("trial"))
    if training is None:
        return None
    return FinalModel(result, training, by_number.get(result.get("test"), training))


def final_table(study: StudyData, final: FinalModel) -> Table:
    """The final model: settings, why these, its test figure, and the baseline's beside its own in validation."""
    result, metric = final.result, study.objective.metric
    settings = ", ".join(f"{name} = {text_of(value)}" for name, value in final.training.params.items())
    rows: list[tuple[Cell, ...]] = [
        ("settings", settings),
        ("from", f"trial {result['configuration']} of the search: {result['why']}"),
        ("length", str(result.get("length", ""))),
        ("seed", str(final.training.seed)),
    ]
    if final.metric is not None:
        rows.append((f"{final.metric} (test)", final.figure))
    looks = int(result.get("looks", 0))
    seen = result.get("unplanned")
    rows.append(("measurements on the test set", f"{looks}: {seen}" if seen else str(looks)))
    rows += [(f"{metric}, {name}", text) for name, text in _validation(study, result)]
    notes = [_NO_INTERVAL] if final.metric is not None and not final.interval else []
    return Table("final", "The final model", (Column("what"), Column("value")), tuple(rows), tuple(notes))


def _validation(study: StudyData, result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Means over seeds of the final configuration and of the baseline, as the confirmation measured them."""
    step = _last(study, "confirm")
    rows = step["result"].get("configurations", ()) if step else ()
    found = []
    for row in rows:
        name = "baseline" if row["decision"] == "baseline" else ""
        if row["number"] == result["configuration"]:
            name = "final configuration" + (", which is the baseline" if name else "")
        if not name or not row["runs"]:
            continue
        mean = mean_of([t.values[study.objective.metric] for t in study.repeated if t.retry_of == row["number"]])
        if mean.n > 1:
            text = f"{number(mean.mean)} ({number(mean.low)} .. {number(mean.high)}, {mean.n} seeds)"
        else:
            text = f"{number(float(row['mean']))} ({row['runs']} seeds)"
        found.append((f"{name} (trial {row['number']})", text))
    return found


def steps_table(study: StudyData) -> Table | None:
    """Each step, what came of it and how long it took; None without a playbook."""
    if not study.steps:
        return None
    rows = [
        (step["id"], step["state"], step["why"] or None, _seconds(step))
        for step in study.steps
        if step["name"] != "report" or step["state"] != "running"
    ]
    columns = (
        Column("step"),
        Column("state"),
        Column("why", title="what it decided, and why"),
        Column("time", "seconds"),
    )
    return Table("steps", "From the search to the final model", columns, tuple(rows))


def _seconds(step: Mapping[str, Any]) -> float | None:
    began, ended = step.get("began_at"), step.get("ended_at")
    return None if began is None or ended is None else float(ended) - float(began)


def _last(study: StudyData, name: str) -> Mapping[str, Any] | None:
    done = [step for step in study.steps if step["name"] == name and step["state"] == "done"]
    return max(done, key=lambda step: step["ended_at"] or 0.0, default=None)


def bundle_of(final: FinalModel) -> Mapping[str, Any]:
    """The reproduction bundle's document; empty where it is gone."""
    try:
        found: Mapping[str, Any] = json.loads((Path(str(final.result["bundle"])) / BUNDLE_FILE).read_text())
    except (KeyError, OSError, ValueError):
        return {}
    return found
