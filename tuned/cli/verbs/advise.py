"""`advise`: the playbook's verdicts on a study."""

from __future__ import annotations

import click

from tuned.cli.analysis import format_option, show_analysis
from tuned.cli.session import Session, verb


@verb()
@click.argument("target", metavar="STUDY|STUDY/NUMBER")
@click.option("--level", type=click.Choice(["info", "warn", "fail"]), help="Only verdicts at least as pressing.")
@click.option(
    "--trials", is_flag=True, help="The evidence in full: every trial's curves, lengths, best of n, failures."
)
@format_option
def advise(session: Session, target: str, level: str | None, trials: bool, style: str | None) -> None:
    """Say what somebody who knows the tuning playbook would say about a study, with evidence and remedy.

    Of one trial: what its curves say, and which verdicts it is part of.
    """
    study, _, number = target.partition("/")
    options = {"level": level, "trials": "yes" if trials else None, "trial": number or None}
    show_analysis(session, "advise", study, options, style=style)
