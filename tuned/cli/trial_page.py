"""One trial on a page of its own: parameters, every metric, why it was tried, its attempts, the command to copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tuned.cli import render
from tuned.cli.lines import LABEL, show_fact
from tuned.cli.table import show_table
from tuned.core import words
from tuned.core.state_words import told
from tuned.core.text import one_line
from tuned.core.trials import card_figures
from tuned.core.trials.ran import attempt_ran_s

if TYPE_CHECKING:
    from tuned.wire import MetricRow, TrialDetail, TrialRow


def show_trial(detail: TrialDetail, metrics: Sequence[MetricRow]) -> None:
    """Print the page.

    Args:
        detail: The trial.
        metrics: All that it reported, by name and step.
    """
    row = detail.trial
    lines = [
        ("state", told(render.state(row.state), render.because(row))),
        ("waits for", row.waits_for),
        ("values", render.values(row.values)),
        ("breaks", ", ".join(row.breaks)),
        ("parameters", render.point(row.params)),
        ("chosen by", row.origin + (f": {row.why}" if row.why else "")),
        ("seed", str(row.seed)),
        ("device", row.slot or row.device),
        ("card", card_figures.in_words(row.card)),
        _time(detail),
        ("code", f"{row.code} (not the code that was submitted)" if row.code else ""),
        ("folder", detail.run_dir or ""),
    ]
    click.echo(row.name)
    for label, text in lines:
        show_fact(label, text)
    if detail.bad_lines:
        show_fact("unreadable", f"{words.count(detail.bad_lines, 'line')} of its metrics")
    if detail.command:
        click.echo(f"  {'command':<{LABEL}}  {detail.command}")  # in one piece, to be copied
    if metrics:
        click.echo()
        show_table(["metric", "=reports", "=first", "=last", "=least", "=greatest"], _metric_rows(metrics))
    if len(detail.attempts) > 1:
        click.echo()
        show_table(["attempt", "ended by", "device", "duration", "reason"], [_attempt(a, row) for a in detail.attempts])


def _time(detail: TrialDetail) -> tuple[str, str]:
    """How long it took, or runs; of one that waits after a run that was cut short, how long that run was."""
    row = detail.trial
    text = render.ran(row)
    if text != words.UNKNOWN:
        return ("took" if row.ended_at else "so far"), text
    last = attempt_ran_s(detail.attempts[-1]) if detail.attempts else None
    return "ran", "" if last is None else words.duration(last)


def _metric_rows(metrics: Sequence[MetricRow]) -> list[list[str]]:
    series: dict[str, list[Any]] = {}
    for metric in metrics:
        series.setdefault(metric.name, []).append(metric.value)
    rows = []
    for name, values in series.items():
        finite = [value for value in values if not isinstance(value, str)]
        ends = [min(finite), max(finite)] if finite else ["-", "-"]
        rows.append([name, str(len(values)), *(words.number(v) for v in (values[0], values[-1], *ends))])
    return rows


def _attempt(attempt: dict[str, Any], row: TrialRow) -> list[str]:
    return [
        str(attempt["attempt"]),
        str(attempt["ended_by"] or "-").removeprefix("exit_"),
        str(attempt.get("slot") or attempt["device"]),
        render.ran(row) if attempt["ended_at"] is None else words.duration(attempt_ran_s(attempt)),
        one_line(str(attempt["reason"])),
    ]
