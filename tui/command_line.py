"""The line behind `:`: what it offers for a text, and how it is read. Pure.

Owns the kinds of offers: actions of the UI, verbs of `tunectl` from the one registry of verbs, places (studies and
trials), orders, filters and colours. `tunectl` itself reads a verb's arguments and runs it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tui.actions import Action, shown
from tui.config import OwnCommand
from tui.context import Context
from tui.picture import sort_studies
from tuned.core.errors import Conflict, InvalidInput
from tuned.core.ranking import BY_METRIC
from tuned.core.verbs import BY_NAME, EXAMPLES, GROUPS, Kind, Verb
from tuned.wire import StudyRow, TrialDetail, TrialRow

EXAMPLE_STUDY = "sweep"
"""The study of the registry's examples."""

_TERMINAL = ("ui", "top", "completion")
MOST = 40


@dataclass(frozen=True, slots=True)
class Offer:
    """One line below the typed one.

    Attributes:
        kind: The effect of Enter: `act` runs an action, `run` a verb, `own` a program of the user's own, `go` shows a
            study or trial, `sort`, `filter` and `theme` set these, `type` puts `value` in the line.
    """

    kind: str
    value: str
    label: str
    detail: str = ""
    keys: str = ""


def offers(context: Context, actions: Sequence[Action], themes: Sequence[str], text: str) -> list[Offer]:
    """Readings of the text, the most likely first."""
    first, space, rest = text.lstrip().partition(" ")
    if space and first in BY_NAME:
        return [Offer("run", text.strip(), "enter", f"{BY_NAME[first].meaning}  {example(context, first)}")] + [
            Offer("type", word, word.split()[-1]) for word in _names(context, text)
        ]
    if space and first == "sort":
        metrics = (BY_METRIC + name for name in context.store.metric_names() if name != context.store.objective)
        names = dict.fromkeys((*context.rows.sorts(), *metrics))
        return [Offer("sort", name, name) for name in names if rest.lower() in name.lower()]
    if space and first == "theme":
        return [Offer("theme", name, name) for name in themes if rest in name]
    if space and first == "filter":
        saved = context.options.config.filters.items()
        return [Offer("filter", rest.strip(), "enter", "Filter the trials.")] + [
            Offer("filter", text_, name, text_) for name, text_ in saved if rest.strip() in name
        ]
    found = [Offer("act", a.id, a.label, a.help, " ".join(map(shown, a.keys))) for a in matching(actions, text)]
    programs = context.options.config.commands
    found += [
        Offer("own", one.name, one.name, " ".join(one.run), shown(one.key))
        for one in programs
        if text.strip().lower() in one.name.lower()
    ]
    if not text.strip():
        return found
    known = [Offer("type", f"{verb.name} ", verb.name, verb.meaning, "tunectl") for verb in _verbs(first, context)]
    own = {"sort": "Choose the order.", "filter": "Filter the trials.", "theme": "Choose the colours."}
    known += [Offer("type", f"{name} ", name, words) for name, words in own.items() if name.startswith(first)]
    begun = text.lower().strip()
    # An offer that begins with the text goes before one that merely holds it.
    named = [offer for offer in found if offer.label.lower().startswith(begun)]
    places = _places(context, text.strip())
    near = [offer for offer in places if offer.value.lower().startswith(begun)]
    whole = {offer.label.lower() for offer in named}
    exact = [offer for offer in known if offer.label == begun and not named]
    exact += [offer for offer in near if offer.value.lower() == begun and begun not in whole]
    ordered = (*exact, *named, *known, *near, *found, *places)
    return list(dict.fromkeys(ordered))


def matching(actions: Sequence[Action], text: str) -> list[Action]:
    """Actions whose id, label or help holds every word; those whose label begins with the text first."""
    words = text.lower().split()
    found = [a for a in actions if all(w in f"{a.id} {a.label} {a.help}".lower() for w in words)]
    return sorted(found, key=lambda a: not a.label.lower().startswith(text.lower().strip()))


def _verbs(first: str, context: Context) -> list[Verb]:
    return [
        verb
        for verb in BY_NAME.values()
        if verb.name.startswith(first) and verb.name not in _TERMINAL and _allowed(verb, context)
    ]


def _allowed(verb: Verb, context: Context) -> bool:
    return verb.kind is Kind.READ or not context.options.read_only


