"""Ways of combining, and above all that nothing is measured on what it was chosen by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tuned.analyses.examples import combine
from tuned.analyses.examples.ensemble import cross_fitted, ensemble, evaluate
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData, TrialData
from tuned.core.errors import InvalidInput
from tuned.core.space import SearchSpace
from tuned.core.study import Objective, RunSpec, SearchSpec, StudySpec
from tuned.sdk.predictions import save


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As in the analyses' own process: for arrays this small, threads only wait for each other."""
    with threadpool_limits(1):
        yield


def models(count: int, examples: int, strength: float, classes: int = 4, seed: int = 0):
    draw = np.random.default_rng(seed)
    targets = np.arange(examples) % classes
    scores = draw.normal(size=(count, examples, classes)) + strength * np.eye(classes)[targets]
    said = np.exp(scores)
    return list(said / said.sum(axis=2, keepdims=True)), targets


def by_method(measured):
    return {m.method: float(m.losses.mean()) for m in measured}


def test_models_that_err_apart_are_better_together():
    said, targets = models(8, 600, 1.2)
    found = by_method(cross_fitted(said, targets, combine.errors, repeats=2))
    assert set(found) == {"best single", "average", "one by one", "stacking", "majority vote"}
    for method in ("average", "one by one", "stacking", "majority vote"):
        assert found[method] < found["best single"] - 0.05, found


def noise(leak: bool) -> dict[str, float]:
    """Mean loss of each method over studies whose models know nothing; with a `leak`, measured where it was fitted."""
    found: dict[str, list[float]] = {}
    for seed in range(24):
        said, targets = models(25, 120, 0.0, seed=seed)
        if leak:
            measured = evaluate(said, targets, said, targets, combine.errors)
            losses = {method: float(values.mean()) for method, (values, _) in measured.items()}
        else:
            losses = by_method(cross_fitted(said, targets, combine.errors, repeats=1))
        for method, loss in losses.items():
            found.setdefault(method, []).append(loss)
    return {method: float(np.mean(losses)) for method, losses in found.items()}


def test_nothing_can_be_learned_from_noise():
    """What knows nothing must come to chance, three in four, however many models there are to choose from."""
    for method, loss in noise(leak=False).items():
        assert 0.72 < loss < 0.78, (method, loss)


def test_the_test_for_leaks_would_catch_one():
    leaky = noise(leak=True)
    assert max(leaky[method] for method in ("stacking", "one by one", "best single")) < 0.7, leaky


def test_stacking_weighs_the_model_that_knows():
    noise, targets = models(6, 400, 0.0, seed=1)
    draw = np.random.default_rng(2)
    knows = np.full((400, 4), 0.1)
    right = np.where(draw.random(400) < 0.8, targets, (targets + 1) % 4)
    knows[np.arange(400), right] = 0.7
    found = by_method(cross_fitted([knows, *noise], targets, combine.errors, repeats=1))
    assert found["stacking"] == pytest.approx(found["best single"], abs=0.05)
    assert found["majority vote"] > 0.4  # most voters know nothing


def test_numbers_are_averaged_and_stacked_too():
    draw = np.random.default_rng(0)
    targets = draw.normal(size=300)
    said = [targets * 0.5 + draw.normal(scale=0.5, size=300) for _ in range(5)]
    found = by_method(cross_fitted(said, targets, combine.squared_errors, repeats=1))
    assert found["average"] < found["best single"] and found["stacking"] < found["average"]
    assert "majority vote" not in found


def test_greedy_repeats_what_helps_and_ends_when_nothing_does():
    targets = np.array([0, 0, 1, 1])
    good = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]])
    assert set(combine.greedy([good, 1 - good], targets, combine.log_loss)) == {0}
    assert combine.vote([good, good, 1 - good]).argmax(axis=1).tolist() == [0, 0, 1, 1]
    # An equal number of votes goes to the more probable class.
    sure, unsure = np.array([[0.9, 0.1]]), np.array([[0.45, 0.55]])
    assert combine.vote([sure, unsure]).argmax(axis=1).tolist() == [0]


def study(tmp_path, said, targets, **ids) -> StudyData:
    trials = []
    for number, p in enumerate(said, start=1):
        folder = tmp_path / str(number)
        own = ids.get("ids", {}).get(number)
        order = np.arange(len(targets)) if own is None else np.array(own)
        save(str(folder / "predictions"), "validation", p[order], targets[order], None if own is None else list(own), 1)
        trials.append(TrialData(number, {}, "completed", {"loss": float(number)}, run_dir=str(folder)))
    spec = StudySpec(
        "s", RunSpec("script"), SearchSpec(trials=9), SearchSpace(), objectives=(Objective("loss", "minimize"),)
    )
    return StudyData("s", spec, tuple(trials))


def test_a_study_is_answered_from_what_its_trials_stored(tmp_path):
    said, targets = models(5, 200, 1.2)
    shuffled = {3: np.random.default_rng(1).permutation(200), **{n: np.arange(200) for n in (1, 2, 4, 5)}}
    answer = ensemble(Question(study(tmp_path, said, targets, ids=shuffled), {"top": "4"}))
    assert answer.figures["members"] == [1, 2, 3, 4] and answer.figures["best"] != "best single"
    assert [row[0] for row in answer.tables[0].rows][-1] == "best single"
    assert not answer.notes
    assert "error rate" in answer.verdicts[0].what


def test_other_examples_are_left_out_and_one_model_is_no_ensemble(tmp_path):
    said, targets = models(3, 60, 1.0)
    data = study(tmp_path, said, targets)
    save(str(tmp_path / "2" / "predictions"), "validation", said[1], (targets + 1) % 4, None, 1)
    answer = ensemble(Question(data))
    assert answer.figures["members"] == [1, 3] and "other examples" in answer.notes[0]
    with pytest.raises(InvalidInput, match="an ensemble needs two"):
        ensemble(Question(data, {"split": "elsewhere"}))
