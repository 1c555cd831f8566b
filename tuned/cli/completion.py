"""Completion in the shell: verbs and options by click, names of studies and trials from the daemon, if it runs.

Owns the verb `completion` and what is offered behind other verbs. It never starts a daemon, and never says anything
when something is wrong: nobody wants to read of it in the middle of a line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from tuned.client.api import Call
    from tuned.wire import StudyRow

VARIABLE = "_TUNECTL_COMPLETE"
SHELLS = ("bash", "zsh", "fish")
PATIENCE_S = 2.0
MOST = 200


def answer(root: click.Command, instruction: str) -> int:
    """Do what the script in the user's shell asks for; the exit code."""
    from click.shell_completion import shell_complete

    try:
        return shell_complete(root, {}, "tunectl", VARIABLE, instruction)
    except click.ClickException:
        return 0  # a line that is wrong already has no end to offer


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes verbs, options and studies in your shell.

    \b
    bash   tunectl completion bash > ~/.local/share/bash-completion/completions/tunectl
    zsh    tunectl completion zsh > "${fpath[1]}/_tunectl"
    fish   tunectl completion fish > ~/.config/fish/completions/tunectl.fish
    """  # noqa: D301 - click wants the character
    from click.shell_completion import get_completion_class

    from tuned.cli.root import root

    script = get_completion_class(shell)
    assert script is not None
    sys.stdout.write(script(root, {}, "tunectl", VARIABLE).source() + "\n")


def _ask(call: Call[Any]) -> Any:
    """The daemon's reply; None when there is none."""
    from tuned.client.http import Client
    from tuned.core.errors import TunedError
    from tuned.home import resolve_home

    try:
        return Client(resolve_home().socket, PATIENCE_S).send(call)
    except (TunedError, OSError):
        return None


def _items(words: list[str], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(word) for word in words if word.startswith(incomplete)][:MOST]


def studies(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Names of studies; behind a verb that changes what runs, of those that it can act on."""
    from tuned.client import api

    rows = _ask(api.studies()) or ()
    return _items([row.name for row in rows if _can_act(ctx.command.name or "", row)], incomplete)


def _can_act(verb: str, row: StudyRow) -> bool:
    """Whether the verb has something to do in a study of this state, with trials of these states."""
    from tuned.core.states import STUDY_ENDED, StudyState
    from tuned.core.verbs import BY_NAME

    known = BY_NAME.get(verb)
    if known is None or not known.done:
        return True
    if any(row.counts.get(state) for state in known.states):
        return True
    whole = {"pause": row.state == StudyState.RUNNING, "resume": row.state == StudyState.PAUSED}
    return known.studies and whole.get(verb, row.state not in STUDY_ENDED)


def targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of studies, and behind a slash their trials."""
    study, slash, _ = incomplete.partition("/")
    if not slash:
        return studies(ctx, param, incomplete)
    from tuned.client import api
    from tuned.core.verbs import BY_NAME

    known = BY_NAME.get(ctx.command.name or "")
    wanted = [str(state) for state in sorted(known.states)] if known is not None and known.done else None
    rows = _ask(api.trials(study, state=wanted, sort="number", descending=True, limit=MOST)) or ()
    return _items([f"{study}/{word}" for word in ("best", "running", *(str(row.number) for row in rows))], incomplete)


def values(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """`KEY=` of what `set` changes, or of the parameters of the study that was named."""
    if "=" in incomplete:
        return []
    if ctx.command.name == "set":
        from tuned.core.changes.settings import KEYS

        return _items([f"{key}=" for key in KEYS], incomplete)
    from tuned.client import api

    page = _ask(api.study(str(ctx.params.get("study") or "")))
    return _items([f"{name}=" for name in (page.study.parameters if page is not None else ())], incomplete)


Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]
COMPLETERS: dict[str | None, Completer] = {"study": studies, "targets": targets, "target": targets, "values": values}
"""Name of a verb's argument -> what is offered for it."""
