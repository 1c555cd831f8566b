"""Writes schemas.json: the JSON schema of what each verb of `tunectl` prints with `--json`.

Run it with `python docs/schemas.py`. Owns which shape a verb prints; the shapes themselves are the code's, and requests
and replies of the API are in the daemon's own OpenAPI document (`/openapi.json`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tuned import wire
from tuned.client.occasions import Occasions
from tuned.client.reasons import Reason
from tuned.core.verbs import STEERING

PAGE = Path(__file__).with_name("schemas.json")


@dataclass
class Answer:
    """An analysis: verdicts, the most pressing first; tables; remarks; figures by name; files by name."""

    verdicts: list[dict[str, Any]]
    tables: list[dict[str, Any]]
    notes: list[str]
    figures: dict[str, Any]
    files: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class ShownStudy(wire.StudyRow):
    """A study with its whole specification."""

    spec: dict[str, Any]


@dataclass
class Status:
    """The daemon, the trials that run, how many wait, study -> why it is paused, and study -> how many failed."""

    daemon: wire.DaemonStatus
    running: list[wire.TrialRow]
    queued: int
    paused: dict[str, str]
    failed: dict[str, int]


@dataclass
class Why:
    """Reasons of a target's state and of its point."""

    target: str
    reasons: list[Reason]


@dataclass
class Log:
    """The output of one trial's attempt."""

    study: str
    number: int
    attempt: int
    ended: bool
    note: str
    text: str


ANALYSES = ("effects", "importance", "slice", "contour", "fit", "advise", "compare", "folds", "data", "ensemble")
SHAPES: dict[str, Any] = {
    "submit": wire.Submitted,
    "queue -- CMD": wire.Submitted,
    "queue": list[wire.TrialRow],
    "status": Status,
    "daemon status": wire.DaemonStatus,
    "studies": list[wire.StudyRow],
    "show STUDY": ShownStudy,
    "show STUDY/NUMBER": wire.TrialDetail,
    "why": Why,
    "trials": list[wire.TrialRow],
    "best": list[wire.TrialRow],
    "metrics": list[wire.MetricRow],
    "logs": Log,
    "events": list[wire.EventRow],
    "summary": wire.Summary,
    "wait --any": Occasions,
    "verdict": wire.Judged,
    "enqueue": wire.Enqueued,
    "set": wire.SettingsChanged,
    "space": wire.SpacePage,
    "steps": wire.Steps,
    "confirm": wire.Steps,
    "confirm --show": Answer,
    "finalize": wire.Steps,
    "gpu": list[wire.GpuRow],
    "gc": wire.Collected,
    "notify": wire.NoticeTried,
    "delete": wire.Changed,
    "priority": wire.Changed,
    **{verb.name: wire.Changed for verb in STEERING},
    **dict.fromkeys(ANALYSES, Answer),
}
"""Verb, with what else of the line decides -> the shape of its document."""


def schemas() -> dict[str, Any]:
    """The document: verb -> schema, with the shapes that several share under `$defs`."""
    adapters = [(name, "serialization", TypeAdapter(shape)) for name, shape in SHAPES.items()]
    found, shared = TypeAdapter.json_schemas(
        adapters,  # type: ignore[arg-type]
        title="What tunectl prints with --json",
        ref_template="#/$defs/{model}",
    )
    verbs = {name: found[name, "serialization"] for name in sorted(SHAPES)}  # type: ignore[index]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **shared, "verbs": verbs}


def text() -> str:
    """The file's content: one line for each shape."""
    parts = []
    for name, value in schemas().items():
        if isinstance(value, dict):
            lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(entry)}" for key, entry in value.items())
            parts.append(f"{json.dumps(name)}: {{\n{lines}\n }}")
        else:
            parts.append(f"{json.dumps(name)}: {json.dumps(value)}")
    return "{\n " + ",\n ".join(parts) + "\n}\n"


if __name__ == "__main__":
    PAGE.write_text(text())
