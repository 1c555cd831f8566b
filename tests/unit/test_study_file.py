from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from tuned.core.errors import InvalidInput
from tuned.core.study import Constraint, EarlyStopping, StudySpec
from tuned.core.study_file.parse import parse_study

BASE = "/home/u/proj"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/home/u"}


class Tree:
    """A file system in memory; values are texts, `*` before a path makes it executable."""

    def __init__(self, **texts: str) -> None:
        self.texts = {"/usr/bin/python3": "", "/usr/bin/true": "", f"{BASE}/train.py": "import argparse\n"}
        self.programs = {"/usr/bin/python3", "/usr/bin/true"}
        self.folders = {BASE, "/home/u", "/"}

    def add(self, path: str, text: str = "", executable: bool = False) -> Tree:
        self.texts[path] = text
        if executable:
            self.programs.add(path)
        while path != "/":
            path = path.rsplit("/", 1)[0] or "/"
            self.folders.add(path)
        return self

    def is_file(self, path: str) -> bool:
        return path in self.texts

    def is_dir(self, path: str) -> bool:
        return path in self.folders

    def is_executable(self, path: str) -> bool:
        return path in self.programs

    def read_text(self, path: str) -> str:
        if path not in self.texts:
            raise FileNotFoundError(path)
        return self.texts[path]


MINIMAL = """
[run]
script = "train.py"
args = ["--lr", "{lr}"]
[metrics]
patterns = ['loss (?P<val_loss>\\S+)']
[objective]
metric = "val_loss"
direction = "minimize"
[space]
lr = { type = "float", low = 1e-5, high = 1e-1, log = true }
[search]
trials = 50
"""


def read(text: str, tree: Tree | None = None, **options: Any) -> StudySpec:
    given: dict[str, Any] = {"base": BASE, "environment": ENVIRONMENT, "files": tree or Tree(), "stem": "digits"}
    return parse_study(tomllib.loads(text), **{**given, **options})


