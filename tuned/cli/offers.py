"""Completion of arguments and options: studies, trials, metrics and keys from the daemon, words, files.

Owns which of them belongs to which parameter. It never starts a daemon, and offers nothing where something is wrong:
nobody wants to read of it in the middle of a line. Files are left to the shell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from tuned.client.api import Call
    from tuned.wire import StudyRow

PATIENCE_S = 2.0
MOST = 200
SAMPLE = 20
"""Trials that are asked for the metrics that a study reports."""

Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]
Words = Callable[[click.Context, str], Iterable[str]]


def _ask(ctx: click.Context, call: Call[Any]) -> Any:
    """The daemon's reply; None when there is none, or another machine's to which no line is open."""
    from tuned.client.http import Client
    from tuned.client.open_line import open_line
    from tuned.core.errors import TunedError
    from tuned.home import resolve_home

    hosts: tuple[str, ...] = ctx.find_root().params.get("hosts") or ()
    line = open_line(hosts[0]) if len(hosts) == 1 else None
    if hosts and line is None:
        return None
    try:
        return Client(line or resolve_home().socket, PATIENCE_S).send(call)
    except (TunedError, OSError):
        return None


def _offer(words: Words) -> Completer:
    """A completer that offers those of the words that begin as what is typed."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
        from click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in words(ctx, incomplete) if word.startswith(incomplete)][:MOST]

    return complete


