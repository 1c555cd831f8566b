"""Tables and answers: JSON and back, and each style."""

from __future__ import annotations

import csv
import io
import json

from tuned.analyses.answer import Answer
from tuned.analyses.table import Column, Table, show
from tuned.analyses.verdict import Verdict, sort_verdicts
from tuned.protocol import encode_all

TABLE = Table(
    "effects.lr", "loss by lr",
    (Column("value"), Column("mean", "number"), Column("band", "interval", "90 %"), Column("t", "seconds"),
     Column("n", "count")),
    (("a_b|c", 0.123456, (0.1, 0.2), 90.0, 3), ("50 %", float("nan"), None, None, 12)),
    ("A note.",),
)  # fmt: skip


def test_an_answer_survives_json():
    verdict = Verdict(
        "warn", "space.x", "Look.", {"p": 0.01, "worst": float("inf"), "n": 3}, "Do.", "tunectl x", "lr", (3, 1)
    )
    answer = Answer((verdict,), (TABLE,), ("n",), {"points": ((1.0, float("nan")),)}, {"a.html": "<p>"})
    document = json.loads(json.dumps(answer.to_dict(), allow_nan=False))
    again = Answer.from_dict(document)
    assert again.verdicts == (verdict,)
    assert again.to_dict() == document
    assert document["tables"][0]["rows"][1] == {"value": "50 %", "mean": "nan", "band": None, "t": None, "n": 12}
    assert document["figures"] == {"points": [[1.0, "nan"]]}


def test_markdown_keeps_bars_out_of_its_columns():
    lines = TABLE.render("md").splitlines()
    assert lines[2:5] == [
        "| value | mean | 90 % | t | n |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| a_b\\|c | 0.1235 | 0.1 .. 0.2 | 1m 30s | 3 |",
    ]
    assert lines[-1] == "A note."


def test_csv_has_every_digit_and_a_column_for_each_end():
    rows = list(csv.DictReader(io.StringIO(TABLE.render("csv"))))
    assert rows[0] == {
        "value": "a_b|c",
        "mean": "0.123456",
        "band_low": "0.1",
        "band_high": "0.2",
        "t": "90.0",
        "n": "3",
    }
    assert rows[1]["mean"] == "nan" and rows[1]["band_low"] == ""


def test_latex_escapes_what_it_would_read():
    text = TABLE.render("latex")
    assert r"a\_b|c & 0.1235 & 0.1 .. 0.2 & 1m 30s & 3 \\" in text
    assert r"50 \%" in text and text.startswith("% loss by lr\n\\begin{tabular}{lrrrr}")


def test_values_as_people_read_them():
    assert (show(150.0, "seconds"), show(3 * 2**20, "bytes")) == ("2m 30s", "3.0 MiB")
    assert [show(0.25, "share"), show(True, "flag"), show(None, "number"), show("nan", "number")] == [
        "25 %",
        "yes",
        "-",
        "nan",
    ]
    assert encode_all({"a": (1.0, float("-inf"))}) == {"a": [1.0, "-inf"]}


def test_the_most_pressing_comes_first():
    found = sort_verdicts(Verdict(level, str(i), "") for i, level in enumerate(("info", "fail", "warn", "fail")))
    assert [v.code for v in found] == ["1", "3", "2", "0"]