def refusal(text: str, tree: Tree | None = None, **options: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read(text, tree, **options)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value


def with_line(table: str, line: str) -> str:
    """`MINIMAL` with a line more at the head of a table, which is added when it is not there."""
    if f"[{table}]\n" in MINIMAL:
        return MINIMAL.replace(f"[{table}]\n", f"[{table}]\n{line}\n")
    return f"{MINIMAL}\n[{table}]\n{line}\n"


def test_the_smallest_study():
    spec = read(MINIMAL)
    assert spec.name == "digits"
    assert spec.run.script == f"{BASE}/train.py" and spec.run.script_typed == "train.py" and spec.run.kind == "script"
    assert spec.run.python == "/usr/bin/python3" and "PATH" in spec.run.python_why
    assert spec.run.cwd == BASE and spec.run.retries == {"lost": 1} and spec.run.grace == 30.0
    assert spec.objective is not None and spec.objective.train == "train_loss"
    assert spec.search.trials == 50 and spec.search.method == "auto" and spec.search.parallel is None
    assert StudySpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_every_key_that_is_offered():
    text = r"""
    name = "all"
    question = "Which optimiser suits this net?"
    priority = 3
    [run]
    script = "train.py"
    args = ["--lr", "{lr:.3g}", ["--dropout", "{dropout}"], "{params:flags}", 7]
    python = "env"
    cwd = "work"
    code = "live"
    env = { OMP_NUM_THREADS = 1, LR = "{lr}" }
    preload = ["torch"]
    timeout = "1h30m"
    grace = 5
    retries = { error = 2 }
    resources = { cpus = 2, gpus = 1 }
    start = "cold"
    [metrics]
    patterns = ['(?P<step>\d+) (?P<valid_acc>\S+)']
    stdout = 'size (?P<size>\S+)'
    [[objective]]
    metric = "valid_acc"
    direction = "maximize"
    summary = { mean_last = 5 }
    [[objective]]
    metric = "size"
    direction = "minimize"
    summary = "last"
    [space]
    lr = { type = "float", low = 1e-5, high = 1e-1, log = true }
    reg = ["none", "dropout"]
    dropout = { type = "float", low = 0.0, high = 0.6, when = { reg = "dropout" } }
    [search]
    method = "bayesian"
    trials = 10
    budget = "8h"
    parallel = 2
    seed = 7
    [[search.point]]
    label = "baseline"
    lr = 3e-4
    """
    tree = Tree().add(f"{BASE}/env/bin/python", executable=True).add(f"{BASE}/work/x")
    spec = read(text, tree, file=f"{BASE}/all.toml")
    assert spec.run.args == ("--lr", "{lr:.3g}", ("--dropout", "{dropout}"), "{params:flags}", "7")
    assert spec.run.python == f"{BASE}/env/bin/python" and spec.run.cwd == f"{BASE}/work"
    assert spec.run.env == {"OMP_NUM_THREADS": "1", "LR": "{lr}"}
    assert spec.run.timeout == 5400.0 and spec.run.grace == 5.0 and spec.run.retries == {"lost": 1, "error": 2}
    assert (spec.run.cpus, spec.run.gpus, spec.run.start, spec.run.preload) == (2.0, 1.0, "cold", ("torch",))
    first, second = spec.objectives
    assert (first.summary, first.last_n, first.train) == ("mean_last", 5, "train_acc")
    assert (second.summary, second.train) == ("last", None)
    assert [p.stream for p in spec.patterns] == ["both", "stdout"]
    assert spec.search.budget == 28800.0 and spec.search.points == (("baseline", {"lr": 3e-4}),)
    assert StudySpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize(
    ("written", "bytes_of_it"), [('"auto"', None), ('"10GiB"', 10 * 2**30), ('"8GB"', 8 * 10**9), ("1024", 1024)]
)
def test_memory_of_a_card(written: str, bytes_of_it: int | None):
    spec = read(with_line("run", f"resources = {{ gpu_memory = {written} }}"))
    assert spec.run.gpu_memory == bytes_of_it
    assert StudySpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize(
    ("table", "line", "where", "says"),
    [
        ("run", "scrpt = 1", "run.scrpt", "did you mean script?"),
        ("run", 'command = ["true"]', "run", "exactly one"),
        ("run", 'cwd = "nowhere"', "run.cwd", "no folder"),
        ("run", 'python = "nope/python"', "run.python", "does not exist"),
        ("run", 'python = "python9"', "run.python", "not on PATH"),
        ("run", 'timeout = "soon"', "run.timeout", "length of time"),
        ("run", "timeout = 0", "run.timeout", "no time"),
        ("run", "grace = -1", "run.grace", "length of time"),
        ("run", "retries = { explosion = 1 }", "run.retries.explosion", "known: nan, oom"),
        ("run", "retries = { error = -1 }", "run.retries.error", "at least 0"),
        ("run", 'env = { "A=B" = "x" }', "run.env.A=B", "environment variable"),
        ("run", 'env = { TUNED_X = "x" }', "run.env.TUNED_X", "taken"),
        ("run", "env = { A = true }", "run.env.A", "quotes"),
        ("run", 'start = "hot"', "run.start", "warm, cold"),
        ("run", "resources = { gpus = -1 }", "run.resources.gpus", "number of GPUs"),
        ("run", "resources = { cpu = 1 }", "run.resources.cpu", "did you mean cpus?"),
        ("metrics", 'stdout = "("', "metrics.stdout.0", "regular expression"),
        ("metrics", 'stdout = "loss (.*)"', "metrics.stdout.0", "names no metric"),
        ("metrics", "stdout = 3", "metrics.stdout", "list"),
        ("objective", 'summry = "best"', "objective.summry", "did you mean summary?"),
        ("objective", 'summary = "median"', "objective.summary", "mean_last"),
        ("search", 'budget = "soon"', "search.budget", "length of time"),
        ("search", "parallel = 0", "search.parallel", "at least 1"),
        ("search", "seed = -1", "search.seed", "at least 0"),
        ("search", 'method = "bayes"', "search.method", "did you mean bayesian?"),
        ("search", 'point = [{ lr = 5 }]', "search.point.0.lr", "outside"),
        ("search", 'point = [{ rl = 5 }]', "search.point.0.rl", "no such parameter"),
        ("search", 'point = [{ lr = nan }]', "search.point.0.lr", "finite"),
        ("search", 'point = [{ label = 3 }]', "search.point.0.label", "label"),
    ],
)  # fmt: skip
def test_refusals_name_the_key_and_the_remedy(table: str, line: str, where: str, says: str):
    error = refusal(with_line(table, line))
    assert error.where == where
    assert says in str(error)


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ("trials = 50", "", "search", "trials or budget"),
        ("trials = 50", "trials = 0", "search.trials", "at least 1"),
        ("trials = 50", "trials = '50'", "search.trials", "whole number"),
        ("trials = 50", "trials = true", "search.trials", "whole number"),
        ('script = "train.py"', 'script = "gone.py"', "run.script", "no file"),
        ('script = "train.py"', "", "run", "exactly one"),
        ('script = "train.py"', 'function = "train.py"', "run.function", "train.py:train"),
        ('direction = "minimize"', "", "objective.direction", "required"),
        ('direction = "minimize"', 'direction = "min"', "objective.direction", "did you mean minimize?"),
        ('metric = "val_loss"', 'metric = ""', "objective.metric", "cannot name"),
        ('metric = "val_loss"', 'metric = "step"', "objective.metric", "taken"),
        ('"--lr", "{lr}"', '"--lr", "{lrr}"', "run.args.1", "did you mean lr"),
        ('"--lr", "{lr}"', '"--lr", "{"', "run.args.1", "lone {"),
        ('"--lr", "{lr}"', '"--lr={lr:.2x}"', "run.args.0", "format"),
        ('"--lr", "{lr}"', '"--lr={lr:.0f}"', "run.args.0", "finer"),
        ('"--lr", "{lr}"', '"all {params}"', "run.args.0", "item of its own"),
        ('"--lr", "{lr}"', '"{params:yaml}"', "run.args.0", "hydra"),
        ('"--lr", "{lr}"', '"{number:03d}", "{lr}"', "run.args.0", "no format"),
        ('["--lr", "{lr}"]', '"--lr {lr}"', "run.args", "one item an argument"),
        ('["--lr", "{lr}"]', '[["a", ["b"]]]', "run.args", "not text"),
    ],
)
def test_refusals_of_changed_lines(old: str, new: str, where: str, says: str):
    assert old in MINIMAL
    error = refusal(MINIMAL.replace(old, new))
    assert error.where == where
    assert says in str(error)


