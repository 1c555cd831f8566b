"""The ways of pausing a running trial: what each needs, keeps and loses.

Owns the levels and the choice between them. Pure; who carries it out is `tuned.daemon.verbs.pausing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tuned.core.errors import InvalidInput
from tuned.core.names import nearest

Level = Literal["auto", "checkpoint", "cuda", "freeze", "restart"]
LEVELS: tuple[Level, ...] = ("auto", "checkpoint", "cuda", "freeze", "restart")

How = Literal["stop", "freeze", "cuda", "stay"]


@dataclass(frozen=True, slots=True)
class Running:
    """The known facts of a trial that is to pause.

    Attributes:
        begun: Whether its process runs already.
        resumable: Its code has asked for a checkpoint folder, in this trial or another, or there is `[run.resume]`.
        listens: It uses the SDK, so it is told and may save before it ends.
        frozen: A person has had it stand still already.
        moved: It stands still, for whomever, and its GPU memory was moved to main memory for that.
        on_card: It runs on a GPU of this machine.
    """

    begun: bool
    resumable: bool
    listens: bool
    frozen: bool = False
    moved: bool = False
    on_card: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """How a trial is paused, and in one line what that keeps and loses; `stay`: as it is already."""

    level: Level
    how: How
    effect: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be paused this way; why, and the remedy."""

    why: str


_SAVED = "keeps what it saved in its checkpoint folder; loses the work since it last saved; its slot is free"
_PERHAPS = "keeps what it saves in its checkpoint folder (it has saved nothing so far); its slot is free"
_AGAIN = "loses its progress and begins anew when it is resumed; its slot is free"
_STILL = "keeps everything, in memory; loses nothing; its slot and its GPU memory stay taken"
_MOVED = "keeps everything, its GPU memory moved to main memory; loses nothing; its slot stays taken"
_AWAY = "stands still, its GPU memory moved to main memory already; its slot stays taken"
_UNBEGUN = "had not begun; loses nothing; its slot is free"


MEANING: dict[Level, str] = {
    "auto": "checkpoint where it can resume, else freeze: loses nothing",
    "checkpoint": "keeps its checkpoint, loses the work since; slot is free",
    "cuda": "keeps all, GPU memory moves to main memory; slot stays taken",
    "freeze": "keeps all, in memory; slot and GPU memory stay taken",
    "restart": "loses its progress, begins anew; slot is free",
}
"""Level -> what a running trial keeps and loses by it, where a line has little room."""


def check_level(level: str) -> Level:
    """The level of that name.

    Raises:
        InvalidInput: There is none.
    """
    for known in LEVELS:
        if level == known:
            return known
    raise InvalidInput(f"{level!r} is no way of pausing", where="level", hint=nearest(level, LEVELS))


def choose(level: Level, trial: Running, cuda_tool: bool, leaves_card: bool = False) -> Choice | Refused:
    """How to pause a trial.

    `auto` loses nothing: a checkpoint where the trial has shown that it can resume, else it is frozen.

    Args:
        level: As asked for.
        trial: The trial.
        cuda_tool: Whether `cuda-checkpoint` is installed.
        leaves_card: Its GPU memory is wanted by somebody else, so a frozen process is no help.
    """
    if not trial.begun:
        return Choice("restart", "stop", _UNBEGUN)
    if trial.moved and (leaves_card or not trial.frozen) and level in ("auto", "cuda", "freeze"):
        return Choice("cuda", "stay", _AWAY)
    if level == "auto":
        level = _best(trial, cuda_tool, leaves_card)
    if level == "freeze" and leaves_card:
        return Refused("a frozen trial keeps its GPU memory (use --level checkpoint, cuda or restart)")
    if level == "cuda" and not trial.on_card:
        return Refused("it runs on no GPU, so there is no GPU memory to move (use --level freeze)")
    if level == "cuda" and not cuda_tool:
        return Refused("there is no cuda-checkpoint on this machine (install it, or use --level checkpoint or freeze)")
    if level in ("freeze", "cuda"):
        if trial.frozen and not leaves_card:
            return Refused("it is frozen already")
        return Choice(level, "cuda" if level == "cuda" else "freeze", _MOVED if level == "cuda" else _STILL)
    if level == "checkpoint" and not (trial.resumable or trial.listens):
        return Refused(
            "it can neither save on request nor go on later: it uses no SDK and its study has no [run.resume] "
            "(use --level freeze, or restart to begin anew)"
        )
    if level == "checkpoint" or trial.resumable:
        return Choice("checkpoint", "stop", _SAVED if trial.resumable else _PERHAPS)
    return Choice("restart", "stop", _AGAIN)


def _best(trial: Running, cuda_tool: bool, leaves_card: bool) -> Level:
    if trial.resumable:
        return "checkpoint"
    if not leaves_card:
        return "freeze"
    if cuda_tool:
        return "cuda"
    return "checkpoint" if trial.listens else "restart"
