"""`status`: the daemon, its slots, what runs and what failed, on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tuned.cli.lines import show_fact
from tuned.cli.places import place_line
from tuned.cli.session import Session, verb
from tuned.cli.verbs.trials import trials_table
from tuned.client import api
from tuned.client.waiting import held_back
from tuned.core import words
from tuned.core.state_words import told
from tuned.core.states import WASTED, StudyState, number_in

if TYPE_CHECKING:
    from tuned.wire import CallerRow, DaemonStatus, TrialRow


@verb()
def status(session: Session) -> None:
    """Show the daemon, its slots, the trials that run and those that failed, and the studies that are paused."""
    daemon = session.send(api.status())
    rows = session.send(api.queue())
    running = [row for row in rows if row.state != "queued"]
    studies = [row for row in session.send(api.studies()) if row.ended_at is None]
    failed = {study.name: number_in(WASTED, study.counts) for study in studies}
    failed = {name: count for name, count in failed.items() if count}
    paused = {study.name: study.reason for study in studies if study.state == StudyState.PAUSED}
    held = sum(held_back(study) for study in studies)
    document = {
        "daemon": asdict(daemon),
        "running": [asdict(row) for row in running],
        "queued": daemon.queued,
        "held_back": held,
        "paused": paused,
        "failed": failed,
    }
    session.emit(document, lambda: _show(daemon, running, held, paused, failed))


def _used(row: CallerRow) -> str:
    trials, hours = (f" of {most}" if most is not None else "" for most in (row.most_trials, row.most_hours))
    caps = "" if row.capped else ", no caps"
    made = f"{row.trials}{trials} trials" if trials else words.count(row.trials, "trial")
    return f"{made}, {row.hours:.2f}{hours} GPU-hours{caps}"


def _show(
    daemon: DaemonStatus, running: Sequence[TrialRow], held: int, paused: Mapping[str, str], failed: Mapping[str, int]
) -> None:
    apart = f" ({held} of them in paused studies)" if held else ""
    show_fact("daemon", f"pid {daemon.pid}, up {words.duration(daemon.uptime_s)}, {daemon.home}")
    queued = words.known(daemon.queued, "queued")
    show_fact("trials", f"{daemon.running_here} running on {words.count(daemon.slots, 'slot')}, {queued}{apart}")
    for place in daemon.places:
        show_fact("place", place_line(place))
    for note in daemon.notes:
        show_fact("note", note)
    for row in daemon.callers:
        show_fact("caller", f"{row.name}: {_used(row)}")
    for name, why in paused.items():
        show_fact("paused", told(name, why) + f" (tunectl why {name})")
    for name, count in failed.items():
        show_fact("failed", f"{words.count(count, 'trial')} of {name} (tunectl trials {name} --state failed)")
    if running:
        click.echo()
        trials_table(running, with_study=True)