@pytest.mark.parametrize("name", ["../evil", "a/b", "A", "", ".hidden", "a..b", "-x", "x" * 65, "a b", "ü"])
def test_names_that_leave_the_runs_folder_are_refused(name: str):
    assert refusal(MINIMAL, name=name or "/").where == "name"


def test_the_file_name_is_the_default_name_and_an_option_overrides_all():
    assert read('name = "inner"\n' + MINIMAL).name == "inner"
    assert read('name = "inner"\n' + MINIMAL, name="outer").name == "outer"
    assert "my-study" in str(refusal(MINIMAL, stem="My Study").hint)


def test_a_parameter_that_reaches_nothing():
    text = with_line("space", 'width = { type = "int", low = 1, high = 9 }')
    assert str(refusal(text)).startswith("space.width: reaches nothing")
    read(text, Tree().add(f"{BASE}/train.py", "import tuned"))
    read(text, Tree().add(f"{BASE}/train.py", 'os.environ["TUNED_PARAM_WIDTH"]'))
    read(text.replace('"{lr}"', '"{lr}", "{params}"'))
    read(with_line("space", "width = 3"))


def test_a_study_without_placeholders_needs_code_that_asks():
    text = MINIMAL.replace('args = ["--lr", "{lr}"]', "")
    assert "reaches nothing" in str(refusal(text))
    read(text, Tree().add(f"{BASE}/train.py", "import helper").add(f"{BASE}/helper.py", "import tuned"))
    assert "reaches nothing" in str(
        refusal(text, Tree().add(f"{BASE}/train.py", "import helper").add(f"{BASE}/helper.py", "import os"))
    )
    read(text, Tree().add(f"{BASE}/train.py", "import somebodys_library"))


