"""What a rehearsed trial did: its end, the metrics that it gave, the files that it touched, the time that it took."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuned.client.finding import Finding
from tuned.core import words
from tuned.wire import Submission, Submitted

if TYPE_CHECKING:
    from tuned.client.touched import Touched
    from tuned.client.trying import Tried

SHOWN_FILES = 12


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


def metrics_found(submission: Submission, metrics: dict[str, dict[str, Any]]) -> list[Finding]:
    """The metrics that were found, and the objectives that were not."""
    found = []
    for name, seen in metrics.items():
        steps = f"steps {words.number(seen['first_step'])} to {words.number(seen['last_step'])}"
        times = "once" if seen["count"] == 1 else f"{seen['count']} times, {steps}"
        found.append(Finding("ok", f"{name}: {times}, last {words.number(seen['last'])}"))
    given = submission.study.get("objective") or []
    for objective in [given] if isinstance(given, dict) else given:
        metric = objective.get("metric") if isinstance(objective, dict) else None
        if metric and metric not in metrics:
            listed = f"it gave {', '.join(metrics)}" if metrics else "nothing was found in what it printed"
            found.append(Finding("fail", f"objective.metric: the trial never gave {metric}", listed))
        elif metric and metrics[metric]["count"] == 1:
            found.append(
                Finding("warn", f"{metric} comes once a trial", "with a value a step, bad trials can end early")
            )
    return found


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
