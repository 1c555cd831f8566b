"""Repetitions, the final training, the look at the test set: no judgement on the search counts them as its trials."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.analyses.made import searched, study, trial
from tuned.analyses.curves.curve_table import curve_table
from tuned.analyses.curves.gradient_flows import flows
from tuned.analyses.curves.gradients import warm_up
from tuned.analyses.examples.duplicates import duplicates
from tuned.analyses.explain import explain
from tuned.analyses.models.surrogate import fitted
from tuned.analyses.question import Question
from tuned.analyses.reporting.ledger import ledger
from tuned.analyses.reporting.plots import curves
from tuned.analyses.space.bounds import crowding
from tuned.analyses.space.infeasible import boundary, infeasible
from tuned.analyses.study_data import StudyData, TrialData
from tuned.sdk import predictions

SPACE = {"lr": {"type": "float", "low": 1e-5, "high": 1.0, "log": True}}


def with_more(made: StudyData, *more: TrialData) -> StudyData:
    return replace(made, trials=(*made.trials, *more))


def search() -> StudyData:
    return searched(SPACE, lambda p: (np.log10(float(p["lr"])) + 3) ** 2 + 0.5, 12)


def repeats(made: StudyData, stage: str, values: list[float], **more: Any) -> list[TrialData]:
    best = made.ranked[0]
    return [
        trial(100 + i, [v] * 6, best.params, stage=stage, retry_of=best.number, seed=i, **more)
        for i, v in enumerate(values)
    ]


def test_the_final_model_is_trained_on_all_there_is_and_that_is_no_leak(tmp_path: Path) -> None:
    made = []
    for number, stage, first in ((1, "search", 100), (2, "search", 100), (3, "finalize", 0)):
        folder = tmp_path / str(number) / "predictions"
        predictions.save_hashes(str(folder), "validation", np.arange(8)[:, None], None, None)
        predictions.save_hashes(str(folder), "train", np.arange(first, first + 40)[:, None], None, None)
        made.append(trial(number, [1.0], {"x": 0.5}, stage=stage, run_dir=str(folder.parent)))
    assert list(duplicates(study(made))) == []
    leaking = [replace(t, stage="search") for t in made]
    assert {v.code for v in duplicates(study(leaking))} == {"data.leak"}


def test_repetitions_of_the_best_do_not_count_as_watched_trials(tmp_path: Path) -> None:
    record = {
        "protocol": 1, "nonfinite": 0, "samples": 20, "activations": ["ReLU"],
        "norm": {"p10": 1.0, "p50": 1.0, "p90": 2.0, "p99": 2.0, "max": 3.0},
        "layers": [{"rms_early": 1.0}, {"rms_early": 1.0}],
    }  # fmt: skip
    (tmp_path / "gradients.json").write_text(json.dumps(record))
    made = search()
    own = replace(made, trials=tuple(replace(t, run_dir=str(tmp_path)) for t in made.trials))
    again = repeats(made, "confirm", [0.5] * 9, run_dir=str(tmp_path))
    assert len(flows(with_more(own, *again))) == len(own.trials)


def test_diverged_repetitions_are_no_sign_of_an_unstable_rate() -> None:
    made = search()
    unstable = [
        replace(t, params={"lr": 2 * float(t.params["lr"])}, state="failed", failure="nan", values={})
        for t in repeats(made, "confirm", [0.5] * 12)
    ]
    assert list(warm_up(with_more(made, *unstable))) == []
    assert [v.code for v in warm_up(with_more(made, *(replace(t, stage="search") for t in unstable)))] == [
        "gradients.warm-up"
    ]


def test_models_curves_and_tables_are_of_the_search() -> None:
    made = search()
    whole = with_more(made, *repeats(made, "finalize", [0.01]), *repeats(made, "confirm", [0.4, 0.6]))
    assert [t.number for t in fitted(whole).trials] == [t.number for t in made.trials]
    assert [row[0] for row in curve_table(whole).rows] == [t.number for t in made.ranked]
    # The curves' picture: single reports are no curves, so only the others' would be drawn.
    assert curves(whole) is None


def test_the_noise_is_known_from_repetitions_alone() -> None:
    made = search()
    (_, said) = explain(Question(made, {"term": "noise"})).notes
    assert "no setting was run twice" in said
    (_, said) = explain(Question(with_more(made, *repeats(made, "confirm", [0.4, 0.6])), {"term": "noise"})).notes
    assert f"differ by {np.std([0.4, 0.6], ddof=1):.3g} (standard deviation, 1 settings)" in said


def test_the_account_names_what_repetitions_took() -> None:
    made = search()
    again = repeats(made, "confirm", [0.4, 0.6], started_at=20.0) + repeats(made, "test", [0.4], started_at=40.0)
    account = {e.what: e.trials for e in ledger(with_more(made, *again)).entries if e.trials}
    assert account == {"completed": 12, "repetitions": 2, "test": 1}


def test_crowding_is_the_chance_of_as_close_a_draw() -> None:
    distance = np.array([0.0, 0.1, 0.2, *np.linspace(0.3, 1.0, 17)])
    assert crowding(distance, 3) == pytest.approx(1 / 1140, abs=1.5e-3)  # one of the 1140 triples of twenty
    assert crowding(distance[::-1].copy(), 3) == 1.0
    assert crowding(np.array([0.0] * 10 + [1.0] * 10), 4) == pytest.approx(210 / 4845, abs=0.01)


def test_the_cut_between_failing_and_working_trials() -> None:
    rng = np.random.default_rng(0)
    points = [{"lr": float(10 ** rng.uniform(-5, 0))} for _ in range(400)]
    made = [trial(i + 1, [1.0] * 6, p) for i, p in enumerate(points)]
    made = [replace(t, state="failed", failure="nan", values={}) if float(t.params["lr"]) > 0.1 else t for t in made]
    found = study(made, SPACE)
    ended, bad = infeasible(found)
    cut = boundary(found, ended, bad)
    assert cut is not None and cut.above and cut.value == pytest.approx(0.1, rel=0.1)
    assert cut.inside == (len(bad), len(bad)) and cut.outside == (0, len(ended) - len(bad)) and cut.p_value < 1e-20
