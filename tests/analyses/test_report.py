"""The report: one page that needs nothing from outside, whole for real studies and for poor ones."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.analyses.made import curve, searched, study, trial
from tests.analyses.recorded import recorded
from tuned.analyses.explain import explain
from tuned.analyses.question import Question
from tuned.analyses.reporting.parameter_plots import axis_plots
from tuned.analyses.reporting.report import report
from tuned.analyses.stopping import stopping_table
from tuned.analyses.study_data import StudyData
from tuned.core.study import Constraint, EarlyStopping, Objective

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
    assert "trials that failed or diverged" in found.text and "crosses trials that failed or diverged" in found.text
    marks = ElementTree.tostring(pictures(text)["axes"], encoding="unicode").count("#d9534f")
    assert marks >= 5  # a cross is drawn once for each


def test_a_broken_constraint_is_named_as_such_and_each_trial_is_counted_once() -> None:
    """Whole and finite results beyond a bound are no failures; of those that were stopped early, one is beyond it."""
    early = {"state": "pruned", "stopped_by": "rung"}
    fates: list[dict[str, Any]] = [{}, {}, early, early, {"state": "failed", "failure": "error", "values": {}}, {}]
    sizes = [50.0, 70.0, 40.0, 80.0, 0.0, 70.0]
    trials = []
    for number, (fate, size) in enumerate(zip(fates, sizes, strict=True), 1):
        fate = {"values": {"val_loss": 1.0 / number, "size": size}} | fate
        trials.append(replace(trial(number, [2.0, 1.5, 1.0, 1.0 / number], {"x": number / 9}), **fate))
    made = study(trials)
    made = replace(made, spec=replace(made.spec, constraints=(Constraint("size", at_most=60.0),)))
    found = page(made)[1].text
    assert "1 trial that failed or diverged, 3 trials that break a constraint" in found
    assert "breaks size <= 60 (70)" in found and "completed diverged" not in found
    assert "2 trials that were stopped early are left out" in found
    assert "2 trials that break a constraint are left out (size <= 60)." in found


def test_the_picture_of_few_axes_is_no_wider_than_they_are() -> None:
    """It is scaled to a telephone as a whole: empty places would make what is there too small to read."""

    def width(names: str) -> float:
        space = {name: {"type": "float", "low": 0.0, "high": 1.0} for name in names}
        drawn = axis_plots(searched(space, lambda p: float(p["a"]), 4))
        found = re.search(r"max-width:([\d.]+)pt;--own:([\d.]+)pt", drawn.svg if drawn else "")
        assert found is not None and found[1] == found[2]
        return float(found[1])

    assert width("a") < 0.4 * width("abc") and width("abc") == width("abcd")


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


def finished() -> StudyData:
    """A study after its playbook: eight trials, two configurations repeated, a final model that was tested."""
    made = searched({"x": {"type": "float", "low": 0.0, "high": 1.0}}, lambda p: 0.5 + p["x"] / 10, 8)
    point = ("baseline", {"x": made.trials[4].params["x"]})
    best = made.ranked[0]
    runs = [
        trial(100 + 10 * i + seed, [value + 0.01 * seed], of.params, stage="confirm", retry_of=of.number, seed=seed)
        for i, (of, value) in enumerate([(best, 0.55), (made.trials[4], 0.60)])
        for seed in range(4)
    ]
    final = replace(trial(200, [0.4], best.params), stage="finalize", seed=77)
    look = replace(trial(201, [0.4], best.params), stage="test", values={"test_loss": 0.43})
    confirmed = [
        {"number": 5, "decision": "baseline", "runs": 4, "mean": 0.615},
        {"number": best.number, "decision": "adopt", "runs": 4, "mean": 0.565},
    ]
    result = {
        "configuration": best.number, "why": "better than trial 5 by 0.05", "length": "as in the search", "trial": 200,
        "test": 201, "metric": "test_loss", "value": 0.43, "looks": 1, "bundle": "/runs/made/final/finalize",
    }  # fmt: skip
    steps = tuple(
        {"id": name, "name": name, "state": "done", "why": why, "began_at": 10.0, "ended_at": 70.0, "result": found}
        for name, why, found in (
            ("coarse", "8 trials", {}),
            ("confirm", "it is adopted", {"configurations": confirmed, "looks": [4]}),
            ("finalize", "test_loss 0.43", result),
        )
    )
    spec = replace(made.spec, search=replace(made.spec.search, points=(point,)))
    return replace(made, spec=spec, trials=(*made.trials, *runs, final, look), steps=steps)


def test_a_finished_playbook_is_told_with_its_result_first() -> None:
    made = finished()
    best = made.ranked[0]
    text, found = page(made)
    head = text[: text.index("<nav>")]
    assert "test_loss of the final model" in head and "0.43" in head
    # The best of eight stands behind the mean over further seeds.
    assert head.index("4 further seeds") < head.index("best val_loss") and "0.565" in head
    part = text[text.index('id="final-model"') : text.index('id="verdicts"')]
    for words in (
        f"trial {best.number} of the search: better than trial 5 by 0.05", "as in the search", ">77<",
        "val_loss, baseline (trial 5)", "val_loss, final configuration", "4 seeds)", "/runs/made/final/finalize",
        "it is adopted", "test_loss 0.43", "8 trials", "has no interval",
    ):  # fmt: skip
        assert words in part, words
    again = text[text.index('id="how-to-reproduce"') :]
    assert "/runs/made/final/finalize/reproduce.py" in again and "Trains trial 200 with seed 77" in again
    assert "tunectl enqueue" not in again and "Tuning has brought" in found.text


def test_the_test_figure_has_its_interval_where_predictions_were_saved(tmp_path: Path) -> None:
    right = np.array([[0.9, 0.1]] * 80 + [[0.2, 0.8]] * 20)
    (tmp_path / "predictions").mkdir()
    np.savez(tmp_path / "predictions" / "test.npz", probabilities=right, targets=np.zeros(100, dtype=int))
    made = finished()
    steps = [dict(step) for step in made.steps]
    steps[2]["result"] = {**steps[2]["result"], "metric": "test_accuracy", "value": 0.8}
    look = replace(made.trials[-1], values={"test_accuracy": 0.8}, run_dir=str(tmp_path))
    text, _ = page(replace(made, steps=tuple(steps), trials=(*made.trials[:-1], look)))
    assert re.search(r"0\.8 \(0\.720\d* \.\. 0\.879\d*, 100 examples\)", text)
    # Of the tile the figure alone is large: with its interval it wrapped over four lines.
    assert re.search(
        r"<b>0\.8</b><span>test_accuracy of the final model: 0\.720\d* \.\. 0\.879\d*, 100 examples<", text
    )


def test_the_best_of_many_stands_beside_an_estimate_without_its_luck() -> None:
    made = finished()
    others = tuple(t for t in made.trials if t.retry_of != made.ranked[0].number)
    _, found = page(replace(made, trials=others, steps=()))
    assert "without the luck of the best of 8, about 0.5" in found.text
    _, alone = page(replace(made, trials=made.trials[:8], steps=()))
    assert "one run, the best of 8: not confirmed" in alone.text


def test_without_a_baseline_the_report_names_the_remedy() -> None:
    made = searched({"x": {"type": "float", "low": 0.0, "high": 1.0}}, lambda p: p["x"], 6)
    _, found = page(made)
    assert "No gain over a baseline is shown" in found.text and "[[search.point]]" in found.text


def test_other_metrics_and_the_rescue_sample_have_a_place_and_empty_columns_have_none() -> None:
    made = searched({"x": {"type": "float", "low": 0.0, "high": 1.0}}, lambda p: p["x"], 6)
    trials = tuple(replace(t, curves={**t.curves, "val_accuracy": curve([0.5, 0.75])}) for t in made.trials)
    spec = replace(made.spec, early_stopping=EarlyStopping("asha", 3, 30, 3))
    text, found = page(replace(made, trials=(replace(trials[0], rescued=True), *trials[1:]), spec=spec))
    assert "How often early stopping was wrong" in found.text and "Early stopping: asha." in found.text
    table = text[text.index("The best 6 trials") : text.index("picture-progress")]
    assert "val_accuracy" in table and "0.75" in table
    effects = text[text.index("val_loss by x") :]
    assert ">gap<" not in effects[: effects.index("</table>")]


def test_patience_alone_is_a_rule_of_early_stopping() -> None:
    made = searched({"x": {"type": "float", "low": 0.0, "high": 1.0}}, lambda p: p["x"], 6)
    converging = replace(made, spec=replace(made.spec, early_stopping=EarlyStopping("none", patience=3)))
    _, found = page(converging)
    assert "Early stopping: patience." in found.text
    table = stopping_table(converging)
    assert table is not None and table.rows[0][0] == "patience"
    said = explain(Question(converging, {"term": "early stopping"})).notes
    assert any("patience stopped 0 of 6" in line for line in said)
    assert EarlyStopping("median", patience=3).told == "median and patience" and EarlyStopping("none").told == "none"


def test_the_cards_have_a_picture_and_tables_that_add_up() -> None:
    uses = {"training": 3600.0, "starting": 1.0, "nothing queued": 2399.0}
    cards = tuple({"index": n, "name": "H100", "since": 0.0, "until": 6000.0, "uses": uses, "ours": []} for n in (0, 1))
    figures = {"peak_memory": 3 * 2.0**30, "utilisation": 34.0, "stalled": 0.4, "samples": 60.0}
    trials = [trial(n, [1.0, 0.5 + n / 10], card=figures) for n in range(1, 6)]
    text, _ = page(replace(study(trials), cards=cards))
    assert "cards" in pictures(text)
    assert "Of 3h 20m of cards 60% went into training, 0.0% was ours to avoid." in text
    for cell in ("Where the time of the cards went", "60 %", "40 %", "peak memory, GiB", "waited for data"):
        assert cell in text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "device.input-bound" in text and "device.underused" not in text
