"""Findings of `check` and `doctor`: one line each, ok, warn or fail, with its remedy.

Owns how findings are printed.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from tuned.cli.lines import folded, room
from tuned.client.finding import Finding
from tuned.core import words

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def tell(findings: Sequence[Finding]) -> None:
    """Print findings, each on a line of its own."""
    for finding in findings:
        mark = click.style(f"{finding.level:<4}", fg=_COLOURS[finding.level])
        text = folded(finding.what + (f" ({finding.hint})" if finding.hint else ""), " " * 11, width=room())
        click.echo(f"  {mark}     {text.lstrip()}")


def failed(findings: Sequence[Finding]) -> str:
    """The failures in one line; empty when there is none."""
    bad = [finding for finding in findings if finding.level == "fail"]
    return f"{words.count(len(bad), 'finding')} to mend: {bad[0].what}" if bad else ""
