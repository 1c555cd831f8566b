"""`sdk`: `import tuned` for scripts that run outside of trials."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tuned.cli.lines import show_line
from tuned.cli.session import Session, verb


@verb()
@click.option("--remove", "take_away", is_flag=True, help="Remove it.")
@click.option("--python", metavar="PATH", help="An interpreter or environment; without it, the active one.")
def sdk(session: Session, take_away: bool, python: str | None) -> None:
    """Add the SDK to the active environment, so that scripts there can import tuned outside of trials.

    Inside of trials it is there anyway. It is a few files of plain Python; pip lists it as tuned-hpo-sdk.
    """
    from tuned.client.sdk_copy import add, remove

    chosen, why = _interpreter(python)
    done = remove(chosen) if take_away else add(chosen)
    document = {"python": done.python, "why": why, "folder": str(done.folder), "changed": done.changed}
    if take_away:
        text = f"removed it from {done.folder}" if done.changed else f"there is none in {done.folder}"
    else:
        text = f"{done.python} can import tuned ({why}): {done.folder / 'tuned'}"
    session.emit(document, lambda: show_line(text, hanging="    "))


def _interpreter(python: str | None) -> tuple[str, str]:
    """The interpreter that was named, or that of an environment; the system's own only when it is named."""
    from tuned.core.errors import InvalidInput
    from tuned.core.program.interpreter import ON_PATH, choose_interpreter
    from tuned.disk import Disk
    from tuned.installation import own_prefix

    try:
        chosen, why = choose_interpreter(
            python, base=str(Path.cwd()), environment=os.environ, files=Disk(), own_prefix=own_prefix()
        )
    except InvalidInput as error:
        raise InvalidInput(error.what, where="--python", hint="name an interpreter or an environment") from None
    if python is None and why == ON_PATH:
        raise InvalidInput(
            f"no environment is active, and {chosen} may be the system's own",
            hint=f"activate one, or name it: tunectl sdk --python {chosen}",
        )
    return chosen, "--python names it" if python is not None else why
