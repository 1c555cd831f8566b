from __future__ import annotations

import math

import pytest

from tui.braille import Range, Series, bar, fit_range, plot, sparkline, use_log
from tui.cells import line_width, text_of
from tui.glyphs import ASCII, UNICODE


def draw(points: list[tuple[float, float]], width: int = 40, height: int = 8, **options: object) -> list[str]:
    return [text_of(line) for line in plot([Series("a", points)], width, height, UNICODE, **options)]  # type: ignore[arg-type]


def dots(lines: list[str]) -> int:
    return sum(bin(ord(c) - 0x2800).count("1") for line in lines for c in line if 0x2800 <= ord(c) < 0x2900)


FALLING = [(float(i), 1 / (i + 1)) for i in range(50)]


@pytest.mark.parametrize(("width", "height"), [(16, 3), (40, 8), (120, 30), (5, 2), (15, 1)])
@pytest.mark.parametrize("points", [[], FALLING, [(3.0, 2.0)], [(0.0, math.nan)], [(0.0, -1.0), (1.0, 0.0)]])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_always_exactly_the_size(
    width: int, height: int, points: list[tuple[float, float]], log: bool, glyphs: object
) -> None:
    lines = plot([Series("a", points)], width, height, glyphs, log=log)  # type: ignore[arg-type]
    assert [line_width(line) for line in lines] == [width] * height


def test_a_falling_curve_starts_high_and_ends_low() -> None:
    lines = draw(FALLING)
    inner = [line[line.index("┤" if "┤" in line else "│") + 1 :] for line in lines[:-1]]
    assert inner[0][0] != " " and inner[-1][-1] != " "
    assert inner[0][-1] == " " and inner[-1][0] == " "


def test_one_spike_among_a_million_points_stays_visible() -> None:
    points = [(float(i), 1.0) for i in range(20_000)]
    flat = draw(points, y_range=Range(0, 10))
    points[12_345] = (12_345.0, 9.5)
    spiked = draw(points, y_range=Range(0, 10))
    assert all(c in " 0123456789┤│└─" for c in flat[0])
    assert any(0x2800 < ord(c) < 0x2900 for c in spiked[0])


def test_a_value_that_is_not_finite_is_a_gap() -> None:
    whole = draw([(0.0, 1.0), (10.0, 1.0)], y_range=Range(0, 2))
    broken = draw([(0.0, 1.0), (5.0, math.nan), (10.0, 1.0)], y_range=Range(0, 2))
    assert dots(whole) > 10 * dots(broken) == 10 * 2


def test_on_a_log_axis_values_at_or_below_zero_are_gaps() -> None:
    lines = draw([(0.0, 1.0), (5.0, 0.0), (10.0, 100.0)], log=True)
    assert dots(lines) == 2


def test_a_log_axis_has_a_label_at_a_power_of_ten() -> None:
    assert any("0.01" in line for line in draw([(float(i), 10.0**-i) for i in range(5)], height=14, log=True))


@pytest.mark.parametrize("values", [(0.2, 1.2), (1000.0, 1001.0), (-5.0, -4.9), (1e-9, 2e-9), (3.0, 3.0)])
def test_an_axis_has_at_least_two_labels(values: tuple[float, float]) -> None:
    lines = draw([(0.0, values[0]), (1.0, values[1])], height=7)
    assert sum("┤" in line for line in lines) >= 2


def test_the_axis_stays_while_the_data_fit_and_moves_when_they_leave() -> None:
    series = [Series("a", FALLING)]
    first = fit_range(series, False)
    assert first is not None
    assert fit_range([Series("a", FALLING[:45])], False, first) is first
    higher = fit_range([Series("a", [(0.0, 5.0), *FALLING])], False, first)
    assert higher is not None and higher.high > 5
    shrunk = fit_range([Series("a", FALLING[20:])], False, first)
    assert shrunk is not None and shrunk.high < first.high / 5


@pytest.mark.parametrize(
    ("ys", "log"), [((1.0, 0.1), False), ((1.0, 0.001), True), ((1.0, 0.0), False), ((math.nan,), False)]
)
def test_a_log_axis_is_chosen_for_wide_positive_data(ys: tuple[float, ...], log: bool) -> None:
    assert use_log([Series("a", [(float(i), y) for i, y in enumerate(ys)])]) is log


def test_the_later_series_is_on_top() -> None:
    line = [(0.0, 1.0), (10.0, 1.0)]
    lines = plot([Series("a", line, "series1"), Series("b", line, "series0")], 30, 5, UNICODE, y_range=Range(0, 2))
    styles = {style for spans in lines for text, style in spans if any(0x2800 < ord(c) < 0x2900 for c in text)}
    assert styles == {"series0"}


@pytest.mark.parametrize(
    ("fraction", "text"), [(0.0, "    "), (0.5, "██  "), (1.0, "████"), (7.0, "████"), (0.28, "█▏  ")]
)
def test_bars(fraction: float, text: str) -> None:
    assert bar(fraction, 4, UNICODE) == text


def test_sparklines_show_the_end_and_blank_what_is_not_finite() -> None:
    assert sparkline([9.0, 0.0, 7.0, math.nan], 3, UNICODE) == "▁█ "
    assert sparkline([], 3, UNICODE) == "   "