def _files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def _folders(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


def _studies(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """Names of studies; behind a verb that changes what runs, of those that it can act on."""
    from tuned.client import api

    return [row.name for row in _ask(ctx, api.studies()) or () if _can_act(ctx, row)]


def _can_act(ctx: click.Context, row: StudyRow) -> bool:
    """Whether the verb has something to do in a study of this state, with trials of these states."""
    from tuned.core.states import LIVE, STUDY_ENDED, StudyState, number_in
    from tuned.core.verbs import BY_NAME

    verb = ctx.command.name or ""
    if verb == "wait":
        return row.state not in STUDY_ENDED
    known = BY_NAME.get(verb)
    if known is None or not known.done:
        return True
    if number_in(known.states, row.counts):
        return True
    whole = {"pause": row.state == StudyState.RUNNING, "resume": row.state == StudyState.PAUSED}
    if known.studies and whole.get(verb, row.state not in STUDY_ENDED):
        return True
    return verb == "resume" and bool(number_in(LIVE, row.counts) and _frozen(ctx, row.name))


def _frozen(ctx: click.Context, study: str) -> list[int]:
    from tuned.client import api
    from tuned.core.states import TrialState

    return [row.number for row in _ask(ctx, api.trials(study, state=[TrialState.RUNNING])) or () if row.frozen]


def _targets(ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Names of studies, and behind a slash those of their trials that the verb can act on."""
    from tuned.client import api
    from tuned.core.states import OPEN
    from tuned.core.verbs import BY_NAME

    study, slash, _ = incomplete.partition("/")
    if not slash:
        return _studies(ctx, incomplete)
    verb = ctx.command.name or ""
    known = BY_NAME.get(verb)
    states = known.states if known is not None and known.done else OPEN if verb == "wait" else frozenset()
    wanted = sorted(str(state) for state in states) or None
    rows = _ask(ctx, api.trials(study, state=wanted, sort="number", descending=True, limit=MOST)) or ()
    numbers = [row.number for row in rows] + (_frozen(ctx, study) if verb == "resume" else [])
    several = any(param.name == "targets" for param in ctx.command.params)
    named = ["best"] if not states else []
    named += dict.fromkeys(row.state for row in rows) if several else ()
    return [f"{study}/{word}" for word in (*named, *numbers)]


def _chosen(ctx: click.Context) -> str:
    """The study that the line names first; behind an option without its value click leaves arguments in `args`."""
    named = ctx.params.get("targets") or (ctx.params.get("study") or ctx.params.get("target"),)
    return next((str(word).partition("/")[0] for word in (*named, *ctx.args) if word), "")


def _row(ctx: click.Context) -> StudyRow | None:
    from tuned.client import api

    page = _ask(ctx, api.study(study)) if (study := _chosen(ctx)) else None
    return None if page is None else page.study


def _parameters(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    row = _row(ctx)
    return row.parameters if row is not None else ()


def _parameter_list(ctx: click.Context, incomplete: str) -> Iterable[str]:
    """`A,B`: the names behind the last comma."""
    begun, comma, _ = incomplete.rpartition(",")
    return [f"{begun}{comma}{name}" for name in _parameters(ctx, incomplete) if name not in begun.split(",")]


def _bounds(ctx: click.Context, incomplete: str) -> Iterable[str]:
    return [f"{name}.{end}=" for name in _parameters(ctx, incomplete) for end in ("low", "high")]


def _assignments(ctx: click.Context, incomplete: str) -> Iterable[str]:
    """`KEY=` of what `set` changes, or of the parameters of the study that was named."""
    if "=" in incomplete:
        return ()
    if ctx.command.name in ("set", "submit"):
        from tuned.core.changes.settings import KEYS

        return [f"{key}=" for key in KEYS]
    return [f"{name}=" for name in _parameters(ctx, incomplete)]


def _metrics(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """Metrics that the study's latest trials reported, its objectives first."""
    from tuned.client import api

    row = _row(ctx)
    if row is None:
        return ()
    latest = _ask(ctx, api.trials(row.name, sort="number", descending=True, limit=SAMPLE, metrics=True)) or ()
    reported = sorted({name for trial in latest for name in trial.metrics})
    return dict.fromkeys([*(o.metric for o in row.objectives), *(c.metric for c in row.constraints), *reported])


def _numbers(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """Numbers of the trials that have a result, the best first."""
    from tuned.client import api
    from tuned.core.states import VALUED

    study = _chosen(ctx)
    rows = _ask(ctx, api.trials(study, state=sorted(VALUED), sort="value", limit=MOST)) if study else None
    return [str(row.number) for row in rows or ()]


def _sorts(ctx: click.Context, incomplete: str) -> Iterable[str]:
    from tuned.core.ranking import BY_METRIC, BY_PARAMETER, SORTS

    named = [BY_PARAMETER + name for name in _parameters(ctx, incomplete)]
    return [*SORTS, *named, *(BY_METRIC + name for name in _metrics(ctx, incomplete))]


def _filters(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    from tuned.core.states import TrialState

    return [f"state:{state}" for state in TrialState]


def _steps(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """Steps of the study's playbook that the action can still change."""
    from tuned.core.playbook.steps import OVER, StepState

    row, action = _row(ctx), ctx.params.get("action")
    steps = [step for step in (row.steps if row is not None else ()) if step.state not in OVER]
    if action == "skip":
        return [step.id for step in steps]
    return [step.id for step in steps if (step.state == StepState.PAUSED) == (action == "resume")]


def _occasions(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    from tuned.client.occasions import KINDS

    begun, comma, _ = incomplete.rpartition(",")
    return [f"{begun}{comma}{kind}" for kind in KINDS if kind not in begun.split(",")]


def _methods(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    from typing import get_args

    from tuned.core.study.searching import SearchMethod

    return [str(method) for method in get_args(SearchMethod)]


def _cards(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    from tuned.client import api_steering

    action = ctx.params.get("action")
    if action in ("yield", "take"):
        return [str(row.index) for row in _ask(ctx, api_steering.gpus()) or ()]
    return ("on", "off") if action == "polite" else ()


def _terms(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    from tuned.analyses import glossary

    return [name for name, _ in glossary.all_terms()]


def _options(ctx: click.Context, incomplete: str) -> Iterable[str]:
    """`KEY=` of the options of the script that is to be tuned."""
    from pathlib import Path

    from tuned.client.drafting import load_script
    from tuned.core.errors import TunedError

    if "=" not in incomplete:
        with suppress(TunedError, OSError):
            read = load_script(str(ctx.params.get("script") or ""), Path.cwd())
            return [f"{option.name}=" for option in read.taken.options if option.name not in ctx.params["words"]]
    return ()


_ARGUMENTS: dict[str, Completer] = {
    "study": _offer(_studies),
    "other": _offer(_studies),
    "target": _offer(_targets),
    "targets": _offer(_targets),
    "values": _offer(_assignments),
    "parameter": _offer(_parameters),
    "first": _offer(_parameters),
    "second": _offer(_parameters),
    "step": _offer(_steps),
    "term": _offer(_terms),
    "file": _files,
    "script": _files,
    "command": _files,
    "words": _offer(_options),
    "number": _offer(_cards),
}
_OPTIONS: dict[str, Completer] = {
    "metric": _offer(_metrics),
    "sort": _offer(_sorts),
    "filter": _offer(_filters),
    "like": _offer(_targets),
    "against": _offer(_numbers),
    "by": _offer(_parameter_list),
    "until": _offer(_occasions),
    "method": _offer(_methods),
    "settings": _offer(_assignments),
    "file": _files,
    "output": _files,
    "python": _folders,
}
_OF_ONE_VERB: dict[str, Completer] = {
    "metrics.name": _offer(_metrics),
    "space.sets": _offer(_bounds),
    "space.fix": _offer(_assignments),
    "space.drop": _offer(_parameters),
}
"""`VERB.PARAMETER`, where the name alone means something else behind other verbs."""


def completer(verb: str, parameter: click.Parameter) -> Completer | None:
    """The offers for a verb's argument or option; None: those of its type alone."""
    name = parameter.name or ""
    if isinstance(parameter.type, click.Choice):
        return None
    plain = _ARGUMENTS if isinstance(parameter, click.Argument) else _OPTIONS
    return _OF_ONE_VERB.get(f"{verb}.{name}") or plain.get(name)
