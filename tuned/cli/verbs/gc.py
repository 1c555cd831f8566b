"""`gc`: free disk space."""

from __future__ import annotations

import click

from tuned.cli.session import Session, verb
from tuned.client import api
from tuned.core import words
from tuned.core.sizes import parse_size
from tuned.wire import Collected


class Bytes(click.ParamType[int]):
    """A size such as `50GB`, `500M` or `1000000`."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        try:
            return parse_size(value)
        except ValueError as error:
            self.fail(f"{error} (write 50GB or 500M)", param, ctx)


@verb()
@click.option("--quota", type=Bytes(), help="What run directories may take; without it, the machine's quota.")
def gc(session: Session, quota: int | None) -> None:
    """Remove checkpoints, work folders and logs of ended trials until the quota holds, least useful first.

    Trials that run, wait or are paused, and the five best of each study, are never touched.
    """

    def text(collected: Collected) -> None:
        for line in collected.removed:
            target, part, size = line.split(" ")
            click.echo(f"{target}: {part}, {words.size(int(size))}")
        verb_ = "would free" if collected.dry_run else "freed"
        click.echo(
            f"{verb_} {words.size(collected.freed_bytes)}; run directories took "
            f"{words.size(collected.used_bytes)}, the quota is {words.size(collected.quota_bytes)}"
        )

    session.show(api.collect(session.dry_run, quota), text)
