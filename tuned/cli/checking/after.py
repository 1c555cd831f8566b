"""Findings in a rehearsed trial: its end, the metrics that it gave, the files it touched, the time it took."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuned.client.finding import Finding
from tuned.core import words
from tuned.protocol import FORK_SAFE_MODULES, FORK_UNSAFE_MODULES
from tuned.wire import Submission, Submitted

if TYPE_CHECKING:
    from tuned.client.touched import Touched
    from tuned.client.trying import Tried

SHOWN_FILES = 12
WORTH_S = 0.05
"""Seconds from which on an import is made ahead."""


def ended(result: Tried) -> list[Finding]:
    """How the trial ended."""
    took = f" in {words.duration(result.seconds)}" if result.seconds is not None else ""
    if result.pause:
        return [
            Finding("fail", f"the trial {result.trial.state}{took}, and the study would stop there: {result.pause}")
        ]
    if result.trial.state != "completed":
        return [Finding("fail", f"the trial {result.trial.state}{took}: {result.trial.reason}")]
    return [Finding("ok", f"the trial completed{took}")]


def metrics_found(submission: Submission, metrics: dict[str, dict[str, Any]], result: Tried) -> list[Finding]:
    """The metrics that were found, those that were asked for and were not, and steps that mean something else."""
    found = []
    for name, seen in metrics.items():
        steps = f"steps {words.number(seen['first_step'])} to {words.number(seen['last_step'])}"
        times = "once" if seen["count"] == 1 else f"{seen['count']} times, {steps}"
        found.append(Finding("ok", f"{name}: {times}, last {words.number(seen['last'])}"))
    listed = f"it gave {', '.join(metrics)}" if metrics else "nothing was found in what it printed"
    for kind in ("objective", "constraint"):
        for metric in metrics_of(submission, kind):
            if metric not in metrics:
                found.append(Finding("fail", f"{kind}.metric: the trial never gave {metric}", listed))
            elif metrics[metric]["count"] == 1 and kind == "objective":
                hint = "with a value a step, bad trials can end early"
                found.append(Finding("warn", f"{metric} comes once a trial", hint))
    for text in result.unreadable:
        hint = "write it as one plain number, such as 12345.6"
        found.append(Finding("fail", f"this is no number that can be read: {_misread(text)}", hint))
    found += _repeats(submission, metrics, result)
    found += _patience(submission, metrics)
    return found


def _misread(line: str) -> str:
    """The names and texts in a line of metrics that are no numbers; the line itself when it is no such line."""
    try:
        record = dict(json.loads(line))
    except (ValueError, TypeError):
        return line[:120]
    return ", ".join(f"{name} = {value!r}" for name, value in record.items() if isinstance(value, str))


def metrics_of(submission: Submission, kind: str) -> list[str]:
    """The metrics of the objectives or of the constraints, in the file's order."""
    given = submission.study.get(kind) or []
    tables = [given] if isinstance(given, dict) else given
    return [str(table["metric"]) for table in tables if isinstance(table, dict) and table.get("metric")]


def _repeats(submission: Submission, metrics: dict[str, dict[str, Any]], result: Tried) -> Iterator[Finding]:
    """Steps that began from the start, as those of folds do: of each step the last value counts."""
    if dict(submission.study.get("run") or {}).get("folds"):
        return
    for name in metrics_of(submission, "objective"):
        times, seen = result.repeated.get(name, 1), metrics.get(name)
        if times > 1 and seen is not None:
            steps = f"steps {words.number(seen['first_step'])} to {words.number(seen['last_step'])}"
            yield Finding(
                "warn",
                f"{name} comes {times} times for {steps}, and of each step the last value counts: are these folds?",
                "run.folds runs the script once a fold and takes the mean; or trial.folds(k) in the code",
            )


def _patience(submission: Submission, metrics: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    """A patience that is shorter than the way from one report to the next."""
    patience = dict(submission.study.get("early_stopping") or {}).get("patience")
    for name in metrics_of(submission, "objective")[:1]:
        seen = metrics.get(name)
        if not isinstance(patience, int | float) or seen is None or seen["count"] < 2:
            continue
        gap = (seen["last_step"] - seen["first_step"]) / (seen["count"] - 1)
        if patience < gap:
            yield Finding(
                "warn",
                f"early_stopping.patience = {words.number(patience)} is in steps, and {name} comes every "
                f"{words.number(gap)} of them: a trial ends at the first value that is no better",
                f"patience = {words.number(patience * gap)} waits for {words.number(patience)} values",
            )


def files_touched(touched: Touched, folders: list[Path]) -> list[Finding]:
    """The files outside of its own folder that the trial changed."""
    from tuned.client.touched import outermost

    shown = ", ".join(str(folder) for folder in outermost(folders))
    if not touched.all:
        return [Finding("ok", f"it changed no file in {shown}")]
    listed = [f"{path} ({how})" for how in ("new", "changed", "removed") for path in getattr(touched, how)]
    more = f" and {len(listed) - SHOWN_FILES} more" if len(listed) > SHOWN_FILES else ""
    return [
        Finding(
            "warn",
            "it touched files outside of its own folder, as every trial would: "
            + ", ".join(listed[:SHOWN_FILES])
            + more,
            'write to "{run_dir}/work" (also TUNED_WORK), or set run.code = "snapshot"',
        )
    ]


def time_needed(plan: Submitted, result: Tried) -> list[Finding]:
    """How long the whole study takes at this pace."""
    if plan.trials is None or not result.seconds:
        return []
    whole = -(-plan.trials // max(1, plan.slots)) * result.seconds
    at_once = "one at a time" if plan.slots == 1 else f"{plan.slots} at once"
    what = f"{words.count(plan.trials, 'trial')} like this one, {at_once}: {words.duration(whole)} at most"
    return [Finding("ok", what, "the first one of a study also imports what later ones find imported")]


def slow_imports(submission: Submission, result: Tried) -> list[Finding]:
    """Slow imports of each trial, with the line that has them imported ahead; only the user knows if that works."""
    safe = {name.partition(".")[0] for name in FORK_SAFE_MODULES}
    others = {name: s for name, s in result.imports.get("others", {}).items() if name not in safe}
    if not others or "preload" in dict(submission.study.get("run") or {}):
        return []
    known = [name for name in FORK_SAFE_MODULES if result.imports.get("seconds", {}).get(name, 0.0) >= WORTH_S]
    able = [name for name in others if name not in FORK_UNSAFE_MODULES]
    seconds = ", ".join(f"{name} ({words.duration(s)})" for name, s in sorted(others.items(), key=lambda one: -one[1]))
    line = f"run.preload = {json.dumps([*known, *able])} imports them ahead, if nothing of them runs before a fork"
    return [Finding("ok", f"each trial imports anew: {seconds}", line if able else "they cannot be imported ahead")]
