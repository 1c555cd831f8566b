"""One trial of a study file as a rehearsal: a study of its own with that one trial, watched, and taken away again.

Owns the rehearsal's study and what is read from it. It runs as every trial does: through the daemon's queue, under the
study's interpreter, with its patterns.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuned.client import api
from tuned.core.errors import TunedError
from tuned.core.trials.ran import ran_s
from tuned.protocol import METRICS_FILE, MODULES_FILE, STEP_KEY, TIME_KEY, RecordError, read_record
from tuned.wire import LogChunk, MetricRow, Submission, TrialRow

if TYPE_CHECKING:
    from tuned.client.http import Client

LOOK_S = 0.2
"""Seconds between two looks at a growing log: output makes no events."""
PATIENT_LOOKS = 10
"""Looks at a trial that is still queued, after which a person is told."""
PIECE = 1 << 18
FIRST = 1_000_000


@dataclass(frozen=True, slots=True)
class Tried:
    """The trial's end.

    Attributes:
        arguments: The arguments it was started with.
        observations: Everything that it reported.
        seconds: How long it ran; None when it never began.
        pause: Why the daemon would not have gone on after it; empty when it would.
        run_dir: Its run directory, gone by now.
        unreadable: Lines of metrics whose values are no numbers that can be read, a few.
        repeated: Metric -> how often its steps began from the start, where they did more than once.
        imports: `seconds` and `others` of the record of its imports: those that are made ahead, and further slow ones.
    """

    trial: TrialRow
    arguments: list[str]
    observations: list[MetricRow]
    seconds: float | None
    pause: str
    run_dir: str | None
    unreadable: list[str]
    repeated: dict[str, int]
    imports: dict[str, dict[str, float]]


def rehearsal(submission: Submission, name: str) -> Submission:
    """The submission of one trial of a study, ahead of all others, under another name."""
    study = dict(submission.study)
    search = {key: value for key, value in dict(study.get("search") or {}).items() if key in ("seed", "point")}
    search["point"] = list(search.get("point", []))[:1]
    study |= {"name": name, "priority": FIRST, "search": {**search, "method": "sobol", "trials": 1}}
    # One trial is no search to stop early, nor to lead to a final model.
    for table in ("early_stopping", "playbook"):
        study.pop(table, None)
    run = dict(study.get("run") or {})
    study["run"] = {**run, "retries": {"lost": 0}}
    return replace(submission, study=study, name=name)


def elsewhere(rehearsed: Submission) -> Submission:
    """The same rehearsal in another place of the space: an evenly spread design begins in its middle for every seed."""
    search = {**rehearsed.study["search"], "method": "random", "point": []}
    return replace(rehearsed, study={**rehearsed.study, "search": search})


@contextlib.contextmanager
def tried(
    client: Client, submission: Submission, output: Callable[[str], None], waits: Callable[[], None]
) -> Iterator[Tried]:
    """Run the one trial of a `rehearsal`; within the context its run directory is still there.

    Args:
        client: Of a daemon that runs.
        submission: The result of `rehearsal`.
        output: Gets what the trial prints, as it does.
        waits: Called once when no slot is free for it.

    Raises:
        TunedError: It was refused.
    """
    name = str(submission.name)
    _take_away(client, name)
    try:
        client.send(api.submit(submission))
        _follow(client, name, output, waits)
        page = client.send(api.study(name)).study
        detail = client.send(api.trial(name, 1))
        trial = detail.trial
        yield Tried(
            trial=trial,
            arguments=detail.arguments,
            observations=client.send(api.metrics(f"{name}/1")),
            seconds=None if trial.ended_at is None else ran_s(trial, trial.ended_at),
            pause=page.reason if page.state == "paused" else "",
            run_dir=detail.run_dir,
            unreadable=[str(line.get("text", "")) for line in detail.unreadable],
            repeated=_repeated(detail.run_dir),
            imports=_imports(detail.run_dir),
        )
    finally:
        _take_away(client, name)


def _follow(client: Client, name: str, output: Callable[[str], None], waits: Callable[[], None]) -> None:
    """Hand over what the trial prints until it has ended."""
    offset, looks = 0, 0
    while True:
        trial = client.send(api.trial(name, 1)).trial
        ended = trial.ended_at is not None
        looks += trial.state == "queued"
        if looks == PATIENT_LOOKS:
            looks += 1
            waits()
        chunk: LogChunk = client.send(api.log(name, 1, offset=offset, limit=PIECE))
        offset = chunk.next_offset
        if chunk.text:
            output(chunk.text)
        elif ended:
            return
        else:
            time.sleep(LOOK_S)


def _take_away(client: Client, name: str) -> None:
    """Delete the rehearsal's study, ending what runs of it."""
    with contextlib.suppress(TunedError):
        client.send(api.study(name))
        with contextlib.suppress(TunedError):
            client.send(api.act("kill", [f"{name}/1"]))
        with contextlib.suppress(TunedError):
            client.send(api.act("cancel", [name]))
        for _ in range(100):
            try:
                client.send(api.delete(name))
                return
            except TunedError:
                time.sleep(LOOK_S)


def _imports(run_dir: str | None) -> dict[str, dict[str, float]]:
    """Empty where the trial has not noted what its imports cost."""
    try:
        record = read_record(run_dir or "", MODULES_FILE) or {}
    except (OSError, RecordError):
        return {}
    return {name: dict(record.get(name) or {}) for name in ("seconds", "others")}


def _repeated(run_dir: str | None) -> dict[str, int]:
    """Metric -> how often its steps began from the start, by the lines as they were written."""
    last: dict[str, float] = {}
    rounds: dict[str, int] = {}
    try:
        lines = Path(run_dir or "", METRICS_FILE).read_text(errors="replace").splitlines()
    except OSError:
        return {}
    for line in lines:
        try:
            record = dict(json.loads(line))
            step = float(record.pop(STEP_KEY))
        except (ValueError, TypeError, KeyError):
            continue
        for name in record:
            if name != TIME_KEY:
                rounds[name] = rounds.get(name, 0) + (step <= last.get(name, step))
                last[name] = step
    return {name: count for name, count in rounds.items() if count > 1}


def per_metric(observations: list[MetricRow]) -> dict[str, list[MetricRow]]:
    """The observations by name, each in the order of its steps."""
    found: dict[str, list[MetricRow]] = {}
    for row in observations:
        found.setdefault(row.name, []).append(row)
    return found


def shown(rows: list[MetricRow]) -> dict[str, Any]:
    """One metric in a few numbers."""
    first, last = rows[0], rows[-1]
    return {"count": len(rows), "first_step": first.step, "last_step": last.step, "last": last.value}
