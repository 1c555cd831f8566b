from __future__ import annotations

import itertools

import pytest

from tui.layout import PANES, Rect, arrange, size_class

SIZES = [
    (20, 6),
    (40, 12),
    (59, 30),
    (60, 16),
    (80, 15),
    (80, 24),
    (119, 40),
    (120, 30),
    (159, 50),
    (160, 45),
    (300, 90),
]


@pytest.mark.parametrize(
    ("size", "name"),
    [((59, 40), "minimal"), ((200, 15), "minimal"), ((60, 16), "narrow"), ((119, 40), "narrow"), ((120, 40), "medium"),
     ((159, 40), "medium"), ((160, 40), "wide")],
)  # fmt: skip
def test_breakpoints(size: tuple[int, int], name: str) -> None:
    assert size_class(*size) == name


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("current", [*PANES, "studies"])
@pytest.mark.parametrize(("zoomed", "sides"), list(itertools.product((False, True), repeat=2)))
def test_panes_fill_the_screen_without_overlap(
    width: int, height: int, current: str, zoomed: bool, sides: bool
) -> None:
    parts = arrange(width, height, current, zoomed, sides)
    assert current in parts
    cells: set[tuple[int, int]] = set()
    for rect in parts.values():
        own = {(x, y) for x in range(rect.x, rect.x + rect.width) for y in range(rect.y, rect.y + rect.height)}
        assert own and not own & cells
        cells |= own
    assert cells == {(x, y) for x in range(width) for y in range(height)}


def test_a_zoomed_pane_is_alone() -> None:
    parts = arrange(200, 60, "log", zoomed=True)
    assert set(parts) == {"head", "tabs", "keys", "log"}
    assert parts["log"] == Rect(0, 2, 200, 57)


def test_at_80x24_the_table_has_room_for_ten_trials() -> None:
    assert arrange(80, 24, "trials")["trials"].height - 2 >= 10
