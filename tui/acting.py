"""Turning a key into an order to the daemon: its targets, its question, its undo.

Owns the wording of questions and results. Pure but for `perform`, which sends the order. No widgets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui import format as fmt
from tui.actions import Action, Danger
from tui.cells import clean
from tui.context import Context
from tuned.client import api, api_playbook, api_steering
from tuned.core import words
from tuned.core.errors import Conflict
from tuned.core.queue.pausing import MEANING
from tuned.core.state_words import TRIAL_WORDS
from tuned.core.states import LIVE, STUDY_ENDED, TrialState
from tuned.core.verbs import BY_NAME
from tuned.wire import Changed, SpaceChange, SpaceChanged, StepRow, StudyRow, TrialRow

if TYPE_CHECKING:
    from tuned.client.aio import AsyncClient

NAMED = 12
UNDO_RETRY = "undo retry"
UNDO_NEW = "undo new"
PAUSE_AT = "pause at "
BACK_TO = "space back to"
STEP_VERB = "step "
STEP_VERBS = {"pause": "resume", "resume": "pause", "skip": ""}
"""Verb of a step -> the verb that takes it back."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call: a verb on targets; `value` and `relative` are for `priority`."""

    verb: str
    targets: tuple[str, ...]
    value: int = 0
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """Calls to the daemon with their question and their undo.

    Attributes:
        label: In the result message: `pause`.
        steps: Calls, in order.
        question: Title and lines of the dialog; None when it is done at once.
        undo: Calls that take it back; None when that cannot be.
    """

    label: str
    steps: tuple[Step, ...]
    question: tuple[str, ...] | None = None
    undo: tuple[Step, ...] | None = None


def for_trials(context: Context, action: Action, rows: Sequence[TrialRow]) -> Order:
    """The order that an action means for these trials.

    Raises:
        Conflict: It applies to none of them.
    """
    if not rows:
        hint = f"press {context.key('pane-1')} for the trials"
        raise Conflict(f"{action.label.lower()}: no trial is selected", hint=hint)
    fitting = [row for row in rows if TrialState(row.state) in action.states]
    if not fitting:
        words = ", ".join(sorted({TRIAL_WORDS.get(row.state, row.state) for row in rows}))
        what = f"{_names(context, rows)[0]} is {words}" if len(rows) == 1 else f"those are {words}"
        raise Conflict(f"{action.label.lower()}: {what}", hint="works on " + _words(action))
    if action.id == "pause":
        return _pause(fitting)
    if action.verb == "priority":
        return _priority(action, [(_name(row), row.priority) for row in fitting])
    targets = tuple(_name(row) for row in fitting)
    undo = None
    if action.id == "next":
        undo = _restore([(_name(row), row.priority) for row in fitting])
    question = _question(context, action, fitting) if action.danger is Danger.ASKS else None
    return Order(action.id, (Step(action.verb, targets),), question, undo)


def for_study(context: Context, action: Action, row: StudyRow) -> Order:
    """The order that an action means for a whole study.

    Raises:
        Conflict: The action is none for studies, or the study has ended.
    """
    name = row.name
    if not action.studies:
        raise Conflict(f"{action.label.lower()} works on trials", hint=f"press {context.key('pane-1')} for the trials")
    if row.state in STUDY_ENDED:
        raise Conflict(f"{action.label.lower()}: {name} has ended ({row.state})")
    if action.id == "pause":
        verb, back = ("resume", "pause") if row.state == "paused" else ("pause", "resume")
        return Order(verb, (Step(verb, (name,)),), None, (Step(back, (name,)),))
    if action.verb == "priority":
        return _priority(action, [(name, row.priority)])
    _, live, waiting = context.store.counts(row)
    question = (
        f"Cancel the study {clean(name)}?",
        f"{words.count(live, 'running trial')} and {waiting} waiting end; finished ones stay.",
    )
    return Order(action.id, (Step(action.verb, (name,)),), question)


