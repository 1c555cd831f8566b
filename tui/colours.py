"""The colour of a trial: the same in the table, the charts, the log's head and the comparison.

Owns the assignment. A trial keeps its colour as long as its study is shown, unless another one that is drawn beside it
has that colour: then the later one takes the next that is free. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

TRIALS = 5
"""Colours for trials, as many as a chart draws: `series0` to `series4`. The training twin has `series5`."""

_KEPT = 2_000


class Colours:
    """Trial -> colour, for one study."""

    def __init__(self) -> None:
        self._study: str | None = None
        self._places: dict[int, int] = {}

    def assign(self, study: str | None, numbers: Iterable[int]) -> dict[int, str]:
        """The styles of trials that are drawn together; of two that want one colour the first has it."""
        if study != self._study or len(self._places) > _KEPT:
            self._study, self._places = study, {}
        taken: set[int] = set()
        styles: dict[int, str] = {}
        for number in numbers:
            wanted = self._places.get(number, number % TRIALS)
            free = [place for by in range(TRIALS) if (place := (wanted + by) % TRIALS) not in taken]
            place = free[0] if free else wanted
            taken.add(place)
            self._places[number] = place
            styles[number] = f"series{place}"
        return styles
