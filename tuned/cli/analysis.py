"""How every verb that shows an analysis does it: ask, then verdicts, tables and remarks as text, or in a format.

Owns `Shown`, the `--format` option and what a verdict looks like on a terminal; the analyses are the playbook's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tuned.analyses.table import STYLES
from tuned.cli.lines import folded, room
from tuned.cli.session import Session
from tuned.cli.table import show_table
from tuned.client import api

if TYPE_CHECKING:
    from tuned.analyses.answer import Answer
    from tuned.analyses.table import Table
    from tuned.analyses.verdict import Verdict

F = TypeVar("F", bound=Callable[..., Any])

MARKS = {"fail": ("FAIL", "red"), "warn": ("WARN", "yellow"), "info": ("info", "cyan")}
WIDTH = 110


def format_option(function: F) -> F:
    """The option `--format`, given to the verb as `style`; None is text for a person."""
    choice = click.Choice(STYLES)
    return click.option("--format", "style", type=choice, help="Print the tables for a paper or a spreadsheet.")(
        function
    )


def show_analysis(
    session: Session,
    kind: str,
    study: str,
    options: Mapping[str, str | None] | None = None,
    others: Sequence[str] = (),
    style: str | None = None,
) -> Answer | None:
    """Ask for an analysis and print it as JSON, in a `style`, or for a person; options that are None are left out.

    Returns:
        The answer; None when JSON was printed.
    """
    from tuned.analyses.answer import Answer

    given = {name: value for name, value in (options or {}).items() if value is not None}
    document = session.send(api.analysis(study, kind, given, others))
    if session.json:
        session.emit(document, lambda: None)
        return None
    answer = Answer.from_dict(document)
    if style is None:
        show_answer(answer)
    else:
        tables = [*answer.tables, *([verdict_table(answer.verdicts)] if answer.verdicts else [])]
        click.echo("\n".join(table.render(style) for table in tables), nl=False)
    return answer


def show_answer(answer: Answer) -> None:
    """Print verdicts, tables and remarks for a person."""
    blank = False
    for verdict in answer.verdicts:
        show_verdict(verdict)
        blank = True
    for table in answer.tables:
        if blank:
            click.echo()
        show_result(table)
        blank = True
    for note in answer.notes:
        click.echo(_wrapped(note, ""))


def show_verdict(verdict: Verdict) -> None:
    """One verdict: level and sentence, then evidence, remedy and command."""
    mark, colour = MARKS[verdict.level]
    about = f" [{verdict.about}]" if verdict.about else ""
    click.echo(click.style(mark, fg=colour, bold=True) + "  " + _wrapped(verdict.what + about, "      ").lstrip())
    if verdict.evidence:
        from tuned.analyses.table import number

        pairs = ", ".join(f"{name} {number(value)}" for name, value in verdict.evidence.items())
        click.echo(click.style(_wrapped(f"{verdict.code}: {pairs}", "      "), dim=True))
    if verdict.remedy:
        click.echo(_wrapped(f"-> {verdict.remedy}", "      "))
    if verdict.command:
        click.echo(f"      $ {verdict.command}")


def show_result(table: Table) -> None:
    """One table of results under its title, with its notes below."""
    click.echo(click.style(table.title, bold=True))
    # The first two columns say what a row is about and how it came out; of the others the first matter most.
    headings = [
        ("~" if place > 1 else "") + ("=" if column.is_numeric else "") + column.heading
        for place, column in enumerate(table.columns)
    ]
    show_table(headings, table.texts())
    for note in table.notes:
        click.echo(_wrapped(note, "  "))


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """Verdicts as a table, for the formats that know nothing else."""
    from tuned.analyses.table import Column, Table, number

    columns = tuple(Column(name) for name in ("level", "code", "about", "what", "evidence", "remedy", "command"))
    rows = tuple((v.level, v.code, v.about, v.what, _pairs(v, number), v.remedy, v.command) for v in verdicts)
    return Table("verdicts", "Verdicts", columns, rows)


def _pairs(verdict: Verdict, number: Callable[[Any], str]) -> str:
    return "; ".join(f"{name}={number(value)}" for name, value in verdict.evidence.items())


def _wrapped(text: str, indent: str) -> str:
    return folded(text, indent, width=min(room() or WIDTH, WIDTH))