def for_studies(context: Context, action: Action, rows: Sequence[StudyRow]) -> Order:
    """The order that an action means for several studies; those that it does not suit are left alone.

    Raises:
        Conflict: It suits none of them.
    """
    orders: list[Order] = []
    refused: Conflict | None = None
    for row in rows:
        try:
            orders.append(for_study(context, action, row))
        except Conflict as error:
            refused = error
    if not orders:
        raise refused or Conflict("no study is marked")
    questions = [order.question for order in orders if order.question is not None]
    question = (f"{action.label} {words.count(len(orders), 'study')}?", *(" ".join(q) for q in questions))
    steps = tuple(step for order in orders for step in order.steps)
    undo = tuple(step for order in orders for step in order.undo or ())
    return Order(orders[0].label, steps, question if questions else None, undo or None)


def _pause(rows: Sequence[TrialRow]) -> Order:
    paused = [row for row in rows if row.state == "paused" or row.frozen]
    going = [row for row in rows if row not in paused]
    verb, back, chosen = ("pause", "resume", going) if going else ("resume", "pause", paused)
    targets = tuple(_name(row) for row in chosen)
    return Order(verb, (Step(verb, targets),), None, (Step(back, targets),))


def _priority(action: Action, old: Sequence[tuple[str, int]]) -> Order:
    targets = tuple(name for name, _ in old)
    if action.id == "priority-reset":
        step = Step("priority", targets, 0, False)
    else:
        step = Step("priority", targets, 1 if action.id == "priority-up" else -1, True)
    return Order("priority", (step,), None, _restore(old))


def for_step(study: str, step: StepRow, verb: str) -> Order:
    """The order that steers a step of a study's playbook; skipping cannot be taken back, and asks."""
    # One target, as a message names it: neither name holds a blank.
    target, back = (f"{study} {step.id}",), STEP_VERBS[verb]
    question = None
    if not back:
        begun = "What it began stays; " if step.began_at is not None else ""
        question = (f"Skip the step {clean(step.id)} of {clean(study)}?", f"{begun}its waiting trials are cancelled.")
    undo = (Step(STEP_VERB + back, target),) if back else None
    return Order(f"{verb} step", (Step(STEP_VERB + verb, target),), question, undo)


def space_undo(done: SpaceChanged) -> Step | None:
    """The call that takes an edit of the space back: the version before it, in use again."""
    if done.dry_run or not done.changes or done.version < 2:
        return None
    return Step(BACK_TO, (done.study,), done.version - 1)


def priorities_of(action: Action, rows: Sequence[TrialRow]) -> list[tuple[str, int]]:
    """(target, priority) of the trials whose priority can be set.

    Raises:
        Conflict: There are none.
    """
    fitting = [(_name(row), row.priority) for row in rows if TrialState(row.state) in action.states]
    if not fitting:
        raise Conflict("priority: nothing that waits, runs or is paused is chosen", hint="works on " + _words(action))
    return fitting


def priorities_of_study(row: StudyRow) -> list[tuple[str, int]]:
    """(target, priority) of a study.

    Raises:
        Conflict: It has ended.
    """
    if row.state in STUDY_ENDED:
        raise Conflict(f"priority: {row.name} has ended ({row.state})")
    return [(row.name, row.priority)]


def set_priority(old: Sequence[tuple[str, int]], value: int, relative: bool) -> Order:
    """The order that gives these targets a priority, or changes theirs."""
    targets = tuple(name for name, _ in old)
    return Order("priority", (Step("priority", targets, value, relative),), None, _restore(old))


def _restore(old: Sequence[tuple[str, int]]) -> tuple[Step, ...]:
    values = sorted({value for _, value in old})
    return tuple(Step("priority", tuple(n for n, v in old if v == value), value) for value in values)


def _question(context: Context, action: Action, rows: Sequence[TrialRow]) -> tuple[str, ...]:
    count = len(rows)
    names = _names(context, rows)
    title = f"{action.label} {names[0] if count == 1 else f'{count} trials'}?"
    named = []
    for row, name in zip(rows[:NAMED], names, strict=False):
        notes = []
        shown = row.study == context.store.study
        if shown and (rank := context.rows.rank(row.number)):
            notes.append(f"rank {rank[0]}")
        if row.last_step is not None:
            notes.append(f"step {fmt.step(row.last_step)}")
        named.append(name + (f" ({', '.join(notes)})" if notes else ""))
    if count > NAMED:
        named.append(f"and {count - NAMED} more")
    lines = [", ".join(named), *BY_NAME[action.verb].costs]
    if any((row.study, row.number) == (context.store.study, context.store.best) for row in rows):
        lines.append("This includes the current best trial.")
    return (title, *lines)


