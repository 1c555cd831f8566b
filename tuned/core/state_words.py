"""The words for a trial's state in tables, who paused a study, and finding states by what people type.

Owns those words. The states themselves are `tuned.core.states`'.
"""

from __future__ import annotations

from typing import Protocol

from tuned.core.errors import InvalidInput
from tuned.core.states import PausedBy, TrialState

TRIAL_WORDS = {
    "queued": "WAIT",
    "starting": "START",
    "running": "RUN",
    "paused": "PAUSED",
    "completed": "DONE",
    "failed": "FAILED",
    "pruned": "PRUNED",
    "cancelled": "CANCEL",
    "lost": "LOST",
}
"""Trial state -> the word in tables, at most seven letters."""

PAUSED_BY_USER = "paused by you"
"""The reason of a study that a person paused."""

STATE_ORDER = ("running", "starting", "paused", "queued", "completed", "pruned", "failed", "lost", "cancelled")
"""The order of tables that are sorted by state: what lives first."""


class Stands(Protocol):
    """The fields of a study, or of a row about it, that say who has it stand."""

    @property
    def paused_by(self) -> str:
        """As `PausedBy` spells it; empty while it is not paused."""


def paused_by_daemon(study: Stands) -> bool:
    """Whether the study cannot go on by itself: every pause that is no person's has a cause to mend."""
    return study.paused_by not in ("", PausedBy.USER)


def told(state: str, reason: str) -> str:
    """A state and its reason, as one clause: `failed: exit code 3`, and `pruned by you` where the reason repeats it."""
    if not reason:
        return state
    word = state.rpartition(" ")[2]
    again = reason[: len(word) + 1].lower() == f"{word} ".lower()
    return state + reason[len(word) :] if again else f"{state}: {reason}"


def named_states(text: str) -> frozenset[str]:
    """The states that `run`, `run,wait` or `comp` mean: any prefix of a state or of its word.

    Raises:
        InvalidInput: No state begins like that.
    """
    found: set[str] = set()
    for part in text.lower().split(","):
        begins = part if part else "-"
        named = {s.value for s in TrialState if s.startswith(begins) or TRIAL_WORDS[s].lower().startswith(begins)}
        if not named:
            raise InvalidInput(
                f"there is no state {part!r}", where="filter", hint="states are " + ", ".join(TrialState)
            )
        found |= named
    return frozenset(found)
