"""`summary`: what happened since you last looked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from tuned.cli import render, standing
from tuned.cli.lines import show_fact, show_line
from tuned.cli.periods import LengthOfTime
from tuned.cli.session import Session, verb
from tuned.client import api_steering
from tuned.client.reader import reader
from tuned.core import words
from tuned.core.state_words import told
from tuned.core.states import STUDY_ENDED

if TYPE_CHECKING:
    from tuned.wire import StudySummary, Summary


@verb()
@click.option("--since", type=LengthOfTime(), metavar="12h", help="How far to look back instead.")
@click.option("--keep", is_flag=True, help="Do not remember this call: the next summary shows the same.")
@click.option("--client", help="Name of the reader; default: you on this machine.")
def summary(session: Session, since: float | None, keep: bool, client: str | None) -> None:
    """Say what happened since you last looked: trials that ended, new bests, failures, studies that are done."""
    begin = None if since is None else time.time() - since
    keep = keep or since is not None
    session.show(api_steering.summary(client or reader(), begin, keep), _show)


def _show(found: Summary) -> None:
    if found.since is None:
        click.echo("first summary: everything so far")
    else:
        click.echo(f"since {render.moment(found.since)}, {words.duration(found.until - found.since)} ago")
    for note in found.notes:
        show_line(f"note: {note}", hanging="    ")
    for study in found.studies:
        click.echo()
        _study(study)
    if found.deleted:
        click.echo(f"\ndeleted: {', '.join(found.deleted)}")
    if not found.studies:
        click.echo("nothing happened" if found.quiet else "there are no studies")
    elif found.quiet:
        click.echo(f"\nnothing happened in {found.quiet} other {'study' if found.quiet == 1 else 'studies'}")


def _study(study: StudySummary) -> None:
    of = f"/{max(study.started, study.trials)}" if study.trials else ""
    done = f"{study.started}{of} trials" if of else words.count(study.started, "trial")
    left = f", about {words.duration(study.eta_s)} left" if study.eta_s else ""
    new = "new, " if study.submitted else ""
    state = told(standing.state(study), standing.reason(study) if study.waits else "")
    show_line(f"{study.name}  {new}{state}, {done} started{left}")
    lines = [("ended", render.counts(study.ended) if study.ended else "")]
    if study.running or study.queued:
        lines.append(("now", f"{study.running} running, {study.queued} queued"))
    if study.best is not None:
        was = f", was {words.number(study.best_before)}" if study.best_before is not None and study.best_is_new else ""
        lines.append(("new best" if study.best_is_new else "best", render.best(study.best) + was))
    lines += [("failed", line) for line in study.failures]
    lines += [("note", line) for line in study.notes]
    if study.state in STUDY_ENDED and study.reason:
        lines.append(("because", study.reason))
    for label, text in lines:
        show_fact(label, text)
