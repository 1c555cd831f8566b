from __future__ import annotations

import pytest
from rich.cells import cell_len

from tui import format as fmt
from tui.braille import Series, fit_range, plot
from tui.cells import both_ends, clean, cut_line, fit, fit_line, line_width, text_of, wrapped
from tui.glyphs import UNICODE
from tui.views.frame import folded


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""), (0.0, "0"), (0.012294, "0.01229"), (3.1e-5, "3.10e-05"), (12.3456, "12.35"), (12345.6, "12346"),
        (1.5e8, "1.50e+08"), (float("nan"), "nan"), ("inf", "inf"), (7, "7"), (-0.5, "-0.5000"), ("word", "word"),
    ],
)  # fmt: skip
def test_numbers_are_short_and_never_fail(value: object, text: str) -> None:
    assert fmt.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (1e-3, "0.00100"), (64, "64"), (None, ""), ("re\x1b[31mlu", "relu")]
)
def test_parameters(value: object, text: str) -> None:
    assert fmt.param(value) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("plain [bold]not markup[/]", "plain [bold]not markup[/]"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;evil title\x07after", "after"),
        ("\x1b]52;c;ZXZpbA==\x1b\\after", "after"),
        ("\x1bPqsixel\x1b\\after", "after"),
        ("\x9b2Jafter", "after"),
        ("10%\r 50%\r100%", "100%"),
        ("done\r", "done"),
        ("a\tb", "a   b"),
        ("bell\x07 back\x08space\x00", "bell backspace"),
        ("\u202eright to left\u2066", "right to left"),
        ("\x1b[2J\x1b[H\x1b(Btext\x1b7", "text"),
    ],
)
def test_foreign_text_cannot_steer_the_terminal(raw: str, text: str) -> None:
    assert clean(raw) == text


@pytest.mark.parametrize("width", range(9))
@pytest.mark.parametrize("text", ["", "abc", "abcdefghij", "日本語テキスト", "é́́combining"])
@pytest.mark.parametrize("align", ["<", ">"])
def test_fit_gives_exactly_the_width(text: str, width: int, align: str) -> None:
    assert line_width([(fit(text, width, align), "text")]) == width


@pytest.mark.parametrize("width", [0, 1, 5, 12, 30])
def test_lines_are_cut_and_padded_to_the_width(width: int) -> None:
    spans = (("left ", "text"), ("日本語", "strong"), (" right", "dim"))
    assert line_width(fit_line(spans, width)) == width
    assert line_width(cut_line(spans, width, "…")) == min(width, line_width(spans))
    assert line_width(both_ends(spans, (("end", "text"),), width, "…")) == width


def test_the_right_end_is_kept_when_both_do_not_fit() -> None:
    left, right = (("a long left side", "text"),), (("END", "text"),)
    assert text_of(both_ends(left, right, 8, "…")) == "a l… END"
    assert text_of(both_ends(left, right, 2, "~")) == "E~"


def test_a_fold_loses_no_wide_character() -> None:
    text = "漢字" * 9 + "e\u0301x"
    pieces = wrapped(text, 7)
    assert "".join(pieces) == text and max(map(cell_len, pieces)) <= 7
    assert "".join(folded("漢字漢字 漢字漢字漢字", 6)) == "漢字漢字漢字漢字漢字"


def test_no_two_labels_of_an_axis_are_alike() -> None:
    curve = [Series("a", [(0.0, 0.98291), (1.0, 0.98299)], "series0")]
    lines = [text_of(line) for line in plot(curve, 40, 12, UNICODE, y_range=fit_range(curve, False, None))]
    labels = [line.split("┤")[0].strip() for line in lines if "┤" in line]
    assert len(labels) >= 2 and len(set(labels)) == len(labels)
