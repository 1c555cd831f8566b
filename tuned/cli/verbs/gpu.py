"""`gpu`: the cards, who uses them, and leaving one to somebody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tuned.cli import render
from tuned.cli.lines import show_line
from tuned.cli.periods import LengthOfTime
from tuned.cli.session import Session, verb
from tuned.cli.table import show_table
from tuned.client import api_steering
from tuned.core import words
from tuned.core.cards.time import LEAST_LEFT_S, LONGEST_ACCOUNT_S, LONGEST_LEFT_S, Use, per_mille
from tuned.core.text import one_line

if TYPE_CHECKING:
    from tuned.wire import CardTime, GpuPolite, GpuRow, GpuYielded

ACTIONS = ("yield", "take", "polite", "ledger")
LEVELS = ("auto", "checkpoint", "cuda", "restart")


@verb()
@click.argument("action", required=False, type=click.Choice(ACTIONS), metavar="[yield|take|polite|ledger]")
@click.argument("number", required=False, metavar="[N|on|off]")
@click.option(
    "--for",
    "seconds",
    type=LengthOfTime(LEAST_LEFT_S, LONGEST_LEFT_S),
    metavar="2h",
    help="How long to leave it, at most 30d.",
)
@click.option(
    "--since",
    type=LengthOfTime(1.0, LONGEST_ACCOUNT_S),
    metavar="7d",
    help="Of the ledger: how far back, at most 31d; without it, a week.",
)
@click.option("--level", type=click.Choice(LEVELS), default="auto", help="How the trials on it are paused.")
def gpu(
    session: Session,
    action: str | None,
    number: str | None,
    seconds: float | None,
    since: float | None,
    level: str,
) -> None:
    """List the GPUs: their use, their memory, who has them.

    `gpu yield 0 --for 2h` leaves one to somebody else, `gpu take 0` takes it back before its time is over. Trials on a
    yielded card are paused, queued again, and go on on another card or when the time is over.

    `gpu polite on` does that by itself where somebody else begins to work on a card, and takes it back when they have
    been gone for a while; `off` ends it. `gpu ledger --since 7d` says where the time of the cards went.
    """
    if action is None:
        session.show(api_steering.gpus(), _table)
        return
    if action == "ledger":
        session.show(api_steering.gpu_ledger(7 * 86_400.0 if since is None else since), _account)
        return
    if action == "polite":
        if number not in ("on", "off"):
            raise click.UsageError("on or off? (write: tunectl gpu polite on)")
        session.show(api_steering.gpu_polite(number == "on"), _tell_polite)
        return
    if number is None:
        raise click.UsageError(f"which GPU? (write: tunectl gpu {action} 0)")
    if (seconds is None) == (action == "yield"):
        usage = "how long? (add --for 2h)" if action == "yield" else "take takes no --for (leave it out)"
        raise click.UsageError(usage)
    session.show(api_steering.gpu_yield(number, seconds, level), _tell)


def _table(rows: Sequence[GpuRow]) -> None:
    if not rows:
        show_line("no GPU is leased here: trials run in CPU slots (see: tunectl daemon status, tunectl doctor)")
        return
    show_table(
        ["gpu", "name", "=use", "=memory", "held by", "note"],
        [
            [
                f"gpu:{row.index}",
                row.name,
                "-" if row.utilisation is None else f"{row.utilisation:.0f}%",
                f"{words.size(row.memory_used)} / {words.size(row.memory_total)}",
                ", ".join(row.held_by) + (f" ({row.free:.0%} free)" if 0 < row.free < 1 else "") or "-",
                _remark(row),
            ]
            for row in rows
        ],
    )
    for row in rows:
        for process in row.processes:
            who = process.holder or f"{process.user or 'somebody'}: {process.command}"
            click.echo(f"  gpu:{row.index}  process {process.pid}  {words.size(process.memory)}  {one_line(who)}")


BAR = 24


def _account(cards: Sequence[CardTime]) -> None:
    if not cards:
        click.echo("this machine has no GPU")
        return
    names = [use.value for use in Use if any(use.value in card.uses for card in cards)]
    shares = [per_mille(card.uses) for card in cards]
    rows = []
    for use in names:
        seconds = sum(card.uses.get(use, 0.0) for card in cards)
        mean = sum(of.get(use, 0) for of in shares) / len(shares)
        told = [f"{of.get(use, 0) / 10:.1f}%" for of in shares]
        rows.append([use, *told, words.duration(seconds), "█" * round(BAR * mean / 1000)])
    show_table(["use", *(f"=gpu:{card.index}" for card in cards), "=time", ""], rows)
    total = sum(card.until - card.since for card in cards)
    ours = sum(card.uses.get(use, 0.0) for card in cards for use in card.ours)
    click.echo(f"{words.duration(total)} of cards since {render.moment(min(card.since for card in cards))}")
    if total:
        click.echo(f"{ours / total:.1%} of it is ours to avoid ({', '.join(cards[0].ours)})")


def _remark(row: GpuRow) -> str:
    if row.yielded_until and not row.left_to:
        return f"left to others until {render.moment(row.yielded_until)}"
    return row.left_to or row.blocked or row.note


def _tell_polite(done: GpuPolite) -> None:
    leave = "trials leave a card on which somebody else begins to work" if done.on else "trials stay on their cards"
    click.echo(f"polite mode is {'on' if done.on else 'off'}: {leave}")


def _tell(done: GpuYielded) -> None:
    if done.until is None:
        click.echo(f"gpu:{done.gpu} is {'left to nobody any more' if done.effects else 'leased to trials again'}")
    else:
        click.echo(f"gpu:{done.gpu} is left to others until {render.moment(done.until)}")
    for line in done.effects:
        click.echo(f"  {line}")
