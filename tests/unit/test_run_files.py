from __future__ import annotations

import errno
import json
import os
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from tuned.core.errors import InvalidInput, Unavailable
from tuned.core.files import unreadable
from tuned.core.program.arguments import ArgumentContext, render, render_config, render_env, render_text
from tuned.core.study import StudySpec
from tuned.core.study_file.parse import parse_study
from tuned.disk import Disk

STUDY = """
name = "s"
[run]
script = "train.py"
python = "PYTHON"
args = ["--lr", "{lr:.2g}", ["--momentum", "{momentum}"], "{params:flags}"]
RUN
[metrics]
patterns = ['loss (?P<loss>\\S+)']
METRICS
[objective]
metric = "loss"
direction = "minimize"
[space]
lr = { type = "float", low = 0.01, high = 1.0, log = true }
optimizer = ["sgd", "momentum"]
momentum = { type = "float", low = 0.0, high = 0.9, when = { optimizer = "momentum" } }
amp = { type = "bool" }
width = { type = "int", low = 16, high = 512 }
SPACE
[search]
trials = 5
"""

BASE = "lr: 1\noptim:\n  momentum: 0.5\nname: x\nlayers: [{units: 1}, {units: 2}]\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text("import argparse\n")
    (folder / "base.yaml").write_text(BASE)
    (folder / "base.ini").write_text("a=1\n")
    (folder / "broken.json").write_text("{")
    (folder / "data").mkdir()
    return folder


def read(project: Path, run: str = "", metrics: str = "", space: str = "") -> StudySpec:
    text = STUDY.replace("RUN\n", run + "\n").replace("METRICS", metrics).replace("SPACE", space)
    data = tomllib.loads(text.replace("PYTHON", sys.executable))
    return parse_study(data, base=str(project), environment={"PATH": "/usr/bin"}, files=Disk())


def context(**params: object) -> ArgumentContext:
    return ArgumentContext(dict(params), 7, 42, "s", 2, "search", "/r/s/7/2", "/r/s/7/checkpoint", 15001)  # type: ignore[arg-type]


SNAPSHOT = 'code = "snapshot"'
LINEAR = "[[space_constraint]]\nlinear = {{ {} }}\nat_most = 9"
CONFIG = '[[run.config]]\nfrom = "{}"\nto = "{{run_dir}}/config.yaml"\nset = {{ {} }}'


