"""Every action of the UI: its keys, its words, the screens it works on and its verb for trials.

The one registry behind key bindings, the key bar, the help screen, the command palette and the docs' key map. No
Textual in here, and no code of the actions themselves: a screen implements an action as its method `do_<id>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tuned.core.states import OPEN, TrialState
from tuned.core.verbs import BY_NAME, Kind


class Danger(StrEnum):
    """The effect of an action on work: none, one that can be undone, or one that cannot."""

    NONE = "none"
    REVERSIBLE = "reversible"
    ASKS = "asks"


@dataclass(frozen=True, slots=True)
class Action:
    """One action.

    Attributes:
        id: Screens implement it as `do_<id>` (with `-` as `_`).
        keys: Textual's key names; the first is the one shown.
        label: One or two words for the key bar.
        help: One sentence.
        group: Heading in help: move, look, act, curves, general.
        scopes: Screens it works on: main, trial, queue, compare, insight, space; empty: all of them.
        danger: See `Danger`; `verb` is the daemon's verb for acting on trials.
        states: States of trials that it can act on; empty: it does not act on trials.
        studies: Whether it also acts on a whole study.
        bar: Place in the key bar, smaller first; None: not shown there.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    group: str
    scopes: tuple[str, ...] = ()
    danger: Danger = Danger.NONE
    verb: str = ""
    states: frozenset[TrialState] = field(default_factory=frozenset)
    studies: bool = False
    bar: int | None = None


_LISTS = ("main", "queue")
_ACTING = ("main", "trial", "queue")
_PANED = ("main", "trial")
_TABBED = ("main", "trial", "insight", "space")


def _act(name: str, key: str, label: str, bar: int) -> Action:
    verb = BY_NAME[name]
    danger = Danger.ASKS if verb.kind is Kind.DESTROY else Danger.REVERSIBLE
    return Action(
        name, (key,), label, verb.meaning, "act", _ACTING, danger, name, verb.states, studies=verb.studies, bar=bar
    )