def _places(context: Context, text: str) -> list[Offer]:
    """The studies whose name holds the text; with `/7` behind it, that trial."""
    name, slash, number = text.partition("/")
    rows = sort_studies(context.store.studies.values())
    if slash:
        known = name in context.store.studies and number.isdecimal()
        return [Offer("go", text, text, "Show this trial.")] if known else []
    return [Offer("go", row.name, row.name, "Show this study.") for row in rows if name.lower() in row.name.lower()]


def _names(context: Context, text: str) -> list[str]:
    """The text with its last word completed: names of studies, and of the shown study's trials behind a slash."""
    begun, _, last = text.rpartition(" ")
    study, slash, _ = last.partition("/")
    names: Iterable[str] = (row.name for row in sort_studies(context.store.studies.values()))
    if slash:
        names = (f"{study}/{word}" for word in ("best", "running", *sorted(context.store.trials)))
        names = names if study == context.store.study else ()
    return [f"{begun} {name}" for name in names if name.startswith(last) and name != last][:MOST]


def example(context: Context, verb: str) -> str:
    """The registry's example of a verb, with the shown study in place of its own; without `tunectl`."""
    study = context.store.study or EXAMPLE_STUDY
    words = EXAMPLES[verb].split()[1:]
    return " ".join(re.sub(rf"^{EXAMPLE_STUDY}(?=/|$)", lambda _: study, word) for word in words)


def commands(context: Context) -> list[tuple[str, str]]:
    """(command line, meaning) of every verb that works on the shown study or the machine, steering before looking."""
    order = ("Steer", "Finish", "Judge", "Begin", "Look in", "This machine")
    verbs = [BY_NAME[name] for group in order for name in GROUPS[group].split()]
    return [(example(context, v.name), v.meaning) for v in verbs if v.name not in _TERMINAL and _allowed(v, context)]


def own(context: Context, name: str, chosen: StudyRow | Sequence[TrialRow]) -> tuple[OwnCommand, TrialRow]:
    """A command of the configuration, and the one trial that it means.

    Raises:
        Conflict: There is not one trial, or this UI is read-only.
    """
    command = next(one for one in context.options.config.commands if one.name == name)
    if context.options.read_only:
        raise Conflict(f"{name}: this UI is read-only", hint="leave out --read-only")
    if isinstance(chosen, StudyRow):
        raise Conflict(f"{name} is for trials: press {context.key('pane-1')}")
    if len(chosen) != 1:
        many = f"takes one trial, and {len(chosen)} are marked" if chosen else "no trial is selected"
        raise Conflict(f"{name}: {many}")
    return command, chosen[0]


def filled(command: OwnCommand, trial: TrialDetail) -> Command:
    """A command of the configuration with the names of a trial in its places."""
    study, number = trial.trial.study, trial.trial.number
    places = {"study": study, "number": number, "target": f"{study}/{number}", "folder": trial.run_dir or ""}
    return Command(None, tuple(word.format(**places) for word in command.run), None)


@dataclass(frozen=True, slots=True)
class Command:
    """A verb of `tunectl` with its arguments; `question` is asked first, None where nothing is lost.

    Without a verb it is a program of the user's own.
    """

    verb: Verb | None
    arguments: tuple[str, ...]
    question: tuple[str, ...] | None


def read(context: Context, text: str) -> Command:
    """Read a command line; a leading `tunectl` is left out.

    Raises:
        InvalidInput: Its quotes are not closed, or it begins with no verb.
        Conflict: The verb cannot be run from here.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InvalidInput(f"{error} in {text!r}".lower(), hint="close the quote") from error
    words = words[1:] if words[:1] == ["tunectl"] else words
    if not words or words[0] not in BY_NAME:
        raise InvalidInput(f"no verb {words[0] if words else ''!r}", hint=f"press {context.key('palette')} for a list")
    verb = BY_NAME[words[0]]
    if verb.name in _TERMINAL:
        raise Conflict(f"{verb.name}: this needs a terminal of its own")
    if not _allowed(verb, context):
        raise Conflict(f"{verb.name}: this UI is read-only", hint="leave out --read-only")
    harmless = not verb.destroys(words) or {"--dry-run", "--help", "-h"} & set(words)
    question = None if harmless else (f"{shlex.join(words)}?", *verb.costs)
    if verb.name == "delete" and question is not None and "--yes" not in words:
        # It was asked here: over there nobody could answer.
        words.append("--yes")
    return Command(verb, tuple(words), question)