@pytest.mark.parametrize(
    ("run", "metrics", "space", "where", "says"),
    [
        ('data = ["data"]', "", "", "run.data", "for snapshots"),
        (SNAPSHOT + '\ndata = ["dada"]', "", "", "run.data.0", "there is no"),
        (SNAPSHOT + '\ndata = ["/tmp"]', "", "", "run.data.0", "is no part of"),
        ('code = "frozen"', "", "", "run.code", "not one of live, snapshot"),
        (CONFIG.format("bass.yaml", 'lr = "lr"'), "", "", "run.config.0.from", "there is no file"),
        (CONFIG.format("base.ini", 'lr = "lr"'), "", "", "run.config.0.from", "no known format"),
        (CONFIG.format("broken.json", 'lr = "lr"'), "", "", "run.config.0.from", "is no JSON"),
        (CONFIG.format("base.yaml", 'lr = "rate"'), "", "", "run.config.0.set.lr", "names no parameter"),
        (CONFIG.format("base.yaml", '"optim.momentun" = "lr"'), "", "", "run.config.0.set.optim.momentun", "has no"),
        (CONFIG.format("base.yaml", '"layers.2.units" = "lr"'), "", "", "run.config.0.set.layers.2.units", "has no"),
        (CONFIG.format("base.yaml", 'lr = "{rate}"'), "", "", "run.config.0.set.lr", "names no parameter"),
        (CONFIG.format("base.yaml", 'lr = "lr"').replace("{run_dir}/", ""), "", "", "run.config.0.to", "same file for"),
        (CONFIG.format("base.yaml", 'lr = "lr"').replace("to =", "too ="), "", "", "run.config.0.too", "mean to?"),
        ('[run.resume]\nwhen = "last.pt"\nargs = ["-r"]', "", "", "run.resume.when", "same file for every"),
        ('[run.resume]\nwhen = "{run_dir}/x"\nargs = ["-r"]', "", "", "run.resume.when", "new with every attempt"),
        ('[run.resume]\nwhen = "{checkpoint_dir}/x"', "", "", "run.resume.args", "is required"),
        ("", 'jsonl = "log.jsonl"', "", "metrics.jsonl", "same file for every"),
        ("", 'csv = ["{run_dir}/a.csv", "b.csv"]', "", "metrics.csv.1", "same file for every"),
        ("", 'tensorboard = "{run_dri}/x"', "", "metrics.tensorboard", "did you mean run_dir?"),
        ("", 'tensorboard = "{run_dir}/{rate}"', "", "metrics.tensorboard", "names no parameter"),
        ("", 'jsonl = "{run_dir}/{momentum}"', "", "metrics.jsonl", "inactive in some trials"),
        ("", 'jsonl = "{run_dir}/{params}"', "", "metrics.jsonl", "several arguments"),
        ("", 'rename = { a = "loss", b = "loss" }', "", "metrics.rename.b", "would both be"),
        ("", 'rename = { loss = "val_loss" }', "", "objective.metric", "nothing reports"),
        ("", "", "[[space_constraint]]\nlinear = { width = 1 }", "space_constraint.0", "has no bound"),
        ("", "", LINEAR.format("widht = 1"), "space_constraint.0.linear.widht", "no such"),
        ("", "", LINEAR.format("amp = 1"), "space_constraint.0.linear.amp", "no number"),
        ("", "", LINEAR.format("width = 0"), "space_constraint.0.linear.width", "weight of 0"),
        ("", "", LINEAR.format("width = 1"), "space_constraint.0", "no point meets"),
    ],
)  # fmt: skip
def test_each_refusal_says_what_where_and_the_remedy(
    project: Path, run: str, metrics: str, space: str, where: str, says: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(project, run, metrics, space)
    assert caught.value.where == where
    assert says in str(caught.value) and "\n" not in str(caught.value) and caught.value.hint


def test_everything_is_kept_through_json(project: Path) -> None:
    spec = read(
        project,
        run=SNAPSHOT
        + '\ndata = ["data"]\n'
        + CONFIG.format("base.yaml", '"optim.momentum" = "momentum", name = "{study}-{number}-{lr:.2g}"')
        + '\n[run.resume]\nwhen = "last.pt"\nargs = ["--resume", "last.pt"]',
        metrics='jsonl = "log.jsonl"\nrename = { "eval/loss" = "loss2" }',
        space="[[space_constraint]]\nlinear = { width = 1, lr = 100 }\nat_most = 300",
    )
    assert StudySpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert spec.run.tree == str(project) and spec.run.data == ("data",)
    config = spec.run.config[0]
    values = render_config(spec, config, context(lr=0.123, optimizer="sgd", amp=True, width=16))
    assert values == {"name": "s-7-0.12"}
    values = render_config(spec, config, context(lr=0.123, optimizer="momentum", momentum=0.25, amp=True, width=16))
    assert values["optim.momentum"] == 0.25


def test_placeholders_in_arguments_env_and_paths(project: Path) -> None:
    spec = read(project, run='env = { WANDB_NAME = "{study}-{number}", ADDRESS = "localhost:{port}", A = "{{x}}" }')
    given = context(lr=0.123, optimizer="momentum", momentum=0.5, amp=True, width=16)
    assert render(spec, given) == ["--lr", "0.12", "--momentum", "0.5", "--optimizer=momentum", "--amp", "--width=16"]
    inactive = context(lr=0.123, optimizer="sgd", amp=False, width=16)
    assert render(spec, inactive) == ["--lr", "0.12", "--optimizer=sgd", "--width=16"]
    assert render_env(spec, given) == {"WANDB_NAME": "s-7", "ADDRESS": "localhost:15001", "A": "{x}"}
    path = "{checkpoint_dir}/{seed}-{attempt}-{stage}-{lr:.1e}"
    assert render_text(spec, path, given) == "/r/s/7/checkpoint/42-2-search-1.2e-01"


def test_a_checkpoint_is_handed_on_where_it_is_named(project: Path) -> None:
    when = '[run.resume]\nwhen = "{checkpoint_dir}/checkpoint-*"\n'
    given = context(lr=0.1, optimizer="sgd", amp=False, width=16)
    found = replace(given, resume="/c/checkpoint-7")
    spec = read(project, run=when + 'args = ["--from={resume}"]')
    assert render(spec, found) == [*render(spec, given), "--from=/c/checkpoint-7"]
    itself = read(project, run=when + "args = []")
    assert itself.run.resume is not None and render(itself, found) == render(itself, given)


def test_what_is_added_to_go_on(project: Path) -> None:
    spec = read(project, run='[run.resume]\nwhen = "{checkpoint_dir}/x"\nargs = ["--resume", "{checkpoint_dir}/x"]')
    given = context(lr=0.1, optimizer="sgd", amp=False, width=16)
    assert "--resume" not in render(spec, given)
    assert render(spec, replace(given, resume="/r/s/7/checkpoint/x"))[-2:] == ["--resume", "/r/s/7/checkpoint/x"]


def test_a_parent_reaches_the_trial_through_the_group_that_it_drops(project: Path) -> None:
    text = STUDY.replace("RUN\n", "\n").replace("METRICS", "").replace("SPACE", "")
    data = tomllib.loads(text.replace("PYTHON", sys.executable))
    data["run"]["args"] = ["{lr}", ["{momentum}"], "{amp}", "{width}"]
    parse_study(data, base=str(project), environment={}, files=Disk())
    data["run"]["args"] = ["{lr}", "{optimizer}", "{amp}", "{width}"]
    with pytest.raises(InvalidInput, match=r"space\.momentum: reaches nothing"):
        parse_study(data, base=str(project), environment={}, files=Disk())


def test_a_file_that_no_descriptor_was_left_for_is_not_blamed() -> None:
    """A machine without descriptors answers 503 with a remedy; a mode that forbids it is the user's to mend."""
    scarce = unreadable("train.py", "run.script", OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
    assert isinstance(scarce, Unavailable) and "end other programs" in str(scarce)
    forbidden = unreadable("train.py", "run.script", OSError(errno.EACCES, os.strerror(errno.EACCES)))
    assert isinstance(forbidden, InvalidInput) and "see its mode" in str(forbidden)