def test_conditional_parameters_belong_into_groups():
    space = 'reg = ["a", "b"]\nx = { type = "bool", when = { reg = "a" } }'
    text = with_line("space", space)
    for args in ('"{reg}", "--x={x}"', '"{reg}", "{lr}", "--x", "{x}"'):
        error = refusal(text.replace('"--lr", "{lr}"', args))
        assert "inactive" in error.what and "group" in str(error.hint)
    read(text.replace('"--lr", "{lr}"', '"{reg}", "{lr}", ["--x", "{x}"]'))
    error = refusal(text.replace('args = ["--lr", "{lr}"]', 'args = ["{params}"]\nenv = { X = "{x}" }'))
    assert error.where == "run.env.X"


def test_an_objective_that_nothing_can_report():
    text = MINIMAL.replace("patterns = ['loss (?P<val_loss>\\S+)']", "")
    error = refusal(text)
    assert error.where == "objective.metric" and "val_loss" in error.what
    read(text, Tree().add(f"{BASE}/train.py", "from tuned import current_trial"))
    read(text, Tree().add(f"{BASE}/train.py", "import subprocess"))
    assert "give acc" in str(refusal(MINIMAL.replace("<val_loss>", "<acc>")))


def test_an_objective_is_needed_where_something_is_tuned():
    text = MINIMAL.replace("[objective]", "[unused]")
    assert refusal(text).where == "unused"
    head, _, tail = MINIMAL.partition("[objective]")
    assert refusal(head + "[space]" + tail.partition("[space]")[2]).where == "objective"
    plain = read('[run]\ncommand = ["true"]\n[search]\ntrials = 1\n')
    assert plain.objectives == () and plain.space.parameters == ()


def test_functions_take_their_parameters_from_the_trial():
    text = MINIMAL.replace('script = "train.py"\nargs = ["--lr", "{lr}"]', 'function = "train.py:main"')
    spec = read(text)
    assert (spec.run.kind, spec.run.script, spec.run.function) == ("function", f"{BASE}/train.py", "main")
    assert refusal(text.replace('main"', 'main"\nargs = ["x"]')).where == "run.args"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ('["nope", "{lr}"]', "not on PATH"),
        ('["train.py", "{lr}"]', "write ./train.py"),
        ('["./train.py", "{lr}"]', "chmod +x"),
        ('["./gone.sh", "{lr}"]', "no file"),
        ("[]", "no program"),
        ('[["./run.sh"], "{lr}"]', "no program"),
    ],
)
def test_programs_that_cannot_start(command: str, says: str):
    text = MINIMAL.replace('script = "train.py"\nargs = ["--lr", "{lr}"]', f"command = {command}")
    assert says in str(refusal(text))


def test_commands():
    text = MINIMAL.replace('script = "train.py"\nargs = ["--lr", "{lr}"]', 'command = ["./run.sh", "{lr}"]')
    spec = read(text, Tree().add(f"{BASE}/run.sh", "#!/bin/sh\n", executable=True))
    assert spec.run.command == ("./run.sh", "{lr}") and spec.run.script is None
    silent = text.replace("patterns = ['loss (?P<val_loss>\\S+)']", "")
    read(silent, Tree().add(f"{BASE}/run.sh", "#!/bin/sh\n", executable=True))
    python = silent.replace('"./run.sh"', '"python3", "train.py"')
    assert refusal(python).where == "objective.metric"


