"""The callbacks against stand-ins that call them as the libraries document it, and against scikit-learn itself."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tuned.integrations.keras
import tuned.integrations.lightning
import tuned.integrations.transformers
from tuned.integrations import sklearn as for_sklearn
from tuned.sdk import current
from tuned.sdk.local_trial import LocalTrial


class Recorder(LocalTrial):
    """Keeps what is reported; wants to stop once it has heard of a step."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.heard: list[tuple[int | None, dict[str, Any]]] = []
        self.stop_at = stop_at
        self.synced = 0

    def _report(self, step: int | None, values: dict[str, Any]) -> None:
        self.heard.append((step, values))

    def should_stop(self, sync: bool = False) -> bool:
        self.synced += sync
        return self.stop_at is not None and any(step == self.stop_at for step, _ in self.heard)


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recorder]:
    def make(stop_at: int | None = None) -> Recorder:
        trial = Recorder(stop_at)
        monkeypatch.setattr(current, "_current", trial)
        return trial

    return make


@pytest.fixture(autouse=True)
def nothing_made_before() -> Iterator[None]:
    yield
    for module in (tuned.integrations.lightning, tuned.integrations.keras, tuned.integrations.transformers):
        vars(module).pop("TunedCallback", None)


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **contents: Any) -> None:
    for i in range(name.count(".") + 1):
        part = ".".join(name.split(".")[: i + 1])
        monkeypatch.setitem(sys.modules, part, ModuleType(part))
    vars(sys.modules[name]).update(contents)


class LightningCallback:
    """The hooks that a trainer calls on every callback, all of them."""

    state_key = "x"

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None: ...
    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None: ...
    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None: ...
    def on_train_start(self, trainer: Any, pl_module: Any) -> None: ...


class LightningTrainer:
    def __init__(self, callbacks: list[Any], world_size: int = 1) -> None:
        self.callbacks, self.world_size = callbacks, world_size
        self.should_stop, self.sanity_checking, self.current_epoch, self.global_step = False, True, 0, 0
        self.callback_metrics: dict[str, Any] = {}
        self.batches = 0

    def call(self, hook: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self, None, *arguments)

    def fit(self, epochs: int) -> None:
        self.callback_metrics = {"val_loss": np.float64(99.0)}
        self.call("on_validation_end")
        self.sanity_checking, self.callback_metrics = False, {}
        self.call("on_train_start")
        for epoch in range(epochs):
            self.current_epoch = epoch
            for batch in range(2):
                self.global_step += 1
                self.batches += 1
                self.call("on_train_batch_end", None, None, batch)
                if self.should_stop:
                    return
            self.callback_metrics["val_loss"] = np.float64(1.0 / (epoch + 1))
            self.call("on_validation_end")
            self.callback_metrics["train_loss_epoch"] = np.float64(0.5)
            self.call("on_train_epoch_end")
            if self.should_stop:
                return


@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
def test_lightning(monkeypatch: pytest.MonkeyPatch, recording: Any, package: str) -> None:
    stand_in(monkeypatch, package, Callback=LightningCallback)
    from tuned.integrations.lightning import TunedCallback

    trial = recording(stop_at=1)
    trainer = LightningTrainer([TunedCallback()])
    trainer.fit(epochs=9)
    assert trainer.should_stop and trainer.batches == 4
    assert trial.heard == [
        (0, {"val_loss": 1.0}),
        (0, {"val_loss": 1.0, "train_loss_epoch": 0.5}),
        (1, {"val_loss": 0.5, "train_loss_epoch": 0.5}),
        (1, {"val_loss": 0.5, "train_loss_epoch": 0.5}),
    ]
    assert isinstance(TunedCallback(), LightningCallback)
    assert isinstance(pickle.loads(pickle.dumps(TunedCallback(["val_loss"]))), TunedCallback), "spawned ranks get it so"
    with pytest.raises(ValueError, match="epoch or global_step"):
        TunedCallback(step="batch")


def test_lightning_on_several_ranks_agrees_once_an_epoch(monkeypatch: pytest.MonkeyPatch, recording: Any) -> None:
    stand_in(monkeypatch, "lightning.pytorch", Callback=LightningCallback)
    trial = recording()
    callback = tuned.integrations.lightning.TunedCallback(metrics=["val_loss"], step="global_step")
    LightningTrainer([callback], world_size=4).fit(epochs=2)
    assert trial.synced == 4
    assert [step for step, _ in trial.heard] == [2, 2, 4, 4]
    assert all(set(values) == {"val_loss"} for _, values in trial.heard)