ACTIONS: tuple[Action, ...] = (
    Action("down", ("j", "down"), "Down", "Move down.", "move"),
    Action("up", ("k", "up"), "Up", "Move up.", "move"),
    Action("first", ("g", "home"), "First", "Go to the first row.", "move"),
    Action("last", ("G", "end"), "Last", "Go to the last row.", "move"),
    Action("page-down", ("ctrl+d", "pagedown"), "Page down", "Move half a page down.", "move"),
    Action("page-up", ("ctrl+u", "pageup"), "Page up", "Move half a page up.", "move"),
    Action("left", ("h", "left"), "Left", "Show columns further left; in the chart, read values further left.", "move",
           _PANED),
    Action("right", ("l", "right"), "Right", "Show columns further right; in the chart, read values further right.",
           "move", _PANED),
    Action("next-pane", ("tab",), "Next pane", "Go to the next pane.", "move", _TABBED),
    Action("previous-pane", ("shift+tab",), "Previous pane", "Go to the previous pane.", "move", _TABBED),
    Action("pane-1", ("1",), "Trials", "First pane: the trials; a trial's curve.", "move", _TABBED),
    Action("pane-2", ("2",), "Curves", "Second pane: the curves; a trial's parameters.", "move", _TABBED),
    Action("pane-3", ("3",), "Devices", "Third pane: GPUs or CPU slots; a trial's log.", "move",
           ("main", "trial", "insight")),
    Action("pane-4", ("4",), "Log", "Fourth pane: the log; a trial's history.", "move", _PANED),
    Action("pane-5", ("5",), "Events", "Fifth pane: what happened.", "move", ("main",)),
    Action("studies", ("s", "0"), "Studies", "Show the studies.", "move", _ACTING, bar=90),
    Action("open", ("enter",), "Open", "Open the selected study or trial; run the command of an advice.", "look",
           (*_LISTS, "insight"), bar=10),
    Action("back", ("escape",), "Back", "Go back, clear the filter, unmark.", "look", bar=98),
    Action("filter", ("slash",), "Filter", "Filter: state:run lr<1e-3 act=relu text.", "look", ("main",), bar=60),
    Action("sort-right", ("greater_than_sign",), "Sort next", "Sort by the next column.", "look", ("main",)),
    Action("sort-left", ("less_than_sign",), "Sort previous", "Sort by the previous column.", "look", ("main",)),
    Action("sort-reverse", ("O",), "Reverse", "Reverse the order.", "look", ("main",)),
    Action("best", ("b",), "Best", "Go to the best trial.", "look", ("main",), bar=80),
    Action("queue", ("Q",), "Queue", "Show what runs and waits, across studies.", "look", ("main", "trial"), bar=85),
    Action("insight", ("i",), "Insight", "Show what matters: importance, effects, advice.", "look", _PANED, bar=86),
    Action("space", ("S",), "Space", "Show the search space and its versions.", "look", _PANED, bar=87),
    Action("steps", ("B",), "Playbook", "Show the steps of the playbook; pause, resume or skip one.", "look",
           _PANED, bar=88),
    Action("edit-space", ("e",), "Edit", "Edit the search space; what it would do is shown first.", "act", ("space",),
           danger=Danger.ASKS, bar=10),
    Action("zoom", ("z",), "Zoom", "Show the current pane alone, or all again.", "look", ("main",), bar=95),
    Action("sides", ("Z",), "Sides", "Hide or show the side columns.", "look", ("main",)),
    Action("place-back", ("left_square_bracket",), "Back", "Go back to where you were: a study, a trial, its page.",
           "move", _PANED),
    Action("place-forth", ("right_square_bracket",), "Forth", "Go forth again.", "move", _PANED),
    Action("ended", ("d",), "Ended", "Hide the studies that have ended, or show them.", "look", ("main",)),
    Action("news", ("a",), "News", "Show what happened since you last looked.", "look", _ACTING),
    Action("failures", ("F",), "Failures", "Show what failed, by cause; retry the trials of one.", "look", _ACTING),
    Action("mark", ("space",), "Mark", "Mark or unmark the trial or study.", "act", _LISTS, bar=20),
    Action("mark-range", ("v",), "Range", "Mark from the last mark to here.", "act", _LISTS),
    Action("mark-all", ("asterisk",), "Mark all", "Mark every trial that is shown.", "act", _LISTS),
    Action("unmark", ("U",), "Unmark", "Remove all marks.", "act", _LISTS),
    Action("pause", ("p",), "Pause", "Pause, or resume what is paused.", "act", _ACTING, danger=Danger.REVERSIBLE,
           verb="pause", states=BY_NAME["pause"].states | BY_NAME["resume"].states, studies=True, bar=30),
    Action("pause-how", ("H",), "Pause how", "Choose how to pause: what each way keeps and loses.", "act", _ACTING,
           danger=Danger.REVERSIBLE, states=BY_NAME["pause"].states),
    _act("prune", "x", "Prune", 32),
    _act("cancel", "X", "Cancel", 64),
    _act("kill", "K", "Kill", 62),
    _act("retry", "R", "Retry", 70),
    _act("next", "t", "Next", 72),
    Action("priority-up", ("plus",), "Prio", "Raise the priority by one.", "act", _ACTING, danger=Danger.REVERSIBLE,
           verb="priority", states=OPEN, studies=True, bar=40),
    Action("priority-down", ("minus",), "Prio down", "Lower the priority by one.", "act", _ACTING,
           danger=Danger.REVERSIBLE, verb="priority", states=OPEN, studies=True),
    Action("priority-reset", ("equals_sign",), "Prio 0", "Set the priority to 0.", "act", _ACTING,
           danger=Danger.REVERSIBLE, verb="priority", states=OPEN, studies=True),
    Action("priority-set", ("P",), "Priority", "Type the priority: 5, +2 or -1.", "act", _ACTING,
           danger=Danger.REVERSIBLE, states=OPEN, studies=True),
    Action("search", ("N",), "Match", "Search all of the log; again: the next match further up.", "look", _PANED),
    Action("traceback", ("E",), "Traceback", "Go to the first traceback of the log.", "look", _PANED),
    Action("save-log", ("W",), "Save log", "Keep the whole log in a file.", "look", _PANED),
    Action("undo", ("u",), "Undo", "Undo the last reversible action.", "act", bar=75),
    Action("pin", ("V",), "Pin", "Keep this trial's curve in the chart, or drop it.", "curves", ("main",)),
    Action("log-y", ("L",), "Log y", "Logarithmic or linear axis.", "curves", ("main", "trial")),
    Action("metric", ("m",), "Metric", "Draw the next metric.", "curves", ("main", "trial")),
    Action("metrics", ("M",), "Metrics", "Draw a chart for each metric, or one.", "curves", _PANED),
    Action("smooth", ("tilde",), "Smooth", "Draw a moving average, a smoother one, or the values.", "curves", _PANED),
    Action("zoom-in", ("right_curly_bracket",), "Zoom in", "Draw half of the axis, around the line.", "curves", _PANED),
    Action("zoom-out", ("left_curly_bracket",), "Zoom out", "Draw twice as much of the axis.", "curves", _PANED),
    Action("clock", ("at",), "Clock", "Draw over time, or over the steps.", "curves", _PANED),
    Action("follow", ("f",), "Follow", "Follow the end of the log, or hold it.", "look", ("main", "trial")),
    Action("wrap", ("w",), "Wrap", "Wrap long lines of the log.", "look", ("main", "trial")),
    Action("sort-menu", ("o",), "Sort", "Choose the column to sort by.", "look", ("main",)),
    Action("columns", ("c",), "Columns", "Choose the columns that the table shows.", "look", ("main",)),
    Action("compare", ("C",), "Compare", "Show the marked trials side by side.", "look", ("main",)),
    Action("copy", ("y",), "Copy", "Copy parameters, command, target or folder of the trial; the command of an advice.",
           "look", ("main", "trial", "insight")),
    Action("theme", ("T",), "Theme", "Choose the colours.", "general", ("main",)),
    Action("new", ("n",), "New", "Queue a trial with values of your own.", "act", ("main", "trial"),
           danger=Danger.REVERSIBLE, bar=66),
    Action("edit", ("e",), "Re-run", "Queue a copy of this trial with some values changed.", "act", ("main", "trial"),
           danger=Danger.REVERSIBLE),
    Action("delete", ("D",), "Delete", "Delete a study with its trials, after typing its name.", "act", ("main",),
           danger=Danger.ASKS),
    Action("refresh", ("r",), "Refresh", "Fetch and draw everything again.", "general"),
    Action("palette", ("colon", "ctrl+p"), "Cmd",
           "Type a command: an action, a verb of tunectl, a study, sort, filter, theme.", "general", bar=97),
    Action("commands", ("full_stop",), "Commands", "Choose a command of tunectl for the study, and edit it.", "act",
           ("main", "trial", "queue"), bar=89),
    Action("help", ("question_mark", "f1"), "Help", "Show all keys.", "general", bar=99),
    Action("quit", ("q", "ctrl+c"), "Quit", "Leave; the daemon and its trials go on.", "general", bar=100),
)  # fmt: skip

