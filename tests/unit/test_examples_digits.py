"""The digits example: its study file fits its script, it learns, and it goes on where it was stopped."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tuned.core.study_file.reading import read_tables
from tuned.core.study_file.space_file import parse_space
from tuned.sdk.trial import Trial

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "digits"


@pytest.fixture(scope="module")
def train() -> ModuleType:
    spec = importlib.util.spec_from_file_location("digits_train", FOLDER / "train.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class WatchedTrial(Trial):
    """A trial that keeps what is reported, has a folder for checkpoints, and is asked to stop after one step."""

    def __init__(self, params: dict[str, Any], folder: Path, stop_after: int | None = None) -> None:
        super().__init__()
        self.params = params
        self.reports: list[tuple[int | None, dict[str, Any]]] = []
        self._folder = folder
        self._stop_after = stop_after

    @property
    def checkpoint_dir(self) -> Path:
        return self._folder

    def _report(self, step: int | None, values: dict[str, Any]) -> None:
        self.reports.append((step, values))

    def _stop_wanted(self) -> bool:
        return self.last_step == self._stop_after


def params_of(train: ModuleType, **changes: Any) -> dict[str, Any]:
    return {**train.DEFAULTS, "epochs": 4, **changes}


def test_the_study_varies_what_the_script_takes(train: ModuleType) -> None:
    tables, raw_space = read_tables(tomllib.loads((FOLDER / "study.toml").read_text()))
    space = parse_space(raw_space)
    assert set(space.names) == set(train.DEFAULTS)
    assert (FOLDER / str(tables.run.script)).is_file()
    for parameter in space.parameters:
        if parameter.kind != "fixed":
            parameter.cast(train.DEFAULTS[parameter.name])


def test_the_objective_and_its_twin_are_reported(train: ModuleType, tmp_path: Path) -> None:
    tables, _ = read_tables(tomllib.loads((FOLDER / "study.toml").read_text()))
    trial = WatchedTrial(params_of(train, epochs=1), tmp_path)
    train.train(trial)
    ((step, values),) = trial.reports
    assert step == 0
    for objective in tables.objective:
        assert {objective.metric, objective.train} <= values.keys()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("regularizer", ["none", "l1", "l2", "dropout"])
def test_it_learns(train: ModuleType, tmp_path: Path, optimizer: str, regularizer: str) -> None:
    lr = 0.1 if optimizer == "sgd" else 0.01
    trial = WatchedTrial(params_of(train, optimizer=optimizer, regularizer=regularizer, lr=lr), tmp_path)
    train.torch.manual_seed(0)
    train.train(trial)
    assert [step for step, _ in trial.reports] == [0, 1, 2, 3]
    assert trial.reports[-1][1]["val_accuracy"] > 0.6


def test_splits_share_no_image(train: ModuleType) -> None:
    splits = train.splits()
    assert {name: len(y) for name, (_, y) in splits.items()} == {"train": 1077, "validation": 360, "test": 360}
    again = train.splits()
    assert all(train.torch.equal(splits[name][0], again[name][0]) for name in splits)


def test_a_stopped_trial_goes_on_from_its_checkpoint(train: ModuleType, tmp_path: Path) -> None:
    stopped = WatchedTrial(params_of(train), tmp_path, stop_after=1)
    train.train(stopped)
    assert [step for step, _ in stopped.reports] == [0, 1]
    resumed = WatchedTrial(params_of(train), tmp_path)
    resumed.resumed = True
    train.train(resumed)
    assert [step for step, _ in resumed.reports] == [2, 3]
    assert resumed.reports[0][1]["train_loss"] < stopped.reports[0][1]["train_loss"]


def test_a_diverging_trial_ends_at_once(train: ModuleType, tmp_path: Path) -> None:
    trial = WatchedTrial(params_of(train, optimizer="sgd", lr=1e6, activation="relu"), tmp_path)
    train.train(trial)
    assert len(trial.reports) == 1


def test_arguments_keep_their_defaults_types(train: ModuleType) -> None:
    point = train.chosen(["lr=0.01", "width=128", "optimizer=sgd"])
    assert (point["lr"], point["width"], point["optimizer"], point["batch"]) == (0.01, 128, "sgd", 64)
    with pytest.raises(SystemExit, match=re.escape("expected NAME=VALUE")):
        train.chosen(["learning_rate=1"])