class KerasCallback:
    def __init__(self) -> None:
        self.model: Any = None

    def set_model(self, model: Any) -> None:
        self.model = model

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None: ...
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None: ...


def test_keras(monkeypatch: pytest.MonkeyPatch, recording: Any) -> None:
    stand_in(monkeypatch, "keras", callbacks=SimpleNamespace(Callback=KerasCallback))
    from tuned.integrations.keras import TunedCallback

    trial, model, callback = recording(stop_at=1), SimpleNamespace(stop_training=False), TunedCallback()
    callback.set_model(model)
    for epoch in range(9):
        callback.on_train_batch_end(0, {"loss": 0.7})
        if model.stop_training:
            break
        callback.on_epoch_end(epoch, {"loss": 0.5, "val_loss": np.float32(0.25), "name": "x", "step": 3, "ok": True})
        if model.stop_training:
            break
    assert trial.heard == [(0, {"loss": 0.5, "val_loss": 0.25}), (1, {"loss": 0.5, "val_loss": 0.25})]


class TrainerCallback:
    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None: ...
    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None: ...
    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None: ...
    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None: ...


def test_transformers(monkeypatch: pytest.MonkeyPatch, recording: Any) -> None:
    stand_in(monkeypatch, "transformers", TrainerCallback=TrainerCallback)
    from tuned.integrations.transformers import TunedCallback

    trial, callback = recording(stop_at=20), TunedCallback(save_on_stop=True)
    control = SimpleNamespace(should_training_stop=False, should_save=False)
    args, state = SimpleNamespace(world_size=1), SimpleNamespace(global_step=0)
    more = {"model": None, "processing_class": None}
    for step in range(10, 60, 10):
        state.global_step = step
        callback.on_step_end(args, state, control, **more)
        callback.on_log(args, state, control, logs={"loss": 0.5, "epoch": step / 10}, **more)
        callback.on_evaluate(args, state, control, metrics={"eval_loss": 0.25}, **more)
        if control.should_training_stop:
            break
    assert (control.should_save, state.global_step) == (True, 20)
    assert trial.heard[:2] == [(10, {"loss": 0.5, "epoch": 1.0}), (10, {"eval_loss": 0.25})]
    before = trial.synced
    callback.on_step_end(SimpleNamespace(world_size=8), state, control, **more)
    assert trial.synced == before


@pytest.mark.parametrize("name", ["lightning", "keras", "transformers"])
def test_a_library_that_is_not_there_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[f"tuned.integrations.{name}"]
    for missing in (*module.MODULES, "tensorflow"):
        monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match="is installed in this environment"):
        _ = module.TunedCallback
    with pytest.raises(AttributeError):
        _ = module.AnotherCallback


@pytest.fixture(scope="module")
def samples() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(90, 3))
    return inputs, (inputs[:, 0] > 0).astype(int)


def test_sklearn_partial_fit(samples: tuple[Any, Any], recording: Any) -> None:
    from sklearn.linear_model import SGDClassifier

    inputs, targets = samples
    trial = recording(stop_at=3)
    model = for_sklearn.fit_partially(
        SGDClassifier(random_state=0),
        inputs[:60],
        targets[:60],
        validation=(inputs[60:], targets[60:]),
        steps=50,
        batch=20,
        scoring={"val_accuracy": "accuracy"},
    )
    assert [step for step, _ in trial.heard] == [0, 1, 2, 3]
    assert trial.heard[-1][1]["val_accuracy"] == model.score(inputs[60:], targets[60:]) > 0.8
    assert model.t_ == 1 + 4 * 60


def test_sklearn_folds(samples: tuple[Any, Any], recording: Any) -> None:
    from sklearn.model_selection import cross_val_score
    from sklearn.naive_bayes import GaussianNB

    inputs, targets = samples
    trial = recording()
    scores = for_sklearn.cross_validate(GaussianNB(), inputs, targets, cv=3)["score"]
    assert scores == pytest.approx(cross_val_score(GaussianNB(), inputs, targets, cv=3))
    assert [step for step, _ in trial.heard] == [0, 1, 2]
    assert [v["score"] for _, v in trial.heard] == pytest.approx([np.mean(scores[: i + 1]) for i in range(3)])
    trial = recording(stop_at=0)
    assert len(for_sklearn.cross_validate(GaussianNB(), inputs, list(targets))["score"]) == 1
