"""Where one has been: studies, trials and their pages, to go back to and forth again. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

KEPT = 100


@dataclass(frozen=True, slots=True)
class Place:
    """A study with its selected trial; `page`: that trial's own page."""

    study: str
    number: int | None
    page: bool = False


@dataclass(slots=True)
class Trail:
    """The places behind and ahead of the present one, the nearest last."""

    behind: list[Place] = field(default_factory=list)
    ahead: list[Place] = field(default_factory=list)

    def leave(self, here: Place) -> None:
        """Go on from here to a new place: what lay ahead is forgotten."""
        self.behind = [*self.behind, here][-KEPT:]
        self.ahead.clear()

    def step(self, here: Place, by: int) -> Place | None:
        """The place before (-1) or behind (+1) this one; None at the ends."""
        near, far = (self.behind, self.ahead) if by < 0 else (self.ahead, self.behind)
        if not near:
            return None
        far.append(here)
        return near.pop()
