"""The steps from a search to a final model: which is at work, what is next, and what people may do to them.

Owns the states of steps and the moves between them. Pure: the daemon does what a step consists of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from tuned.core.errors import Conflict, InvalidInput
from tuned.core.names import nearest
from tuned.core.playbook.spec import SEARCH_STEPS, PlaybookSpec


class StepState(StrEnum):
    """Where a step is. `waiting` comes before it begins; `paused` steps begin, or go on, when they are resumed."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


OVER = frozenset({StepState.DONE, StepState.SKIPPED, StepState.FAILED})


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        id: Its name, with a number behind it where a study has had several of them.
        by_hand: Whether a person asked for it; such a step does not wait for those of the study file.
        options: Its request, e.g. `top` and `seeds` of a confirmation.
        result: Its results so far; a restarted daemon goes on from them.
        why: For people: what it waits for, why it was skipped, why it failed.
        begun_with: Trials of the search that counted when it began.
    """

    id: str
    name: str
    state: StepState = StepState.WAITING
    by_hand: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    begun_with: int = 0
    began_at: float | None = None
    ended_at: float | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in OVER

    @property
    def searches(self) -> bool:
        """Whether it is part of the search."""
        return self.name in SEARCH_STEPS


@dataclass(frozen=True, slots=True)
class Playbook:
    """A study's steps: those of the study file in order, then those that were asked for by hand."""

    steps: tuple[Step, ...] = ()

    def __getitem__(self, key: str) -> Step:
        found = [step for step in self.steps if key in (step.id, step.name)]
        if not found:
            hint = nearest(key, [step.id for step in self.steps]) if self.steps else "the study has no steps"
            raise InvalidInput("there is no such step", where=key, hint=hint)
        exact = [step for step in found if step.id == key]
        return ([step for step in found if not step.over] or exact or found)[0]

    @property
    def current(self) -> Step | None:
        """The first step of the study file that is not over."""
        return next((step for step in self.steps if not step.by_hand and not step.over), None)

    @property
    def active(self) -> list[Step]:
        """The steps that are at work or may begin."""
        current = self.current
        return ([current] if current else []) + [step for step in self.steps if step.by_hand and not step.over]

    @property
    def over(self) -> bool:
        """Whether no step has anything left to do."""
        return all(step.over for step in self.steps)

    def last(self, name: str, state: StepState = StepState.DONE) -> Step | None:
        """The latest step of that name in that state."""
        found = [step for step in self.steps if step.name == name and step.state is state]
        return max(found, key=lambda step: step.ended_at or 0.0, default=None)

    def put(self, step: Step) -> Playbook:
        """With this step in the place of the one of its id."""
        return Playbook(tuple(step if s.id == step.id else s for s in self.steps))

    def add(self, name: str, options: Mapping[str, Any]) -> tuple[Playbook, Step]:
        """With one more step, asked for by hand.

        Raises:
            Conflict: One of that name is not over yet.
        """
        if any(step.name == name and step.by_hand and not step.over for step in self.steps):
            raise Conflict(f"{name} is under way already", where=name, hint="wait for it, or skip it")
        count = sum(1 for step in self.steps if step.name == name)
        step = Step(name if count == 0 else f"{name}-{count + 1}", name, by_hand=True, options=dict(options))
        return Playbook((*self.steps, step)), step

    def to_list(self) -> list[dict[str, Any]]:
        """Plain data for JSON; `from_list` reads it back."""
        return [{**asdict(step), "state": step.state.value} for step in self.steps]

    @classmethod
    def from_list(cls, data: Sequence[Mapping[str, Any]]) -> Playbook:
        """The playbook that `to_list` wrote."""
        return cls(tuple(Step(**{**entry, "state": StepState(entry["state"])}) for entry in data))


