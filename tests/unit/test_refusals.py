"""Each refusal of a study file, as the one line that a person reads: where, what, and the remedy."""

from __future__ import annotations

import pytest

from tests.unit.test_study_file import BASE, MINIMAL, Tree, read, refusal

LR = 'lr = { type = "float", low = 1e-5, high = 1e-1, log = true }'
ARGS = 'args = ["--lr", "{lr}"]'
SCRIPT = 'script = "train.py"'
PATTERN = "patterns = ['loss (?P<val_loss>\\S+)']"

# ruff: noqa: ISC004
TABLE = [
    # an unknown key
    ("trials = 50", "trails = 50", "search.trails: is not a known key (did you mean trials?)"),
    ("[search]", "[serach]", "serach: is not a known key (did you mean search?)"),
    ("trials = 50", "trials = 50\ngpus = 1", "search.gpus: is not a known key (it is a key of [run.resources])"),
    (LR, LR.replace("log =", "logs ="), "space.lr.logs: is no key of a float (did you mean log?)"),
    # a bad bound
    (LR, LR.replace("1e-5", "1.0"), "space.lr.low: low (1) is not below high (0.1) (swap them)"),
    (LR, LR.replace("1e-5", "0"), "space.lr.low: a log scale needs low > 0, not 0 (raise low, or drop log)"),
    (LR, LR.replace("1e-5", '"x"'), "space.lr.low: 'x' is not a number (write it without quotes)"),
    (LR, LR.replace("low = 1e-5, ", ""), "space.lr.low: a float needs low (add low = ...)"),
    (LR, LR.replace("float", "int"), "space.lr.low: 1e-05 is not a whole number (use type = \"float\", or round it)"),
    # an empty or repeated choice
    (LR, "lr = []", "space.lr.values: a choice of nothing (list at least two values)"),
    (LR, "lr = [1, 2, 1]", "space.lr.values: 1 is there twice (drop one)"),
    (LR, 'lr = ["a", 1]', "space.lr.values: mixes types (make all values text, all numbers, or all true/false)"),
    # what is missing
    (SCRIPT, 'script = "gone.py"',
     f"run.script: there is no file {BASE}/gone.py (paths start from the study file's folder)"),
    (SCRIPT, "", "run: says not what to run (name exactly one of script, module, function, command)"),
    (SCRIPT, f'{SCRIPT}\ncommand = ["true"]',
     "run: has script and command (name exactly one of script, module, function, command)"),
    (SCRIPT, f'{SCRIPT}\npython = "env/bin/python"',
     f"run.python: {BASE}/env/bin/python does not exist (paths start from the study file's folder)"),
    (SCRIPT, f'{SCRIPT}\ncwd = "no"', f"run.cwd: there is no folder {BASE}/no (make it, or correct the path)"),
    ("trials = 50", "", 'search: trials or budget is required (add trials = 50 or budget = "8h")'),
    ("[objective]\nmetric = \"val_loss\"\ndirection = \"minimize\"\n", "",
     'objective: is required when there is something to tune (metric = "val_loss", direction = ...)'),
    # `when` on an unknown parent, or one that never is so
    (LR, f'{LR}\nd = {{ type = "int", low = 0, high = 1, when = {{ opt = "sgd" }} }}',
     "space.d.when.opt: there is no such parameter (known: lr)"),
    (LR, f'{LR}\no = ["a", "b"]\nd = {{ type = "int", low = 0, high = 1, when = {{ o = "c" }} }}',
     "space.d.when.o: o is never 'c' (known: a, b)"),
    # a space that leaves nothing to choose
    (LR, "lr = 0.1",
     "search.trials: is 50, but [space] leaves nothing to choose: all of them would be the same trial "
     "(give a parameter a range, or write trials = 1 (tunectl confirm STUDY --seeds 3 repeats it))"),
    # an objective that nothing can report
    ('metric = "val_loss"', 'metric = "val_acc"',
     'objective.metric: nothing reports "val_acc"; the patterns give val_loss '
     "(report it with tuned.current_trial().report(...), or add a pattern under [metrics])"),
    (PATTERN, "",
     'objective.metric: nothing reports "val_loss": the code never names tuned, and there are no patterns '
     "(report it with tuned.current_trial().report(...), or add a pattern under [metrics])"),
    (PATTERN, "patterns = ['loss']",
     "metrics.patterns.0: 'loss' names no metric (add a named group, such as (?P<val_loss>\\S+))"),
    # what reaches nothing, or is not there in some trials
    (LR, f"{LR}\nwidth = [1, 2]",
     "space.width: reaches nothing (use {width} or {params} in the arguments, or drop it from the space)"),
    (ARGS, "",
     'space.lr: reaches nothing (add args = ["{params}"] under [run], or read it with tuned.current_trial())'),
    (ARGS, 'args = ["--lr", "{lrr}"]',
     "run.args.1: {lrr} names no parameter (did you mean lr?, or write {{ for a brace)"),
    (ARGS, 'args = ["--lr={lr"]', "run.args.0: a lone { in '--lr={lr' (write {{ for a brace, {name} for a value)"),
    (ARGS, 'args = ["x{params}"]', "run.args.0: {params} becomes several arguments (let it be an item of its own)"),
    (ARGS, 'args = ["--lr {lr}"]\nenv = { A = "{params}" }',
     "run.env.A: {params} is for arguments (TUNED_PARAMS holds them as JSON)"),
    (ARGS, 'args = "--lr {lr}"', 'run.args: is not a list (one item an argument: ["--lr", "{lr}"])'),
    (SCRIPT, f'{SCRIPT}\nenv = {{ TUNED_X = "1" }}',
     "run.env.TUNED_X: names in TUNED_ are taken (choose another name)"),
    ("[run]", 'name = "My Study"\n[run]',
     "name: 'My Study' cannot name a study "
     "(use a-z, 0-9, '.', '_', '-', at most 64, a letter or digit first: my-study)"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line"), TABLE)
def test_the_line(old: str, new: str, line: str) -> None:
    assert old in MINIMAL
    assert str(refusal(MINIMAL.replace(old, new))) == line


def test_an_inactive_parameter_belongs_into_a_group() -> None:
    text = MINIMAL.replace('"{lr}"]', '"{lr}", "--d={d}", "--o", "{o}"]').replace(
        LR, f'{LR}\no = ["a", "b"]\nd = {{ type = "float", low = 0.0, high = 1.0, when = {{ o = "a" }} }}'
    )
    assert str(refusal(text)) == (
        'run.args.2: d is inactive in some trials (put it into a group that is left out then, such as ["--d", "{d}"])'
    )


def test_a_script_that_reads_no_arguments_is_given_none() -> None:
    deaf = "import yaml, numpy\nLR = yaml.safe_load(open('base.yaml'))['lr']\nprint('loss', LR)\n"
    tree = Tree().add(f"{BASE}/train.py", deaf).add(f"{BASE}/base.yaml", "lr: 0.1\n")
    assert str(refusal(MINIMAL, tree)) == (
        "space.lr: reaches nothing: train.py reads no arguments "
        "(let it take them (argparse, or tuned.current_trial()), or write its configuration file: [[run.config]])"
    )
    written = '[[run.config]]\nfrom = "base.yaml"\nto = "{run_dir}/c.yaml"\nset = { lr = "lr" }\n'
    assert read(MINIMAL.replace(ARGS, "") + written, tree).run.config
    for reads in ("import sys\nsys.argv", "import argparse", "import fire", "import subprocess", "TUNED_PARAM_LR = 1"):
        assert read(MINIMAL, Tree().add(f"{BASE}/train.py", f"{reads}\n{deaf}"))


def test_a_format_that_loses_a_bound() -> None:
    text = MINIMAL.replace('"{lr}"', '"{lr:.1g}"').replace("1e-5", "1.5e-5")
    assert str(refusal(text)) == (
        "run.args.1: {lr:.1g} turns 1.5e-05 into 2e-05 (use a finer format, or a rounder value in space.lr)"
    )


def test_a_key_of_a_configuration_file_that_is_not_there() -> None:
    tree = Tree().add(f"{BASE}/base.yaml", "optim: {lr: 0.1}\n")
    text = MINIMAL.replace(ARGS, 'args = ["{run_dir}/c.yaml"]') + (
        '[[run.config]]\nfrom = "base.yaml"\nto = "{run_dir}/c.yaml"\nset = { "optim.rate" = "lr" }\n'
    )
    line = str(refusal(text, tree))
    assert line.startswith("run.config.0.set.optim.rate: ") and "lr" in line
