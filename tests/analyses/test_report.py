"""The report: one page that needs nothing from outside, whole for real studies and for poor ones."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tests.analyses.made import searched, study, trial
from tests.analyses.recorded import recorded
from tuned.analyses.question import Question
from tuned.analyses.reporting.report import report
from tuned.analyses.study_data import StudyData
from tuned.core.study import Objective

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Checks that elements close in order; collects what would be fetched, ids and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "data") and not (value or "").startswith(("#", "data:")):
                self.fetched.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page(study: StudyData, **options: str) -> tuple[str, Page]:
    answer = report(Question(study, options))
    assert answer.notes == ()  # no part of it failed
    text = answer.files["report.html"]
    return text, Page(text)


def pictures(text: str) -> dict[str, ElementTree.Element]:
    """Name -> parsed SVG."""
    found = {}
    for part in text.split('<figure id="picture-')[1:]:
        svg = part[part.index("<svg") : part.index("</svg>") + 6]
        found[part.split('"')[0]] = ElementTree.fromstring(svg)
    return found


def test_a_real_study_on_one_page() -> None:
    made = recorded("healthy-regularizer")
    text, found = page(made, latex="yes")
    assert found.fetched == [] and "<script" not in text and "url(http" not in text and "@import" not in text
    assert len(found.ids) == len(set(found.ids)), "ids of the pictures do not meet"
    assert {"progress", "curves", "isolation", "importance", "axes", "slots"} <= set(pictures(text))
    for words in ("Verdicts", "The best 10 trials", "Where the slots' time went", "How to reproduce", "Search space"):
        assert words in found.text
    assert f"tunectl enqueue {made.name}" in found.text
    assert "prefers-color-scheme: dark" in text and "currentColor" in text and "#0a0b0c" not in text
    tables = report(Question(made, {"latex": "yes"})).files
    assert {"best.tex", "ledger.tex", "space.tex", "effects.lr.tex"} <= set(tables)
    assert tables["best.tex"].count(r"\begin{tabular}") == 1


def test_failed_and_diverged_trials_are_marked_on_the_axes() -> None:
    made = recorded("fault-diverging")
    text, found = page(made)
    assert "trials that failed or diverged" in found.text and "crosses failed or diverged trials" in found.text
    marks = ElementTree.tostring(pictures(text)["axes"], encoding="unicode").count("#d9534f")
    assert marks >= 5  # a cross is drawn once for each


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_study_that_has_hardly_begun(count: int) -> None:
    made = searched({"x": {"type": "float", "low": 0.0, "high": 1.0}}, lambda p: p["x"], count)
    _, found = page(made)
    assert "Search space" in found.text and ("No trial has a result yet" in found.text) == (count == 0)


def test_what_users_wrote_is_text_and_no_markup() -> None:
    made = study([trial(1, [1.0] * 5, reason="<b>no</b>", state="failed", failure="error"), trial(2, [1.0] * 5)])
    made = replace(made, name="a&b", spec=replace(made.spec, question="<script>alert(1)</script>"))
    text, found = page(made)
    assert "<script" not in text and "<b>no" not in text
    assert "<script>alert(1)</script>" in found.text and "<b>no</b>" in found.text


def test_two_objectives_show_their_front() -> None:
    made = searched({"x": {"type": "float", "low": 0.0, "high": 1.0}}, lambda p: p["x"], 12)
    objectives = (*made.spec.objectives, Objective("cost", "minimize"))
    trials = tuple(replace(t, values={**t.values, "cost": 1 - t.params["x"]}) for t in made.trials)
    text, _ = page(replace(made, trials=trials, spec=replace(made.spec, objectives=objectives)))
    assert "front" in pictures(text)


def test_a_plain_command_has_a_page_too() -> None:
    made = study([trial(1, [1.0])])
    _, found = page(replace(made, spec=replace(made.spec, objectives=())))
    assert "Where the slots' time went" in found.text
