"""`-H`: the option, and the machine that it names for a verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

FLAGS = ("-H", "--host")


def host_option(several: str) -> Callable[..., Any]:
    """The option, which may be given several times.

    Args:
        several: The effect of several of them, as its help ends.
    """
    about = f"The daemon of another machine, through ssh; {several}."
    return click.option(*FLAGS, "hosts", multiple=True, metavar="ssh://USER@HOST", help=about)


def named_host() -> str | None:
    """The machine that `tunectl -H` names; None where none or several are named, which is the terminal UI's to see.

    Raises:
        click.UsageError: Several are named, and the verb is not the terminal UI's.
        InvalidInput: The verb works with this machine's files.
    """
    context = click.get_current_context()
    hosts: tuple[str, ...] = context.find_root().params.get("hosts") or ()
    if not hosts:
        return None
    from tuned.cli.remote import checked_verb

    checked_verb(context.info_name or "")
    if len(hosts) > 1 and "hosts" not in context.params:
        raise click.UsageError("only ui shows several machines (name one)")
    return hosts[0] if len(hosts) == 1 else None