def test_files_that_are_no_study_at_all():
    for data in ({}, {"run": 3}, {"run": {"script": "train.py"}}, {"space": 4}, {"run": {}, "search": []}):
        with pytest.raises(InvalidInput):
            parse_study(data, base=BASE, environment={}, files=Tree(), stem="x")


def test_early_stopping_is_read_and_its_steps_must_rise():
    spec = read(with_line("early_stopping", "max_step = 20\npatience = 5"))
    assert spec.early_stopping == EarlyStopping("asha", 1.0, 20.0, 3, 5.0, 0.0, 0.05)
    error = refusal(with_line("early_stopping", "min_step = 9\nmax_step = 9"))
    assert error.where == "early_stopping.max_step"


def test_a_grid_says_its_size_and_refuses_to_explode():
    spec = read(with_line("search", 'method = "grid"'))
    assert (spec.search.method, spec.search.levels, spec.search.trials) == ("grid", 5, 5)
    error = refusal(with_line("search", 'method = "grid"\nlevels = 60'))
    assert error.where == "search.trials" and "60 points" in error.what
    # What is given comes before the grid, and takes none of its points; a smaller number is the user's word.
    given = 'method = "grid"\nfrom = ["earlier"]\npoint = [{ lr = 0.002 }, { lr = 0.003 }]'
    assert read(with_line("search", given)).search.trials == 5 + 3
    assert read(with_line("search", given).replace("trials = 50", "trials = 6")).search.trials == 6
    phased = 'from = ["earlier"]\npoint = [{ lr = 0.002 }]\n[[search.phase]]\nmethod = "grid"\n[[search.phase]]'
    assert [p.trials for p in read(with_line("search", phased)).search.phases] == [7, 50]
    many = MINIMAL.replace(
        "[search]", "".join(f'x{i} = {{ type = "float", low = 0.0, high = 1.0 }}\n' for i in range(9)) + "[search]"
    )
    error = refusal(many.replace('["--lr", "{lr}"]', '["{params}"]').replace("trials = 50", 'method = "grid"'))
    assert error.where == "search.levels" and "9,765,625" in error.what
    assert refusal(with_line("search", "levels = 3")).where == "search.levels"


def test_phases_follow_each_other_and_only_the_last_is_open():
    text = (
        MINIMAL.replace("trials = 50", "")
        + '\n[[search.phase]]\nmethod = "grid"\nlevels = 4\n[[search.phase]]\ntrials = 6\n'
    )
    spec = read(text)
    assert [(p.method, p.trials) for p in spec.search.phases] == [("grid", 4), ("auto", 6)]
    assert spec.search.trials == 10
    assert refusal(text.replace("[search]", '[search]\nmethod = "sobol"')).where == "search.method"
    assert refusal(text + "[[search.phase]]\n[[search.phase]]\n").where == "search.phase.2.trials"


def test_constraints_bound_a_metric():
    patterns = MINIMAL.replace("patterns = [", "patterns = ['ms (?P<ms>\\S+)', ")
    spec = read(patterns + '\n[[constraint]]\nmetric = "ms"\nat_most = 20\n')
    assert spec.constraints == (Constraint("ms", 20.0),)
    assert [o.metric for o in spec.measured] == ["val_loss", "ms"] and len(spec.objectives) == 1
    assert spec.feasible({"ms": 20.0}) and not spec.feasible({"ms": 20.5}) and spec.feasible({})
    assert refusal(patterns + '\n[[constraint]]\nmetric = "ms"\n').where == "constraint.0"
    assert refusal(MINIMAL + '\n[[constraint]]\nmetric = "ms"\nat_most = 20\n').where == "constraint.metric"
