"""The small fixed part of the bench of judgement: every kind once, through `advise` and `effects`."""

from __future__ import annotations

import pytest

from benchmarks.judgement.healthy import HEALTHY
from benchmarks.judgement.judging import Outcome, alarms, outcome
from benchmarks.judgement.planted import PLANTED
from benchmarks.judgement.summary import BEGIN, END, interval, with_table

SEED = 0


def test_there_are_forty_kinds_of_each() -> None:
    assert len(PLANTED) >= 40 and len(HEALTHY) >= 40


def test_planted_faults_are_named_and_nothing_contradicts_them() -> None:
    found = [outcome("planted", kind, SEED) for kind in PLANTED]
    missed = [one.kind for one in found if not one.right]
    assert len(missed) <= 0.05 * len(PLANTED), missed
    assert [one.kind for one in found if one.contradicts] == []


def test_healthy_studies_raise_no_alarm() -> None:
    found = [outcome("healthy", kind, SEED) for kind in HEALTHY]
    wrong = {one.kind: alarms(one.said) for one in found if not one.right}
    assert len(wrong) <= 0.05 * len(HEALTHY), wrong
    assert not any(code == "rule.failed" for one in found for _, code, _ in one.said)


def test_the_table_says_shares_with_intervals_and_replaces_the_old_one() -> None:
    found = [Outcome("planted", "a", i, i > 0, ()) for i in range(20)]
    text = with_table(f"# Page\n{BEGIN}\nold\n{END}\nrest\n", found)
    assert "95.0% (75.1% to 99.9%; 19 of 20)" in text and "old" not in text and text.endswith("rest\n")
    assert interval(0, 10) == (0.0, pytest.approx(0.3085, abs=1e-3))
    with pytest.raises(ValueError, match="markers"):
        with_table("# Page\n", found)