BY_ID = {action.id: action for action in ACTIONS}

NO_KEYS: Mapping[str, tuple[str, ...]] = {}

_SHOWN = {
    "slash": "/", "colon": ":", "question_mark": "?", "plus": "+", "minus": "-", "equals_sign": "=", "asterisk": "*",
    "greater_than_sign": ">", "less_than_sign": "<", "left_square_bracket": "[", "right_square_bracket": "]",
    "left_curly_bracket": "{", "right_curly_bracket": "}", "tilde": "~", "at": "@", "full_stop": ".",
    "comma": ",", "escape": "esc", "pagedown": "pgdn", "pageup": "pgup", "shift+tab": "shift+tab", "f1": "F1",
}  # fmt: skip


KEYS = {name: key for key, name in _SHOWN.items()}
"""A key as people read it -> Textual's name for it, where these differ."""


def shown(key: str) -> str:
    """A key as people read it: `slash` -> `/`."""
    return _SHOWN.get(key, key)


def for_scope(scope: str, read_only: bool = False, keys: Mapping[str, tuple[str, ...]] = NO_KEYS) -> list[Action]:
    """The actions of a screen; without those that change anything when `read_only`; `keys` replace the usual ones."""
    return [
        replace(action, keys=keys[action.id]) if action.id in keys else action
        for action in ACTIONS
        if (not action.scopes or scope in action.scopes)
        and not (read_only and (action.danger is not Danger.NONE or action.id == "undo"))
    ]
