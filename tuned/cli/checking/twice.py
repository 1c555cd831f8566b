"""A second trial in another place of the space: what both trials gave and wrote alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tuned.cli import render
from tuned.cli.checking.after import SHOWN_FILES, metrics_of
from tuned.client.finding import Finding
from tuned.client.trying import per_metric
from tuned.core.study_file.space_file import parse_space
from tuned.wire import Submission

if TYPE_CHECKING:
    from tuned.client.touched import Touched
    from tuned.client.trying import Tried

LONGEST = 120.0
"""Seconds that a first trial may take for a second one to follow."""


def wants_second(submission: Submission, first: Tried) -> bool:
    """Whether a second trial tells anything, and is not too long."""
    space = dict(submission.study.get("space") or {})
    varies = bool(parse_space(space).tunable)
    return varies and first.trial.state == "completed" and not first.pause and (first.seconds or 0.0) <= LONGEST


def compared(submission: Submission, first: Tried, second: Tried, before: Touched, after: Touched) -> Iterator[Finding]:
    """Findings in the two trials together.

    Args:
        submission: The study.
        first: The first trial.
        second: The second one.
        before: The files outside of its own folder that the first one touched.
        after: The same of the second one.
    """
    place = render.point(second.trial.params)
    if second.trial.state != "completed" or second.pause:
        why = second.pause or second.trial.reason
        yield Finding("fail", f"at another point ({place}) the trial {second.trial.state}: {why}")
        return
    names = metrics_of(submission, "objective")
    differ = first.trial.params != second.trial.params
    alike = [name for name in names if _values(first, name) == _values(second, name)]
    if alike and differ:
        yield Finding(
            "warn",
            f"a second trial at another point ({place}) gave the very same {', '.join(alike)}",
            "does the code use them? Print in it what it trains with",
        )
    elif names and differ:
        yield Finding("ok", f"a second trial at another point ({place}) gave another {names[0]}")
    both = [path for path in before.all if path in set(after.all)]
    if both:
        more = f" and {len(both) - SHOWN_FILES} more" if len(both) > SHOWN_FILES else ""
        yield Finding(
            "warn",
            f"both trials wrote {', '.join(both[:SHOWN_FILES])}{more}: trials side by side would write over each other",
            'give each its own: "{run_dir}/work" (also TUNED_WORK), or run.code = "snapshot"',
        )


def _values(trial: Tried, metric: str) -> list[object]:
    return [(row.step, row.value) for row in per_metric(trial.observations).get(metric, [])]