def _names(context: Context, rows: Sequence[TrialRow]) -> list[str]:
    """`#7`; `STUDY/7` wherever the trials are not those of the shown study."""
    shown = context.store.study if context is not None else rows[0].study
    return [f"#{row.number}" if row.study == shown else clean(_name(row)) for row in rows]


def pause_at(level: str, rows: Sequence[TrialRow]) -> Order:
    """The order that pauses running trials in a certain way.

    Raises:
        Conflict: None of them runs.
    """
    running = tuple(_name(row) for row in rows if TrialState(row.state) in LIVE)
    if not running:
        raise Conflict("pause: nothing that runs is chosen")
    return Order("pause", (Step(PAUSE_AT + level, running),), None, (Step("resume", running),))


def _words(action: Action) -> str:
    return ", ".join(TRIAL_WORDS[state] for state in TrialState if state in action.states)


def _name(row: TrialRow) -> str:
    return f"{row.study}/{row.number}"


async def perform(client: AsyncClient, order: Order) -> tuple[str, tuple[Step, ...] | None]:
    """Send the order.

    Returns:
        A line for the user, and the calls that take the changes back (None: nothing can be taken back).

    Raises:
        Conflict: Nothing was changed.
        TunedError: The daemon refused or does not answer.
    """
    changed: list[str] = []
    skipped: list[str] = []
    effects: list[str] = []
    refused: list[str] = []
    for step in order.steps:
        try:
            reply = await _send(client, step)
        except Conflict as error:
            # None of this step's targets could be changed; those of the others may be.
            refused.append(str(error))
            skipped += [str(error)] * len(step.targets)
            continue
        changed += reply.changed
        skipped += reply.skipped
        effects += reply.effects
    if refused and not changed:
        raise Conflict(f"{order.label}: nothing changed: {'; '.join(refused)}")
    undo: tuple[Step, ...] | None = None
    if order.label == "retry" and changed:
        undo = (Step(UNDO_RETRY, tuple(changed)),)
    elif order.undo is not None and changed:
        undo = tuple(
            Step(step.verb, kept, step.value, step.relative)
            for step in order.undo
            if (kept := tuple(target for target in step.targets if target in changed))
        )
    return report(order.label, changed, skipped, effects), undo or None


async def _send(client: AsyncClient, step: Step) -> Changed:
    if step.verb == "priority":
        return await client.send(api.priority(step.targets, step.value, step.relative))
    if step.verb.startswith(STEP_VERB):
        study, name = step.targets[0].split()
        await client.send(api_playbook.steer_step(study, name, step.verb.removeprefix(STEP_VERB)))
        return Changed([*step.targets])
    if step.verb == BACK_TO:
        made = await client.send(api.change_space(step.targets[0], SpaceChange(back_to=step.value)))
        return Changed([f"{made.study} v{made.version} is as v{step.value} was"] if made.changes else [])
    if step.verb == UNDO_RETRY:
        return await client.send(api_steering.undo_retry(step.targets))
    if step.verb == UNDO_NEW:
        return await client.send(api_steering.undo_enqueue(step.targets))
    if step.verb.startswith(PAUSE_AT):
        return await client.send(api_steering.pause(step.targets, step.verb.removeprefix(PAUSE_AT)))
    return await client.send(api.act(step.verb, step.targets))


def report(label: str, changed: Sequence[str], skipped: Sequence[str], effects: Sequence[str] = ()) -> str:
    """The result in one line: `pause: digits/7` or `prune: 3 changed; 1 left alone: ...`; of one trial its effect."""
    if not changed and not skipped:
        return f"{label}: nothing changed"
    if len(effects) == 1 and not skipped:
        name, level, effect = effects[0].split(": ", 2)
        return f"{label}: {name} {level}: {MEANING.get(level, effect)}"  # type: ignore[call-overload]
    done = ", ".join(changed) if len(changed) <= 2 else f"{len(changed)} changed"
    left = f"{len(skipped)} left alone: {skipped[0]}" if skipped else ""
    return f"{label}: " + "; ".join(part for part in (done, left) if part)
