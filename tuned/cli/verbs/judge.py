"""`data`, `compare`, `verdict` and `explain`: what trials left of the data, two studies or trials, and the words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from tuned.cli.analysis import format_option, show_analysis, show_answer, show_result
from tuned.cli.lines import folded, room
from tuned.cli.session import Session, verb
from tuned.client import api
from tuned.core.targets import parse_target
from tuned.wire import Judged, JudgedSide


@verb()
@click.argument("study")
@click.option("--split", help="Whose predictions to look at; default: validation.")
@click.option("--top", type=click.IntRange(1, 100), help="How many of the best trials; default: 5.")
@format_option
def data(session: Session, study: str, split: str | None, top: int | None, style: str | None) -> None:
    """Show what the trials say about the data: the size of the training set, classes, hard examples, duplicates."""
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
@click.argument("baseline", metavar="A")
@click.argument("candidate", metavar="B")
def verdict(session: Session, baseline: str, candidate: str) -> None:
    """Say whether B is better than A: adopt, reject or undecided, from all runs that each has had.

    A and B are trials, or studies, of which the best trial counts. One run of each decides nothing: an answer that is
    undecided names the command that adds runs.
    """
    one, two = _configuration("A", baseline), _configuration("B", candidate)
    options = {name: number for name, (_, number) in (("baseline", one), ("candidate", two)) if number is not None}
    others = [] if one[0] == two[0] else [two[0]]
    figures = session.send(api.analysis(one[0], "pair", options, others))["figures"]
    sides = {name: JudgedSide(**figures[name]) for name in ("baseline", "candidate")}
    judged = Judged(**{**figures, **sides})
    session.emit(judged, lambda: _tell(judged))


def _configuration(name: str, text: str) -> tuple[str, str | None]:
    """Study and trial of one configuration; without a number its best trial."""
    target = parse_target(text)
    numbers = {number for ends in target.numbers for number in ends}
    if len(numbers) > 1 or target.keyword not in (None, "best"):
        raise click.UsageError(f"{name} names no single trial: {text!r} (write STUDY/7 or STUDY/best)")
    return target.study, str(numbers.pop()) if numbers else None


def _tell(judged: Judged) -> None:
    click.echo(f"{click.style(judged.decision, bold=True)}: {judged.why}")
    if judged.next:
        click.echo(f"more runs: {judged.next}")


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
        click.echo(click.style(name, bold=True) + folded(f"  {meaning}", " " * len(name), "  ", room())[len(name) :])
