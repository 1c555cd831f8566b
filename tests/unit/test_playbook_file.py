"""`[finalize]`, `[test]`, `[playbook]`, `folds` and `init_from`: what is taken, and what is refused with the remedy."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from tuned.core.errors import InvalidInput
from tuned.core.playbook.spec import STEPS, FinalTest
from tuned.core.program.pretraining import Source, study_source, with_checkpoint
from tuned.core.study import StudySpec
from tuned.core.study_file.parse import parse_study

BASE = """
[run]
script = "train.py"
args = ["--lr", "{lr}"]
python = "/usr/bin/python3"
[metrics]
patterns = ['loss (?P<loss>\\S+)', 'test (?P<test_loss>\\S+)']
[objective]
metric = "loss"
direction = "minimize"
[space]
lr = { type = "float", low = 0.0, high = 1.0 }
epochs = 20
kind = ["a", "b"]
[search]
trials = 20
"""


class Disk:
    """One script, whose text the test says."""

    def __init__(self, script: str = "import sys; sys.argv; print('loss 1')") -> None:
        self.script = script

    def is_file(self, path: str) -> bool:
        return path in ("/p/train.py", "/usr/bin/python3", "/p/big.pt")

    def is_dir(self, path: str) -> bool:
        return path in ("/", "/p", "/p/data")

    def is_executable(self, path: str) -> bool:
        return path == "/usr/bin/python3"

    def read_text(self, path: str) -> str:
        return self.script


def parse(text: str, script: str = "import sys; sys.argv; print('loss 1')") -> StudySpec:
    data: dict[str, Any] = tomllib.loads(BASE)
    for key, value in tomllib.loads(text).items():
        data[key] = {**data.get(key, {}), **value} if isinstance(value, dict) else value
    more = ["{init_from}"] if "init_from" in data["space"] else []
    data["run"]["args"] = [*data["run"]["args"], "{kind}", "{epochs}", *more]
    return parse_study(data, base="/p", environment={"PATH": "/usr/bin"}, files=Disk(script), stem="s")


def refused(text: str, script: str = "import sys; sys.argv; print('loss 1')") -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse(text, script)
    return caught.value


def test_all_of_it_is_taken_and_survives_as_json():
    spec = parse(
        """
        [finalize]
        args = ["--split=all", ["--kind", "{kind}"]]
        length = "epochs"
        unit = "steps"
        train_fraction = 0.8
        data = ["data"]
        [test]
        metric = "test_loss"
        args = ["--evaluate"]
        [playbook]
        """
    )
    assert spec.finalize is not None and spec.finalize.args == ("--split=all", ("--kind", "{kind}"))
    assert spec.finalize.data == ("/p/data",) and spec.test == FinalTest("test_loss", ("--evaluate",))
    assert spec.playbook is not None and spec.playbook.steps == STEPS
    assert sum(spec.playbook.trials.values()) == 20 and set(spec.playbook.trials) == {"coarse", "bayesian", "refine"}
    assert StudySpec.from_dict(spec.to_dict()) == spec
    assert [o.metric for o in spec.measured_in("test")] == ["loss", "test_loss"]
    assert [o.metric for o in spec.required_in("test")] == ["test_loss"] and spec.required_in("finalize") == ()
    assert [o.metric for o in spec.required_in("confirm")] == ["loss"]


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ('[finalize]\nlength = "epoch"', "finalize.length", "no number of the space"),
        ('[finalize]\nlength = "kind"', "finalize.length", "no number of the space"),
        ('[finalize]\nargs = ["{nothing}"]', "finalize.args", "names no parameter"),
        ("[finalize]\ntrain_fraction = 0", "finalize.train_fraction", "above 0"),
        ('[test]\nargs = ["x"]', "test.metric", "required"),
        ('[playbook]\nsteps = ["confirm", "coarse"]', "playbook.steps", "another order"),
        ('[playbook]\nsteps = ["coarse", "coarse"]', "playbook.steps", "names a step twice"),
        ('[playbook]\nsteps = ["coarse", "stop"]', "playbook.steps.1", "not one of"),
        ('[playbook]\nsteps = ["coarse"]\npause_before = ["refine"]', "playbook.pause_before", "no step of this"),
        ('[playbook]\nsteps = ["coarse"]\ntrials = { refine = 3 }', "playbook.trials.refine", "no step of the"),
        ('[playbook]\nsteps = ["coarse", "finalize"]', "finalize.args", "nothing tells the code"),
        ('[playbook]\nsteps = ["coarse"]\n[[search.phase]]\ntrials = 20', "playbook.steps", "search.phase"),
        ("[run]\nfolds = 5", "run.folds", "each fold would be the same"),
        ('[run]\nargs = ["{lr}", "{fold}"]', "run.args.1", "of no folds"),
        ('[space]\ninit_from = { values = ["none", "file:small.pt"] }', "space.init_from", "there is no /p/small.pt"),
        ('[space]\ninit_from = { values = ["none", "study:x"] }', "space.init_from", "names no trial"),
    ],
)
def test_refusals_name_the_key(text, where, says):
    error = refused(text)
    assert error.where == where and says in str(error), error


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ('[finalize]\nargs = ["--all"]', "import sys; sys.argv; print(1)"),
        ('[run]\nargs = ["{lr}", "--stage={stage}"]', "import sys; sys.argv; print(1)"),
        ("", "import os\nif os.environ['TUNED_STAGE'] == 'finalize': pass"),
        ("", "import tuned\nif tuned.current_trial().stage == 'test': pass"),
    ],
)
def test_what_can_tell_the_code_its_stage(text, script):
    assert parse('[playbook]\nsteps = ["coarse", "finalize"]\n' + text, script).playbook is not None


def test_checkpoints_to_begin_from():
    spec = parse('[space]\ninit_from = { values = ["none", "file:big.pt", "study:other/best"] }')
    assert spec.pretrained == {"file:big.pt": "/p/big.pt"}
    assert study_source("study:other/7") == Source("study:other/7", "other", 7)
    assert with_checkpoint({"init_from": "file:big.pt"}, spec.pretrained) == {"init_from": "/p/big.pt"}
    assert with_checkpoint({"init_from": "none"}, spec.pretrained) == {"init_from": "none"}
    # Which trial is another study's best may change; the study is the same.
    other = StudySpec.from_dict({**spec.to_dict(), "pretrained": {"study:other/best": "other/3"}})
    assert other.content_hash() == spec.content_hash() and not other.differences(spec)


def test_folds_of_a_program():
    spec = parse('[run]\nfolds = 5\nargs = ["{lr}", ["--fold", "{fold}"]]')
    assert spec.run.folds == 5
    assert parse("[run]\nfolds = 3", "import os\nfold = os.environ['TUNED_FOLD']\nprint('loss 1')").run.folds == 3
