"""`space`: the versions of a study's search space, and edits while it runs."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from tuned.cli import render
from tuned.cli.session import Session, verb
from tuned.cli.verbs.studies import parameters_table
from tuned.client import api
from tuned.core import words
from tuned.core.draft.words import parse_word
from tuned.core.errors import InvalidInput
from tuned.core.names import no_parameter
from tuned.core.space.text import read_for
from tuned.wire import SpaceChange

if TYPE_CHECKING:
    from tuned.wire import SpaceChanged, SpacePage


@verb()
@click.argument("study")
@click.option("--set", "sets", multiple=True, metavar="NAME.KEY=VALUE", help="Change a bound: --set lr.high=1")
@click.option(
    "--add", multiple=True, metavar="NAME=RANGE", help="Add: --add wd=log:1e-6..0.1, or {...} as a study file has it."
)
@click.option("--fix", multiple=True, metavar="NAME=VALUE", help="Fix a parameter at one value.")
@click.option("--drop", multiple=True, metavar="NAME[=VALUE]", help="Drop it; VALUE is what the code uses then.")
@click.option("--refine", is_flag=True, help="Narrow to the good trials, widen where the best sit on a bound.")
@click.option("--back-to", type=click.IntRange(min=1), metavar="VERSION", help="Go back to an earlier version.")
def space(
    session: Session,
    study: str,
    sets: Sequence[str],
    add: Sequence[str],
    fix: Sequence[str],
    drop: Sequence[str],
    refine: bool,
    back_to: int | None,
) -> None:
    """Show the versions of a study's search space, or change it while the study runs."""
    if not (sets or add or fix or drop or refine or back_to):
        session.show(api.space(study), _versions)
        return
    known = {p["name"]: p for p in session.send(api.study(study)).spec["space"]["parameters"]}
    change = SpaceChange(
        set=dict(_split(text, _plain) for text in sets),
        add=dict(_split(text, _entry) for text in add),
        fix=dict(_split(text, lambda name, value: read_for(_parameter(known, name), value)) for text in fix),
        drop=dict(_dropped(text, known) for text in drop),
        refine=refine,
        back_to=back_to,
    )
    session.show(api.change_space(study, change), _changed)


def _split(text: str, read: Any) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"{text}: no NAME=VALUE")
    return name.strip(), read(name.strip(), value.strip())


def _dropped(text: str, known: Mapping[str, Any]) -> tuple[str, Any]:
    if "=" not in text:
        return text, None
    return _split(text, lambda name, value: read_for(_parameter(known, name), value))


def _parameter(known: Mapping[str, Any], name: str) -> Any:
    if name not in known:
        raise no_parameter(name, known)
    return known[name]


def _entry(name: str, text: str) -> Any:
    """The entry to add, from the words of `tune` or as a study file spells it."""
    return parse_word(f"{name}={text}")[1] if ".." in text and text[:1] not in "{['\"" else _plain(name, text)


def _plain(name: str, text: str) -> Any:
    """A value as a study file spells it; `8,16` is a list, and a bare word is text."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        pass
    if text[:1] in ("{", "["):
        raise InvalidInput(f"{text} is no TOML value", where=f"space.{name}", hint='{type="float", low=0.0, high=1.0}')
    if "," in text:
        return [_plain(name, part.strip()) for part in text.split(",")]
    try:
        return float(text)
    except ValueError:
        return text


def _versions(page: SpacePage) -> None:
    for row in page.versions:
        current = " (in use)" if row.version == page.version else ""
        click.echo(
            f"v{row.version}{current}  {render.moment(row.at)}  {row.origin}  {words.count(row.trials, 'trial')}"
        )
        for line in row.changes:
            click.echo(f"    {line}")
        if row.why:
            click.echo(f"    because {row.why}")
    click.echo()
    parameters = page.versions[-1].space["parameters"]
    parameters_table(parameters)
    click.echo(f"\n{_kept(page.kept, page.left_out)}")


def _changed(done: SpaceChanged) -> None:
    for line in done.why:
        click.echo(line)
    if not done.changes:
        click.echo(f"{done.study}: nothing changes")
        return
    click.echo(f"{done.study}: v{done.version}{' (dry run: nothing was changed)' if done.dry_run else ''}")
    for line in done.changes:
        click.echo(f"    {line}")
    click.echo(_kept(done.kept, done.left_out))
    for row in done.replaced:
        click.echo(f"replaced {row.number}: {render.point(row.before)} -> {render.point(row.after)}")
    for number in done.off:
        click.echo(f"{done.study}/{number} is your own point and lies outside; it runs all the same")


def _kept(kept: int, left_out: int) -> str:
    text = f"{words.does(kept, 'result', 'counts', 'count')} in this space"
    return text + (f", {left_out} {'lies' if left_out == 1 else 'lie'} outside" if left_out else "")
