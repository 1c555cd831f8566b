"""`describe` and `watch` on real torch models: what is measured, and that training does not change by it."""

from __future__ import annotations

import gc
import json
import math
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tuned import protocol
from tuned.sdk.daemon_trial import DaemonTrial
from tuned.sdk.watch import Watch

DATA = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
SPEC = {
    "attempt_id": "abc",
    "study": "s",
    "number": 1,
    "attempt": 1,
    "seed": 0,
    "stage": "search",
    "params": {},
    "device": "cpu:0",
    "checkpoint_dir": "checkpoint",
    "resumed": False,
}


@pytest.fixture
def trial(tmp_path: Path) -> DaemonTrial:
    return DaemonTrial(protocol.trial_environment(SPEC, str(tmp_path)))


def net(depth: int = 3, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    torch.manual_seed(0)
    hidden = [layer for _ in range(depth) for layer in (nn.Linear(8, 8), activation())]
    return nn.Sequential(*hidden, nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))


def train(model: nn.Module, steps: int, lr: float = 0.1) -> Any:
    """Yield after each step; the gradients are those of that step."""
    optimizer = torch.optim.SGD(model.parameters(), lr)
    for step in range(steps):
        optimizer.zero_grad()
        model(DATA).square().mean().backward()
        optimizer.step()
        yield step


def lines(folder: Path) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in record.items() if k != "_time"} for record in records if "sdk" not in record]


class TestDescribe:
    def test_is_reported_and_leaves_the_model_as_it_was(self, trial: DaemonTrial, tmp_path: Path) -> None:
        model = net().train()
        model[0].eval()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        torch.manual_seed(5)
        found = trial.describe(model, DATA)
        drawn = torch.rand(1).item()
        torch.manual_seed(5)
        assert drawn == torch.rand(1).item(), "no random number was used up"
        assert [m.training for m in model[:3]] == [False, True, True]
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
        numbers = 3 * 72 + 16 + 9
        # Batch normalisation stores two means and a count of 8 bytes.
        assert (found["parameters"], found["model_bytes"]) == (numbers, 4 * (numbers + 16) + 8)
        assert found["model_layers"] == 4 and found["latency_ms"] > 0
        assert lines(tmp_path) == [found]

    def test_frozen_layers_lazy_ones_and_ways_to_call(self, trial: DaemonTrial) -> None:
        model = nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2))
        assert trial.describe(model, (DATA,))["parameters"] == 36 + 10
        model[0].requires_grad_(False)
        found = trial.describe(model)
        assert found["parameters"] == 10 and "latency_ms" not in found
        assert "latency_ms" in trial.describe(nn.Linear(8, 1), {"input": DATA})

    def test_what_is_no_model(self, trial: DaemonTrial) -> None:
        with pytest.raises(ValueError, match=r"torch\.nn\.Module"):
            trial.describe(lambda x: x)
        with pytest.raises(ValueError, match=r"torch\.nn\.Module"):
            trial.watch(3)


class TestWatch:
    def test_norms_go_along_with_reports_and_into_the_record(self, trial: DaemonTrial, tmp_path: Path) -> None:
        model = net()
        watch = trial.watch(model, every=2)
        seen = []
        for step in train(model, 6):
            grads = [p.grad for p in model.parameters() if p.grad is not None]
            seen.append(math.sqrt(sum(float(g.square().sum()) for g in grads)))
            if step % 3 == 2:
                trial.report(step=step, loss=1.0)
        watch.remove()
        first, second = lines(tmp_path)
        assert first["grad_norm_max"] == pytest.approx(max(seen[0], seen[2]), rel=1e-5)
        assert second["grad_norm"] == second["grad_norm_max"] == pytest.approx(seen[4], rel=1e-5)
        trial._save_gradients()
        record = protocol.read_record(str(tmp_path), protocol.GRADIENTS_FILE)
        assert record is not None
        assert (record["steps"], record["samples"], record["nonfinite"]) == (6, 3, 0)
        assert record["activations"] == ["ReLU"]
        assert [layer["name"] for layer in record["layers"]] == ["0", "2", "4", "8"]
        assert all(layer["rms"] > 0 for layer in record["layers"])
        assert record["norm"]["max"] == pytest.approx(max(seen[0::2]), rel=1e-5)

    def test_training_is_the_same_with_it(self) -> None:
        plain, watched = net(), net()
        torch.manual_seed(1)
        list(train(plain, 5))
        watch = Watch(watched)
        torch.manual_seed(1)
        list(train(watched, 5))
        watch.remove()
        assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), watched.parameters(), strict=True))

    def test_only_its_own_model_and_not_after_remove(self) -> None:
        mine, other = net(), net()
        watch = Watch(mine, every=1)
        list(train(other, 2))
        assert watch.steps == 0 and watch.record() is None and watch.take() == {}
        list(train(mine, 2))
        watch.remove()
        list(train(mine, 2))
        assert watch.steps == 2

    def test_a_model_that_is_gone_is_let_go(self) -> None:
        model = net()
        watch = Watch(model, every=1)
        list(train(model, 2))
        gone = weakref.ref(model)
        del model
        gc.collect()
        assert gone() is None and watch._handle is None
        record = watch.record()
        assert record is not None and record["steps"] == 2 and record["layers"][0]["shape"] == [8, 8]

    def test_explosions_are_counted(self, trial: DaemonTrial, tmp_path: Path) -> None:
        model = net()
        watch = trial.watch(model, every=1)
        list(train(model, 8, lr=1e30))
        watch.remove()
        trial.report(loss=1.0)
        record = watch.record()
        assert record is not None and record["nonfinite"] > 0
        assert lines(tmp_path)[-1]["grad_norm_max"] in ("nan", "inf")

    def test_deep_sigmoid_nets_show_in_the_first_layers(self) -> None:
        ratios = {}
        for activation in (nn.Sigmoid, nn.ReLU):
            torch.manual_seed(0)
            hidden = [layer for _ in range(8) for layer in (nn.Linear(8, 8), activation())]
            model = nn.Sequential(*hidden, nn.Linear(8, 1))
            watch = Watch(model, every=1)
            list(train(model, 3))
            watch.remove()
            record = watch.record()
            assert record is not None
            ratios[activation] = record["layers"][0]["rms"] / record["layers"][-1]["rms"]
        assert ratios[nn.Sigmoid] < 1e-4 < ratios[nn.ReLU]

    def test_embeddings_and_tokens_are_no_layers(self) -> None:
        model = nn.ModuleDict({"words": nn.Embedding(100, 8), "one": nn.Linear(8, 8), "two": nn.Linear(8, 2)})
        model.register_parameter("token", nn.Parameter(torch.zeros(1, 8)))
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        watch = Watch(model, every=1)
        model["two"](model["one"](model["words"](torch.tensor([1, 2])) + model.token)).sum().backward()
        optimizer.step()
        watch.remove()
        record = watch.record()
        assert record is not None and [layer["name"] for layer in record["layers"]] == ["one", "two"]

    def test_fewer_samples_are_kept_than_taken(self) -> None:
        watch = Watch(net(), every=1)
        watch.remove()
        watch._shapes = dict.fromkeys(watch._layers, (8, 8))
        for step in range(5000):
            watch.steps = step
            watch._keep(float(step), [1.0] * 4)
        record = watch.record()
        assert record is not None and record["samples"] == 5000 and len(watch._samples) <= 513
        assert record["norm"]["p50"] == pytest.approx(2500, rel=0.05)
