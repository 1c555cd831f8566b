"""Values of the wrong kind deep inside a study file, paths that lead elsewhere, and what no database or process takes:
refused in one line, at the key, before anything is made. Only what these tests look for: where, and the words."""

from __future__ import annotations

import pytest

from tests.unit.test_study_file import BASE, MINIMAL, Tree, refusal
from tuned.core.errors import InvalidInput
from tuned.core.queue.priorities import check_priority
from tuned.core.study_file.parse import parse_study
from tuned.core.trials.filter import parse

LR = 'lr = { type = "float", low = 1e-5, high = 1e-1, log = true }'
SCRIPT = 'script = "train.py"'
SEARCH = "[search]"
PATTERNS = "[metrics]"
CONFIG = '[[run.config]]\nfrom = "base.{0}"\nto = "{1}"\nset = {{ lr = "lr" }}\n[metrics]'
STEPS = "[early_stopping]\n"
CONDITION = "[[space_constraint]]\nat_most = {1}\nlinear = {{ lr = {0} }}\n[search]"
BIG = "9" * 400

TABLE = [
    # numbers in quotes, and words in the place of numbers
    (SCRIPT, f'{SCRIPT}\nresources = {{ cpus = "all" }}', "run.resources.cpus: 'all' is not a number"),
    (SCRIPT, f"{SCRIPT}\nresources = {{ cpus = true }}", "run.resources.cpus: True is not a number"),
    (SEARCH, CONDITION.format('"1"', 1), "space_constraint.0.linear.lr: '1' is not a number"),
    (SEARCH, CONDITION.format(1, '"1"'), "space_constraint.0.at_most: '1' is not a number"),
    (SEARCH, f'[[constraint]]\nmetric = "val_loss"\nat_most = "3"\n{SEARCH}', "constraint.0.at_most: '3' is"),
    (SEARCH, f'{STEPS}patience = "5"\n{SEARCH}', "early_stopping.patience: '5' is not a number"),
    (SEARCH, f'{STEPS}folds = "yes"\n{SEARCH}', "early_stopping.folds: 'yes' is neither true nor false"),
    (SEARCH, f"{STEPS}rescue = 2\n{SEARCH}", "early_stopping.rescue: 2 is out of range (at most 1)"),
    ("1e-1", BIG, "space.lr.high: the number is too large"),
    ("1e-5", f"-{BIG}", "space.lr.low: the number is too large"),
    # what is empty, what is too long
    (SEARCH, f"[playbook]\nsteps = []\n{SEARCH}", "playbook.steps: is empty"),
    (SEARCH, f'[notify]\ncommand = ["true"]\non = []\n{SEARCH}', "notify.on: is empty"),
    (SEARCH, f"[[space_constraint]]\nlinear = {{}}\nat_most = 1\n{SEARCH}", "space_constraint.0.linear: is empty"),
    ("[run]", f'question = "{"x" * 600}"\n[run]', "question: is longer than 500 characters (shorten it)"),
    (SEARCH, f"{SEARCH}\nmethod = '{'x' * 300}'", f"search.method: '{'x' * 56}... is not one of"),
    # a table where a list of tables belongs
    (SEARCH, f'[constraint]\nmetric = "a"\n{SEARCH}', "constraint: is not a list (write [[constraint]])"),
    # programs and modules that cannot be had
    (SCRIPT, f'{SCRIPT}\npreload = ["a b"]', "run.preload.0: 'a b' names no module"),
    (SCRIPT, f'{SCRIPT}\npreload = ["../x"]', "run.preload.0: '../x' names no module"),
    (SEARCH, f'[notify]\ncommand = ["no-such"]\n{SEARCH}', "notify.command: 'no-such' is not on PATH"),
    (SEARCH, f'[notify]\ncommand = ["./tell.sh"]\n{SEARCH}', "notify.command: is run in the folder /"),
    (SEARCH, f'[notify]\ncommand = ["/no/such"]\n{SEARCH}', "notify.command: there is no program /no/such"),
    (SEARCH, f'[finalize]\ndata = ["gone"]\n{SEARCH}', f"finalize.data.0: there is no {BASE}/gone"),
    # files that would take the place of ours, lead elsewhere, or be read without end
    (PATTERNS, CONFIG.format("json", "{run_dir}/spec.json"), "run.config.0.to: spec.json is a record of the run"),
    (PATTERNS, CONFIG.format("json", "{run_dir}/./exit.json"), "run.config.0.to: exit.json is a record of the run"),
    (PATTERNS, CONFIG.format("json", "{run_dir}/../../x.json"), "run.config.0.to: leads out of its folder"),
    (PATTERNS, CONFIG.format("toml", "{run_dir}/c.json"), "run.config.0.to: is TOML, as the file it is made from"),
    (PATTERNS, f'{PATTERNS}\njsonl = "{{run_dir}}/metrics.jsonl"', "metrics.jsonl: metrics.jsonl is a record"),
    (PATTERNS, f'{PATTERNS}\ncsv = "{{run_dri}}/a.csv"', "metrics.csv: {run_dri} names no parameter (did you mean run"),
    (PATTERNS, '[run.resume]\nwhen = "{checkpointdir}/x"\nargs = ["-r"]\n[metrics]',
     "run.resume.when: {checkpointdir} names no parameter (did you mean checkpoint_dir?"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "begins"), TABLE)
def test_the_line_begins(old: str, new: str, begins: str) -> None:
    assert old in MINIMAL
    tree = Tree().add(f"{BASE}/base.json", '{"lr": 1}').add(f"{BASE}/base.toml", "lr = 1")
    line = str(refusal(MINIMAL.replace(old, new, 1), tree))
    assert line.startswith(begins)
    assert "\n" not in line and line.endswith(")"), line


@pytest.mark.parametrize("environment", [{"": "x"}, {"A=B": "x"}, {"A\0": "x"}, {"A": "x\0"}])
def test_an_environment_that_no_process_can_have(environment: dict[str, str]) -> None:
    study = {"run": {"command": ["true"]}, "search": {"trials": 1}}
    with pytest.raises(InvalidInput, match=r"^environment: .* is no variable"):
        parse_study(study, base=BASE, environment={"PATH": "/usr/bin", **environment}, files=Tree(), stem="s")


@pytest.mark.parametrize("text", ["x > 1", "lr <", "! x = 1", "lr >= 3"])
def test_a_comparison_in_pieces_is_no_filter(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"stands alone.*without spaces"):
        parse(text)


@pytest.mark.parametrize("value", [1_000_001, -(10**30)])
def test_a_priority_beyond_any(value: int) -> None:
    with pytest.raises(InvalidInput, match=r"^priority: .* is out of range"):
        check_priority(value)
