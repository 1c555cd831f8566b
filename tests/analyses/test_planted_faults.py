"""Planted faults against verdicts, on nets that were really trained (`record_studies`), and healthy studies.

The table below is the promise of `tunectl advise`: each fault is named by the verdict that fits it, and studies that
somebody who knows the playbook would leave alone raise no warning.
"""

from __future__ import annotations

import pytest

from tests.analyses.recorded import FOLDER, recorded
from tuned.analyses.advise import judge
from tuned.analyses.verdict import Verdict

FAULTS = {
    "fault-narrow-lr": {("warn", "space.near-bound", "lr"), ("warn", "length.too-short", "val_loss")},
    "fault-overfitting": {("warn", "curve.overfitting", "val_loss")},
    "fault-too-few-steps": {("warn", "length.too-short", "val_loss")},
    "fault-too-many-steps": {("warn", "length.too-long", "val_accuracy")},
    "fault-diverging": {("warn", "space.infeasible", "lr")},
    "fault-deep-sigmoid": {("fail", "curve.not-learning", "val_loss")},
}
"""Fault -> verdicts that must be there; others may stand beside them (an lr that is too low also trains too slowly)."""

HEALTHY = sorted(path.stem for path in FOLDER.glob("healthy-*.json"))


def verdicts(name: str) -> tuple[Verdict, ...]:
    found, notes = judge(recorded(name))
    assert notes == ()  # no rule tripped
    return found


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named(name):
    found = {(v.level, v.code, v.about) for v in verdicts(name)}
    assert found >= FAULTS[name]


def test_there_are_ten_healthy_studies():
    assert len(HEALTHY) == 10


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_study_raises_no_alarm(name):
    assert [(v.level, v.code, v.what) for v in verdicts(name) if v.level != "info"] == []


def test_verdicts_carry_evidence_and_what_to_do():
    for name in FAULTS:
        for verdict in verdicts(name):
            assert verdict.what and verdict.evidence
            if verdict.level != "info":
                assert verdict.remedy
            assert not verdict.command or verdict.command.startswith("tunectl ")


def test_the_narrow_range_gets_a_p_value_and_a_wider_bound():
    verdict = next(v for v in verdicts("fault-narrow-lr") if v.code == "space.near-bound")
    assert verdict.evidence["p_value"] < 0.05
    assert verdict.command == "tunectl space fault-narrow-lr --set lr.high=0.01"
    slow = next(v for v in verdicts("fault-narrow-lr") if v.code == "length.too-short")
    assert slow.remedy.startswith("First widen lr")


def test_the_edge_of_divergence_is_found():
    verdict = next(v for v in verdicts("fault-diverging") if v.code == "space.infeasible")
    assert 40 < verdict.evidence["boundary"] < 93  # every trial above it failed, none below
    assert verdict.evidence["nan"] == 5


def test_batch_size_is_a_remark_and_no_alarm():
    assert ("info", "space.batch", "batch") in {(v.level, v.code, v.about) for v in verdicts("healthy-batch")}
