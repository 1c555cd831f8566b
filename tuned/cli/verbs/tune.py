"""`tune`: a search over a script's options in one line, with the study file written on the way."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuned.cli.session import Session, verb
from tuned.cli.verbs.submit import tell_submitted
from tuned.client import api
from tuned.core.errors import InvalidInput, TunedError
from tuned.wire import Submitted

if TYPE_CHECKING:
    from tuned.core.draft.prints import Found


@verb(context_settings={"ignore_unknown_options": True})
@click.argument("script")
@click.argument("words", nargs=-1, metavar="KEY=RANGE...")
@click.option("--minimize", metavar="METRIC", help="The metric to improve: less is better.")
@click.option("--maximize", metavar="METRIC", help="The metric to improve: more is better.")
@click.option("--trials", type=click.IntRange(min=1), help="How many trials.")
@click.option("--budget", metavar="TIME", help="Or for how long, e.g. 8h.")
@click.option("--parallel", type=click.IntRange(min=1), help="How many at once.")
@click.option("--method", metavar="METHOD", help="auto, bayesian, sobol, random, grid or evolution.")
@click.option(
    "--pattern",
    "patterns",
    multiple=True,
    metavar="REGEX",
    help="A regular expression for the output; each named group in it is a metric.",
)
@click.option("--name", help="Name of the study, and of its file; without it, the script's.")
@click.option("--priority", type=int, help="Higher runs first.")
@click.option("--wait", "wait_for_it", is_flag=True, help="Return when the study has ended.")
@click.option("--follow", is_flag=True, help="Show its progress until it has ended.")
def tune(
    session: Session,
    script: str,
    words: Sequence[str],
    minimize: str | None,
    maximize: str | None,
    patterns: Sequence[str],
    name: str | None,
    priority: int | None,
    wait_for_it: bool,
    follow: bool,
    **search: Any,
) -> None:
    """Tune a script without a study file: write one, check it, submit it.

    KEY=RANGE is lr=log:1e-5..1e-1, width=16..512, batch=16,32,64, amp=bool or epochs=20. Options not named here stay
    as the script has them; without any, those that are customarily tuned are.
    """
    from tuned.client.drafting import load_script, study_name, write_new, write_under_free_name
    from tuned.client.study_source import override, read_submission
    from tuned.core.draft.study_text import draft_study
    from tuned.core.draft.words import parse_word
    from tuned.core.names import check_study_name

    _refuse_options(words)
    folder = Path.cwd()
    read = load_script(script, folder)
    entries: dict[str, Any] = {}
    for word in words:
        key, entry = parse_word(word, read.taken.named)
        if key in entries:
            raise InvalidInput("is there twice", where=key, hint="drop one")
        entries[key] = entry
    limits = {key: value for key, value in search.items() if value is not None}
    draft = draft_study(
        read,
        chosen=entries or None,
        objective=_objective(minimize, maximize, script, read.found),
        patterns=patterns,
        search=limits if "trials" in limits or "budget" in limits else {"trials": 30, **limits},
    )
    if name:
        path = folder / f"{check_study_name(name, '--name')}.toml"
        made = write_new(path, draft.text)
    else:
        known = {row.name for row in session.send(api.studies())}
        path, made = write_under_free_name(folder, study_name(script), draft.text, known)
    try:
        if draft.todos:
            raise InvalidInput(f"does not say all that is needed: {draft.todos[0]}", where=script, hint=_remedy(script))
        submission = read_submission(str(path))
        if priority is not None:
            override(submission.study, "priority", priority)
        _refuse_missing(session.send(api.check(submission)), script)
        submitted = session.send(api.submit(submission))
    except TunedError:
        if made:
            path.unlink(missing_ok=True)
        raise
    if session.dry_run and made:
        path.unlink()
    document = {**asdict(submitted), "file": str(path)}
    if session.dry_run or not (follow or wait_for_it):
        watch = not session.dry_run
        session.emit(document, lambda: tell_submitted(submitted, watch, path.name if made and watch else ""))
        return
    if not session.json:
        tell_submitted(submitted, watch=False, file=path.name if made else "")
    from tuned.cli.verbs.wait import await_study

    await_study(session, submitted.study, None, show=follow, document=document)


def _refuse_options(words: Sequence[str]) -> None:
    """Make sure that no word is an option that there is not.

    Raises:
        click.UsageError: One is; where it is spelled as the script would take it, the message has it as KEY=RANGE.
    """
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if word.startswith("-"):
            key, equals, value = word.lstrip("-").partition("=")
            value = value if equals else following
            meant = f"to tune a parameter: {key}={value}" if value and not value.startswith("-") else ""
            near = "" if ".." in value or "," in value else _near_option(f"--{key}")
            hint = "; ".join(filter(None, (near, meant))) or "see: tunectl tune --help"
            raise click.UsageError(f"no such option {word.partition('=')[0]} ({hint})")


def _near_option(word: str) -> str:
    """The option of `tune` that may be meant; empty where none is near."""
    from tuned.core.names import near

    options = [name for option in click.get_current_context().command.params for name in option.opts]
    meant = near(word, [name for name in options if name.startswith("--")])
    return f"did you mean {meant}?" if meant else ""


def _refuse_missing(plan: Submitted, script: str) -> None:
    """A search of a script that cannot even be imported would pause at its first trial, minutes from now."""
    from tuned.client.imports import missing_imports

    missing = missing_imports(plan.python, Path(script).absolute()) if plan.python else []
    if missing:
        raise InvalidInput(
            f"it imports {', '.join(missing)}, which {plan.python} does not have",
            where=script,
            hint="activate the environment that has it, or install it there",
        )


def _remedy(script: str) -> str:
    return (
        f"tunectl init {shlex.quote(script)} writes a file to complete; "
        "or say it here: --minimize METRIC --pattern REGEX KEY=RANGE"
    )


def _objective(minimize: str | None, maximize: str | None, script: str, found: Found) -> tuple[str, str]:
    if minimize and maximize:
        raise click.UsageError("--minimize and --maximize together (several objectives need a study file)")
    if minimize or maximize:
        return (minimize or maximize or ""), "minimize" if minimize else "maximize"
    if not found.metrics:
        raise InvalidInput("nothing in it prints a metric", where=script, hint="name one: --minimize val_loss")
    return found.metrics[0], found.direction(found.metrics[0])
