"""`data`, `compare` and `explain`: what trials left of the data, two studies side by side, and the words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from tuned.cli.analysis import format_option, show_analysis, show_answer, show_result
from tuned.cli.session import Session, verb
from tuned.client import api


@verb()
@click.argument("study")
@click.option("--split", help="Whose predictions to look at; default: validation.")
@click.option("--top", type=click.IntRange(1, 100), help="So many of the best trials; default: 5.")
@format_option
def data(session: Session, study: str, split: str | None, top: int | None, style: str | None) -> None:
    """Show what trials tell of the data: the size of the training set, classes, hard examples, duplicates."""
    options = {"split": split, "top": None if top is None else str(top)}
    show_analysis(session, "data", study, options, style=style)


@verb()
@click.argument("study")
@click.argument("other", required=False)
@format_option
def compare(session: Session, study: str, other: str | None, style: str | None) -> None:
    """Compare an older STUDY with an OTHER one: do its conclusions carry over? Alone: its baseline with its best."""
    show_analysis(session, "compare", study, others=[other] if other else [], style=style)


@verb()
@click.argument("term", required=False)
@click.argument("study", required=False)
def explain(session: Session, term: str | None, study: str | None) -> None:
    """Explain a TERM of the field, or a parameter, with the numbers of a STUDY; without a term, list them all."""
    from tuned.analyses import glossary
    from tuned.core.errors import InvalidInput

    if study is not None and term is not None:
        document = session.send(api.analysis(study, "explain", {"term": term}))
        session.emit(document, lambda: _explained(document))
        return
    if term is None:
        found = list(glossary.all_terms())
    else:
        known = glossary.look_up(term)
        if known is None:
            near = ", ".join(glossary.close_to(term)) or "see: tunectl explain"
            raise InvalidInput(f"{term!r} is no term of the glossary", where="term", hint=near)
        found = [(known, glossary.TERMS[known])]
    session.emit({"terms": dict(found)}, lambda: _print(found))


def _explained(document: Mapping[str, Any]) -> None:
    """The words first, then what shows them."""
    from tuned.analyses.answer import Answer

    answer = Answer.from_dict(document)
    show_answer(Answer(notes=answer.notes))
    for table in answer.tables:
        click.echo()
        show_result(table)


def _print(found: list[tuple[str, str]]) -> None:
    for name, meaning in found:
        click.echo(click.style(name, bold=True) + f"  {meaning}")
