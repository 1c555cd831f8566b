"""Faults planted into nets that are really trained and watched: `advise` names them, and leaves healthy ones alone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from tests.analyses.made import curve, study
from tuned import protocol
from tuned.analyses.advise import judge
from tuned.analyses.curves.gradients import gradients
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.verdict import Verdict
from tuned.sdk.daemon_trial import DaemonTrial

SPACE = {
    "lr": {"type": "float", "low": 1e-3, "high": 1e9, "log": True},
    "layers": {"type": "int", "low": 1, "high": 12},
    "activation": {"type": "choice", "values": ["relu", "tanh", "sigmoid"]},
}
KINDS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
RAW, DIGITS = load_digits(return_X_y=True)
X, Y = torch.tensor(RAW, dtype=torch.float32) / 16, torch.tensor(DIGITS)
TRAIN, VALIDATION = slice(0, 256), slice(256, 512)


def trained(folder: Path, number: int, params: Mapping[str, Any], leak: int = 0, clip: float = 0.0) -> TrialData:
    """A net that was trained for a few steps in a run directory, as the daemon would know it."""
    run_dir = folder / str(number)
    run_dir.mkdir()
    spec = {
        "attempt_id": str(number), "study": "made", "number": number, "attempt": 1, "seed": number, "stage": "search",
        "params": dict(params), "device": "cpu:0", "checkpoint_dir": "", "resumed": False,
    }  # fmt: skip
    trial = DaemonTrial(protocol.trial_environment(spec, str(run_dir)))
    torch.set_num_threads(1)
    torch.manual_seed(number)
    sizes = [64] + [24] * params["layers"]
    activation = KINDS[params["activation"]]
    hidden = [module for a, b in itertools.pairwise(sizes) for module in (nn.Linear(a, b), activation())]
    net = nn.Sequential(*hidden, nn.Linear(24, 10))
    optimizer = torch.optim.SGD(net.parameters(), params["lr"])
    watch = trial.watch(net, every=1)
    x, y = X[TRAIN], Y[TRAIN]
    vx, vy = torch.cat([X[VALIDATION], x[:leak]]), torch.cat([Y[VALIDATION], y[:leak]])
    trial.data_hashes("train", x, y)
    trial.data_hashes("validation", vx, vy)
    losses: dict[str, list[float]] = {"val_loss": [], "train_loss": []}
    for step in range(12):
        optimizer.zero_grad()
        loss = functional.cross_entropy(net(x), y)
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(net.parameters(), clip)
        optimizer.step()
        with torch.no_grad():
            losses["val_loss"].append(functional.cross_entropy(net(vx), vy).item())
            losses["train_loss"].append(loss.item())
        trial.report(step=step, val_loss=losses["val_loss"][-1])
    watch.remove()
    trial._save_gradients()
    trial.save_predictions("validation", net(vx).softmax(1), vy)
    result = {"val_loss": float(np.nanmin([*losses["val_loss"], np.inf]))}
    return TrialData(
        number, params, "completed", result, run_dir=str(run_dir),
        curves={name: curve(values) for name, values in losses.items()}, seconds=1.0, started_at=0.0,
    )  # fmt: skip


def made(folder: Path, points: Sequence[Mapping[str, Any]], **more: Any) -> StudyData:
    return study([trained(folder, i + 1, point, **more) for i, point in enumerate(points)], SPACE)


def points(lrs: Sequence[float], layers: Sequence[int] = (1, 2, 3), *activations: str) -> list[dict[str, Any]]:
    kinds = activations or ("relu", "tanh")
    return [
        {"lr": lr, "layers": layers[i % len(layers)], "activation": kinds[i % len(kinds)]} for i, lr in enumerate(lrs)
    ]


def named(study: StudyData, code: str) -> Verdict | None:
    found, notes = judge(study)
    assert notes == ()
    return next((verdict for verdict in found if verdict.code == code), None)


CALM = list(np.geomspace(0.05, 0.5, 8))


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> StudyData:
    return made(tmp_path_factory.mktemp("healthy"), points(CALM))


def test_a_healthy_study_gets_no_alarm_from_what_was_watched(healthy: StudyData) -> None:
    ours = [v for v in judge(healthy)[0] if v.code.startswith(("gradients.", "data.", "size."))]
    assert {v.level for v in ours} == {"info"}
    assert {v.code for v in ours} == {"gradients.clip-threshold"}
    verdict = ours[0]
    norms = [json.loads(Path(t.run_dir, "gradients.json").read_text())["norm"]["p90"] for t in healthy.ranked[:3]]
    assert verdict.evidence["clip_at"] == pytest.approx(np.median(norms))


def test_a_rate_that_saturates_is_blamed_and_not_the_depth(healthy: StudyData, tmp_path: Path) -> None:
    record = json.loads(Path(healthy.trials[0].run_dir, "gradients.json").read_text())
    last = record["layers"][-1]
    record["layers"] = [{**last, "rms_early": 1e-9 * last["rms_early"]}, last]
    (tmp_path / "gradients.json").write_text(json.dumps(record))
    steep = [
        replace(t, number=50 + i, params={**t.params, "lr": 5.0 + i, "activation": "relu"}, run_dir=str(tmp_path))
        for i, t in enumerate(healthy.trials[:2])
    ]
    seen = replace(healthy, trials=(*healthy.trials, *steep))
    verdict = named(seen, "gradients.saturated")
    assert verdict is not None and verdict.level == "info" and verdict.evidence["from"] == 5.0
    assert verdict.about == "lr" and set(verdict.trials) == {50, 51}
    assert named(seen, "gradients.vanishing") is None


def test_deep_sigmoid_nets_are_named(tmp_path: Path) -> None:
    seen = made(tmp_path, points(CALM, (2, 2, 9, 9), "relu", "tanh", "sigmoid", "sigmoid"))
    verdict = named(seen, "gradients.vanishing")
    assert verdict is not None and verdict.level == "warn"
    assert (verdict.evidence["activation"], verdict.evidence["layers"]) == ("sigmoid", 10)
    assert verdict.evidence["first_over_last"] < 1e-5 and verdict.evidence["factor_per_layer"] < 0.3
    assert set(verdict.trials) == {3, 4, 7, 8}
    assert verdict.command == "tunectl effects made --by activation,layers"
    (table,) = gradients(Question(seen)).tables
    assert {row[0]: row[6] for row in table.rows} == {"relu": 0, "tanh": 0, "sigmoid": 4}


def test_a_diverging_optimiser_is_named_with_a_threshold_and_warm_up(tmp_path: Path) -> None:
    seen = made(tmp_path, points([*CALM[-4:], 3e4, 1e5, 1e6, 1e8], (3,), "relu"))
    verdict = named(seen, "gradients.exploding")
    assert verdict is not None and verdict.level == "warn"
    assert verdict.evidence["lowest_rate"] >= 3e4 and set(verdict.trials) <= {5, 6, 7, 8}
    assert len(verdict.trials) >= 2 and 0 < verdict.evidence["clip_at"] < 10
    assert named(seen, "gradients.warm-up") is None, "the best rate is far below the unstable ones"


def test_a_rate_held_down_by_instability_wants_warm_up() -> None:
    trials = []
    for i, lr in enumerate([0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]):
        values = [2.0 - lr] * 6 if lr < 0.25 else [2.0, 4.0, np.nan, np.nan, np.nan, np.nan]
        result = {"val_loss": 2.0 - lr if lr < 0.25 else 2.0}
        trials.append(TrialData(i + 1, {"lr": lr}, "completed", result, curves={"val_loss": curve(values)}))
    verdict = named(study(trials, {"lr": SPACE["lr"]}), "gradients.warm-up")
    assert verdict is not None
    assert (verdict.evidence["best"], verdict.evidence["unstable_from"]) == (0.2, 0.3)


def test_clipping_nearly_all_updates_is_named(tmp_path: Path) -> None:
    verdict = named(made(tmp_path, points(CALM[:4]), clip=0.01), "gradients.clipped")
    assert verdict is not None and verdict.level == "warn"
    assert verdict.evidence["clip_at"] == pytest.approx(0.01, rel=0.02)


def test_validation_examples_that_were_trained_on_are_named(tmp_path: Path) -> None:
    verdict = named(made(tmp_path, points(CALM[:2]), leak=20), "data.leak")
    assert verdict is not None and verdict.level == "fail"
    assert verdict.evidence["examples"] == 20 and verdict.about == "validation"
    assert verdict.evidence["share"] == pytest.approx(20 / 276)


def test_a_torn_record_is_a_trial_that_was_not_watched(healthy: StudyData) -> None:
    path = Path(healthy.trials[0].run_dir, "gradients.json")
    whole = path.read_text()
    try:
        for torn in ("{", "[]", '{"protocol": 1, "layers": 3}'):
            path.write_text(torn)
            (table,) = gradients(Question(replace(healthy))).tables  # read anew: answers are kept with a study
            assert sum(row[2] for row in table.rows) == len(healthy.trials) - 1
    finally:
        path.write_text(whole)
