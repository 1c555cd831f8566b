"""The ladder of batch sizes: the study that measures it, the knee, and where memory ends."""

from __future__ import annotations

import numpy as np
import pytest

from tests.analyses.made import study
from tuned.analyses.probe import probe
from tuned.analyses.question import Question
from tuned.analyses.study_data import Curve, TrialData
from tuned.core.errors import InvalidInput
from tuned.core.study_file.probe import ladder, probe_study
from tuned.core.study_file.space_file import parse_space

SPACE = {"batch": {"type": "choice", "values": [8, 16, 32, 64, 128], "ordered": True}}


def rung(number: int, batch: int, step_s: float, memory: float = 0.0, **more: object) -> TrialData:
    steps = np.arange(10, dtype=float)
    curve = Curve(steps, 1 / (steps + 1), 100 + step_s * steps, 10)
    fields = {"state": "completed", "values": {}, "started_at": 99.0, "peak_memory": memory, "memory_kind": "ram"}
    return TrialData(number, {"batch": batch}, **{**fields, "curves": {"val_loss": curve}, **more})


def ask(*rungs: TrialData, **options: str):
    return probe(Question(study(rungs, SPACE), options))


def test_the_knee_is_where_doubling_stops_to_pay():
    """A machine that takes 1 s a step up to 32 examples, and in proportion beyond."""
    answer = ask(*(rung(i, b, max(1.0, b / 32), b * 1e6) for i, b in enumerate((8, 16, 32, 64, 128), 1)))
    assert answer.figures["knee"] == 32
    rows = answer.tables[0].to_dict()["rows"]
    assert [round(r["throughput"]) for r in rows] == [8, 16, 32, 32, 32]
    assert [r["peak_memory"] for r in rows] == [8e6, 16e6, 32e6, 64e6, 128e6]
    assert {v.code for v in answer.verdicts} == {"batch.knee"}


def test_one_rung_that_was_disturbed_does_not_end_the_ladder():
    answer = ask(rung(1, 8, 1.0), rung(2, 16, 9.0), rung(3, 32, 1.0), rung(4, 64, 2.0))
    assert answer.figures["knee"] == 32


def test_epochs_get_shorter_and_updates_do_not():
    assert ask(rung(1, 8, 8.0), rung(2, 16, 4.0), rung(3, 32, 3.9)).figures == {"steps_are": "epochs", "knee": 16}
    assert ask(rung(1, 8, 1.0), rung(2, 16, 1.0)).figures["steps_are"] == "updates"
    assert ask(rung(1, 8, 8.0), rung(2, 16, 4.0), steps="updates").figures["steps_are"] == "updates"


def test_memory_ends_between_two_rungs():
    gone = rung(3, 32, 1.0, state="failed", failure="oom")
    answer = ask(rung(1, 8, 1.0), rung(2, 16, 1.9), gone)
    found = {v.code: v for v in answer.verdicts}
    assert found["batch.memory"].evidence == {"fits": 16, "does_not": 32}
    assert "batch.bottleneck" in found  # 1.05 times for a doubling
    assert answer.figures["knee"] == 8


def test_the_ladder_has_powers_of_two_only():
    assert ladder(5, 100) == [8, 16, 32, 64]
    with pytest.raises(InvalidInput, match="no ladder"):
        ladder(9, 15)


def test_the_measuring_study_holds_everything_else():
    data = {
        "run": {"script": "t.py", "args": ["--lr={lr}", ["--dropout={dropout}"], ["--l2", "{l2:.2g}"]]},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {
            "lr": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True},
            "reg": ["dropout", "l2"],
            "dropout": {"type": "float", "low": 0.0, "high": 0.6, "when": {"reg": "dropout"}},
            "l2": {"type": "float", "low": 0.0, "high": 0.1, "when": {"reg": "l2"}},
            "batch": [32, 64],
        },
        "search": {"trials": 50},
        "early_stopping": {"method": "asha"},
    }
    made = probe_study(data, "n", "batch", [8, 16, 32], 30, {"reg": "l2", "l2": 0.05})
    space = parse_space(made["space"])
    assert [p.name for p in space.tunable] == ["batch"] and space["batch"].values == (8, 16, 32)
    assert space["lr"].values == (pytest.approx(1e-3),) and space["l2"].values == (0.05,)
    assert "dropout" not in space.names and made["run"]["args"] == ["--lr={lr}", ["--l2", "{l2:.2g}"]]
    assert made["search"] == {"method": "grid", "trials": 3, "parallel": 1} and "early_stopping" not in made
    assert made["run"]["timeout"] == "30s"
    with pytest.raises(InvalidInput, match="no such parameter"):
        probe_study(data, "n", "bs", [8, 16], 30, {})
