"""`show --toml`: what it prints means the study that it came from."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuned.core.study import StudySpec
from tuned.core.study_file.parse import parse_study
from tuned.core.toml.study import study_file
from tuned.core.toml.values import key, value
from tuned.disk import Disk

FULL = r"""
name = "digits"
question = "Which \"optimiser\"?"
priority = 3
[run]
script = "train.py"
args = ["--lr", "{lr:.3g}", ["--dropout", "{dropout}"], "{params}"]
start = "cold"
env = { OMP_NUM_THREADS = "1", "A" = 'c:\d "x"' }
preload = ["torch"]
timeout = "2h"
retries = { lost = 2, error = 1 }
resources = { cpus = 2, gpus = 0 }
[metrics]
patterns = ['epoch\s+(?P<step>\d+).*loss\s+(?P<val_loss>\S+)']
[objective]
metric = "val_loss"
direction = "minimize"
summary = { mean_last = 5 }
train = "tl"
[space]
lr = { type = "float", low = 1e-5, high = 1e-1, log = true, likely = 3e-4 }
width = { type = "int", low = 16, high = 512 }
batch = { type = "choice", values = [8, 32], ordered = true }
"optim.name" = ["adam", "sgd"]
regularizer = { type = "choice", values = ["none", "l1", "dropout"], role = "scientific" }
dropout = { type = "float", low = 0.0, high = 0.6, when = { regularizer = "dropout" } }
amp = { type = "bool" }
epochs = 20
[search]
method = "random"
trials = 50
budget = "8h"
parallel = 2
lag = 0
seed = 4
[[search.point]]
label = "baseline"
lr = 3e-4
"""
COMMAND = """
name = "job"
[run]
command = ["/bin/sh", "-c", "echo '{{x}}' \\u007f é"]
[search]
trials = 1
"""


def parse(text: str, base: Path) -> StudySpec:
    return parse_study(
        tomllib.loads(text), base=str(base), environment={"PATH": str(Path(sys.executable).parent)}, files=Disk()
    )


@pytest.mark.parametrize("text", [FULL, COMMAND])
def test_the_text_means_the_same_study(text: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import tuned\n")
    spec = parse(text, tmp_path)
    again = parse(study_file(spec.to_dict()), tmp_path)
    assert [line for line in spec.differences(again) if not line.startswith("run.script_typed")] == []


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_every_text_survives(text: str) -> None:
    found = tomllib.loads(f"[x]\na = {value(text)}\n[y]\n{key(text)} = 1\n")
    assert found == {"x": {"a": text}, "y": {text: 1}}


@given(st.floats(allow_nan=False) | st.integers(-(2**63), 2**63 - 1) | st.booleans())
def test_every_number_survives_with_its_type(number: float | int | bool) -> None:
    found = tomllib.loads(f"a = {value(number)}")["a"]
    assert found == number
    assert type(found) is type(number)
