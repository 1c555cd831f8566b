"""`init`: a first study file for a script."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tuned.cli.session import Session, verb

if TYPE_CHECKING:
    from tuned.core.draft.study_text import Draft


@verb()
@click.argument("script")
@click.option("-o", "--output", metavar="FILE", help="Where to write it; without it, SCRIPT's name as .toml, here.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(session: Session, script: str, output: str | None, force: bool) -> None:
    """Read a script's options and what it prints, without running it, and write a commented study file."""
    from tuned.client.drafting import load_script, study_name, write_new
    from tuned.core.draft.study_text import draft_study

    path = Path(output) if output else Path(f"{study_name(script)}.toml")
    read = load_script(script, path.parent.absolute())
    draft = draft_study(read)
    write_new(path, draft.text, force=force)
    document = {
        "file": str(path),
        "options": len(read.taken.options),
        "parameters": list(draft.tuned),
        "metric": draft.metric,
        "todo": list(draft.todos),
    }
    session.emit(document, lambda: _tell(path, len(read.taken.options), draft))


def _tell(path: Path, options: int, draft: Draft) -> None:
    click.echo(f"wrote {path}: {options} options read, {len(draft.tuned)} of them to tune")
    if draft.tuned:
        click.echo(f"  tunes      {', '.join(draft.tuned)}")
    click.echo(f"  objective  {draft.metric or 'not found in what the script prints'}")
    for todo in draft.todos:
        click.echo(f"  to do      {todo}")
    click.echo(f"read it, then: tunectl check {shlex.quote(str(path))} --run")