def planned(spec: PlaybookSpec) -> Playbook:
    """The steps of a study file, none of them begun."""
    options: dict[str, dict[str, Any]] = {
        "confirm": {"top": spec.top, "seeds": spec.seeds, **({"max_seeds": spec.max_seeds} if spec.max_seeds else {})},
        "ensemble": {"top": spec.members},
        **{name: {"trials": trials} for name, trials in spec.trials.items()},
    }
    steps = []
    for name in spec.steps:
        held = name in spec.pause_before
        steps.append(
            Step(
                name,
                name,
                StepState.PAUSED if held else StepState.WAITING,
                options=options.get(name, {}),
                why="the study file pauses before it" if held else "",
            )
        )
    return Playbook(tuple(steps))


def begin(step: Step, counted: int, now: float) -> Step:
    """The step at work."""
    return replace(step, state=StepState.RUNNING, began_at=step.began_at or now, begun_with=counted, why="")


def end(step: Step, state: StepState, why: str, now: float, result: Mapping[str, Any] | None = None) -> Step:
    """The step over."""
    return replace(step, state=state, why=why, ended_at=now, result={**step.result, **(result or {})})


ACTIONS = ("pause", "resume", "skip")


def steer(playbook: Playbook, key: str, action: str, now: float, why: str = "by you") -> Playbook:
    """Pause, resume or skip a step.

    Raises:
        InvalidInput: There is no such step, or no such action.
        Conflict: The step is not in a state for it.
    """
    step = playbook[key]
    if action not in ACTIONS:
        raise InvalidInput(f"a step cannot {action}", where=key, hint=nearest(action, ACTIONS))
    if step.over:
        raise Conflict(f"{step.id} is {step.state}", where=key)
    if action == "skip":
        return playbook.put(end(step, StepState.SKIPPED, f"skipped {why}", now))
    if action == "pause":
        if step.state is StepState.PAUSED:
            raise Conflict(f"{step.id} is paused already", where=key)
        return playbook.put(replace(step, state=StepState.PAUSED, why=f"paused {why}"))
    if step.state is not StepState.PAUSED:
        raise Conflict(f"{step.id} is {step.state}", where=key, hint="only a paused step can be resumed")
    begun = step.began_at is not None
    return playbook.put(replace(step, state=StepState.RUNNING if begun else StepState.WAITING, why=""))


def shares(steps: Sequence[str], trials: int | None, given: Mapping[str, int], coarse: int) -> dict[str, int]:
    """How many trials each step of the search gets.

    Args:
        steps: Names of the playbook's steps.
        trials: Of the whole search; None when it says no number.
        given: The study file's numbers for single steps.
        coarse: The first step's share when the study file gives none: enough to cover the space.

    Raises:
        InvalidInput: It is not said, or does not add up.
    """
    searching = [name for name in steps if name in SEARCH_STEPS]
    open_ = [name for name in searching if name not in given]
    found = {name: given[name] for name in searching if name in given}
    if open_:
        if trials is None:
            raise InvalidInput(
                f"does not say how many trials {open_[0]} gets", where="playbook.trials", hint="or give search.trials"
            )
        left = trials - sum(found.values())
        if left < len(open_):
            raise InvalidInput(
                f"leaves {max(0, left)} of {trials} trials for {', '.join(open_)}",
                where="playbook.trials",
                hint="raise search.trials",
            )
        weights = {"coarse": 0.3, "bayesian": 0.5, "refine": 0.2}
        whole = sum(weights[name] for name in open_)
        for name in open_[:-1]:
            part = min(coarse, left) if name == "coarse" else max(1, round(left * weights[name] / whole))
            found[name] = max(1, min(part, left - (len(open_) - 1 - open_.index(name))))
            left -= found[name]
            whole -= weights[name]
        found[open_[-1]] = left
    elif searching and trials is not None and sum(found.values()) != trials:
        raise InvalidInput(
            f"adds up to {sum(found.values())}, and search.trials is {trials}",
            where="playbook.trials",
            hint=f"set search.trials = {sum(found.values())}",
        )
    return {name: found[name] for name in searching}
