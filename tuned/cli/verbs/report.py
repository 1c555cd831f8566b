"""`report`: a study as one HTML file, and its tables for a paper."""

from __future__ import annotations

from pathlib import Path

import click

from tuned.cli.session import Session, verb
from tuned.cli.whole_file import write_whole
from tuned.client import api
from tuned.core import words
from tuned.core.playbook.spec import REPORT_FILE


@verb()
@click.argument("study")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: STUDY.html.")
@click.option("--latex", type=click.Path(file_okay=False, path_type=Path), help="Write each table as a .tex file here.")
def report(session: Session, study: str, output: Path | None, latex: Path | None) -> None:
    """Write all there is to say on a study as one HTML file that needs no network."""
    options = {} if latex is None else {"latex": "yes"}
    document = session.send(api.analysis(study, "report", options, []))
    target = output or Path(f"{study}.html")
    written = [_write(target, document["files"].pop(REPORT_FILE), "-o")]
    for name, text in document["files"].items():
        assert latex is not None
        written.append(_write(latex / name, text, "--latex"))
    session.emit({"files": [str(path) for path in written], "notes": document["notes"]}, lambda: _say(written))
    for note in document["notes"]:
        click.echo(note, err=True)


def _write(path: Path, text: str, where: str) -> Path:
    write_whole(path, text, where)
    return path.resolve()


def _say(written: list[Path]) -> None:
    page = written[0]
    more = f", and {len(written) - 1} tables with it" if len(written) > 1 else ""
    click.echo(f"wrote {page} ({words.size(page.stat().st_size)}){more}")
