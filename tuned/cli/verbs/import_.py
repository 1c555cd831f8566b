"""`import`: results of another program as a study that others begin with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

from tuned.cli.session import Session, verb
from tuned.client.csv_table import read_table
from tuned.client.imported import Found, calls
from tuned.client.optuna_files import read_optuna
from tuned.core import words


@verb("import")
@click.argument("source", type=click.Choice(["optuna", "csv"]))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--study", metavar="NAME", help="optuna: which of the file's studies; default: its only one.")
@click.option("--name", help="Name of the study here; default: its name there, or the file's.")
@click.option("--metric", multiple=True, metavar="NAME[=COLUMN]", help="The objective, and with csv others behind it.")
@click.option(
    "--param", multiple=True, metavar="NAME[=COLUMN]", help="csv: a parameter; default: params.*, config/*, ..."
)
@click.option("--maximize", is_flag=True, help="csv: larger is better.")
@click.option("--state", metavar="COLUMN", help="csv: how a run ended; default: state, where there is such a column.")
def import_(
    session: Session,
    source: str,
    file: Path,
    study: str | None,
    name: str | None,
    metric: Sequence[str],
    param: Sequence[str],
    maximize: bool,
    state: str | None,
) -> None:
    """Take in the ended trials of an Optuna study (SQLite or journal file), or of a table with one row a run.

    They become a study that has ended: look at it as at any other, and begin others with it: [search] from = ["NAME"].
    """
    if source == "optuna":
        if param or maximize or state:
            raise click.UsageError("--param, --maximize and --state are for csv: Optuna's files say all of that")
        found = read_optuna(file, study, metric)
    else:
        if not metric:
            raise click.UsageError("name the objective: --metric val_loss, or --metric val_loss=COLUMN")
        pairs = [_pair(text) for text in metric], [_pair(text) for text in param]
        found = read_table(file, pairs[0], "maximize" if maximize else "minimize", pairs[1], state)
    wanted = name or _as_name(study or found.name)
    total = 0
    for call in calls(found, wanted):
        # In a dry run, each piece is the first one.
        total = (total if session.dry_run else 0) + session.send(call).trials
    document = {"study": wanted, "trials": total, "left_out": found.left_out}
    session.emit(document, lambda: _tell(found, wanted, total))


def _pair(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    return name, column if equals else name


def _as_name(text: str) -> str:
    cleaned = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("._-")[:64]
    return re.sub(r"\.{2,}", ".", cleaned) or "imported"


def _tell(found: Found, name: str, total: int) -> None:
    left = f"; {found.left_out} without an end are left out" if found.left_out else ""
    click.echo(f"{name}: {words.count(total, 'trial')} of {found.source}{left}")
    click.echo(f'look: tunectl best {name}; begin another study with it: [search] from = ["{name}"]')
