"""`why`: the reasons of a study's or a trial's state and point, with evidence and the command that comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import click

from tuned.cli.lines import show_line
from tuned.cli.session import Session, verb
from tuned.cli.verbs.studies import one_trial
from tuned.client import api
from tuned.client.reasons import Reason, study_reasons, trial_reasons


@verb()
@click.argument("target", metavar="STUDY|STUDY/NUMBER")
def why(session: Session, target: str) -> None:
    """Say why a study or trial waits, runs, was stopped or failed, and why a trial got its point."""
    daemon, queue = session.send(api.status()), session.send(api.queue())
    if "/" in target:
        name, number = one_trial(session, target)
        detail = session.send(api.trial(name, number))
        reasons = trial_reasons(detail, session.send(api.study(name)).study, queue, daemon)
    else:
        reasons = study_reasons(session.send(api.study(target)).study, queue, daemon)
    document = {"target": target, "reasons": [asdict(reason) for reason in reasons]}
    session.emit(document, lambda: _show(target, reasons))


def _show(target: str, reasons: Sequence[Reason]) -> None:
    click.echo(target)
    for reason in reasons:
        click.echo(f"  {reason.about:<6} {reason.code}")
        for line in reason.evidence:
            show_line(line, " " * 9)
        if reason.next:
            click.echo(f"         next: {reason.next}")
