"""What a trial leaves in `predictions/`, read back with numpy; and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tuned
from tuned import protocol
from tuned.analyses.examples.predictions import read_hashes, read_predictions
from tuned.sdk import predictions
from tuned.sdk.local_trial import LocalTrial

PACKAGE = Path(tuned.__file__).parents[1]
ROWS = [[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]]


@pytest.mark.parametrize(
    "said",
    [
        ROWS,
        np.array(ROWS),
        np.array(ROWS, dtype=np.float16),
        torch.tensor(ROWS, requires_grad=True),
        torch.tensor(ROWS, dtype=torch.bfloat16),
        [torch.tensor(ROWS[:2]), torch.tensor(ROWS[2:])],
        [np.array(row) for row in ROWS],
    ],
    ids=["lists", "float64", "float16", "tensor", "bfloat16", "batches", "rows"],
)
def test_probabilities_of_every_kind(said: Any, tmp_path: Path) -> None:
    predictions.save(str(tmp_path), "validation", said, torch.tensor([1, 0, 0]), ["a", "bé", ""], 7)
    with np.load(tmp_path / "validation.npz", allow_pickle=False) as file:
        assert file["probabilities"].tolist() == ROWS
        assert file["targets"].tolist() == [1, 0, 0] and file["targets"].dtype == np.int64
        assert file["ids"].tolist() == ["a", "bé", ""]
        assert int(file["step"]) == 7
    assert [p.name for p in tmp_path.iterdir()] == ["validation.npz"]


def test_one_number_each_and_no_targets(tmp_path: Path) -> None:
    predictions.save(str(tmp_path / "new"), "test", torch.tensor([[0.5], [2.0]]), None, None, None)
    with np.load(tmp_path / "new" / "test.npz") as file:
        assert file.files == ["probabilities"] and file["probabilities"].tolist() == [0.5, 2.0]


@pytest.mark.parametrize(
    ("split", "said", "targets", "hint"),
    [
        ("../x", ROWS, None, "cannot name a split"),
        ("v", ROWS, [1, 2], "one for each of 3 examples"),
        ("v", ROWS, np.eye(3), r"argmax\(1\)"),
        ("v", np.zeros((2, 2, 2)), None, r"\(examples, classes\)"),
        ("v", [], None, r"\(examples, classes\)"),
        ("v", 3.0, None, "probabilities"),
        ("v", [[1.0], [1.0, 2.0]], None, "rows differ"),
        ("v", [[None]], None, "neither a number"),
    ],
)
def test_mistakes_are_told(split: str, said: Any, targets: Any, hint: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=hint):
        predictions.save(str(tmp_path), split, said, targets, None, None)
    assert not list(tmp_path.iterdir())


def test_trouble_with_the_folder_is_said_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    predictions.save(str(tmp_path / "file"), "v", ROWS, None, None, None)
    assert "cannot write" in capsys.readouterr().err


def hashes(folder: Path, inputs: Any) -> list[int]:
    predictions.save_hashes(str(folder), "train", inputs, None, None)
    with np.load(folder / "data-train.npz") as file:
        return list(file["hashes"].tolist())


def test_equal_examples_have_equal_hashes_however_they_come(tmp_path: Path) -> None:
    images = torch.arange(24.0).reshape(3, 2, 4)
    images[2] = images[0]
    want = hashes(tmp_path, images)
    assert want[0] == want[2] != want[1]
    assert hashes(tmp_path, images.numpy()) == want
    assert hashes(tmp_path, [(image, 3) for image in images]) == want, "a dataset gives pairs"
    texts = hashes(tmp_path, ["one", "two", "one"])
    assert texts[0] == texts[2] != texts[1] and texts == hashes(tmp_path, [b"one", b"two", b"one"])


def test_without_numpy_and_torch(tmp_path: Path) -> None:
    code = """
import sys, tuned
trial = tuned.current_trial()
assert trial.number == 1
trial.save_predictions("validation", [[0.5, 0.5]], [1], ["only"])
trial.data_hashes("validation", ["text"])
assert not {"numpy", "torch"} & set(sys.modules)
"""
    spec = {
        "attempt_id": "a", "study": "s", "number": 1, "attempt": 1, "seed": 0, "stage": "search", "params": {},
        "device": "cpu:0", "checkpoint_dir": "c", "resumed": False,
    }  # fmt: skip
    inside = protocol.trial_environment(spec, str(tmp_path))
    env = {**os.environ, **inside, "PYTHONPATH": str(PACKAGE)}
    subprocess.run([sys.executable, "-S", "-c", code], env=env, cwd=tmp_path, check=True)
    with np.load(tmp_path / "predictions" / "validation.npz") as file:
        assert file["probabilities"].tolist() == [[0.5, 0.5]] and file["ids"].tolist() == ["only"]


def test_the_reader_finds_what_the_sdk_wrote_and_what_a_script_left(tmp_path: Path) -> None:
    folder = tmp_path / "predictions"
    predictions.save(str(folder), "test", ROWS, [1, 0, 0], ["c", "a", "b"], 3)
    predictions.save_hashes(str(folder), "train", np.eye(2), [0, 1], None)
    (folder / "broken.npz").write_bytes(b"PK no")
    np.savez(tmp_path / "p.npz", probabilities=np.eye(3), targets=np.array([0.0, 1, 2]), fold_probabilities=np.eye(2))
    protocol.write_record(str(tmp_path), "spec.json", {"predictions": str(tmp_path / "p.npz")})
    found, trouble = read_predictions(tmp_path)
    assert sorted(found) == ["fold", "test", "validation"]
    assert len(trouble) == 1 and "broken.npz" in trouble[0]
    assert found["validation"].targets is not None and found["validation"].targets.dtype.kind == "i"
    test = found["test"]
    assert (test.step, test.classes) == (3, True)
    ordered = test.ordered(np.array(["a", "b", "c"]))
    assert ordered is not None and ordered.probabilities.tolist() == [ROWS[1], ROWS[2], ROWS[0]]
    assert ordered.targets is not None and ordered.targets.tolist() == [0, 0, 1]
    assert test.ordered(np.array(["a", "b", "d"])) is None
    hashes, trouble = read_hashes(tmp_path)
    assert list(hashes) == ["train"] and hashes["train"].targets is not None and not trouble


def test_a_script_that_runs_alone_checks_and_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    LocalTrial().save_predictions("validation", ROWS, [0, 1, 1])
    with pytest.raises(ValueError, match="one for each"):
        LocalTrial().save_predictions("validation", ROWS, [0])
    assert not list(tmp_path.iterdir())
