"""Drafts of study files: what `init` and `tune` write can be submitted, or says what is missing."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.unit.test_study_file import BASE, ENVIRONMENT, Tree
from tuned.core.draft.study_text import draft_study, read_script
from tuned.core.draft.words import parse_word
from tuned.core.errors import InvalidInput
from tuned.core.script.option import Option, ScriptOptions
from tuned.core.study import StudySpec
from tuned.core.study.baseline import baseline_point
from tuned.core.study_file.parse import parse_study

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
FLAGS = (SCRIPTS / "flags" / "train.py").read_text()


def submitted(text: str, script: str) -> StudySpec:
    tree = Tree().add(f"{BASE}/train.py", script)
    return parse_study(tomllib.loads(text), base=BASE, environment=ENVIRONMENT, files=tree, stem="train")


def test_a_plain_script_needs_no_hand() -> None:
    draft = draft_study(read_script(FLAGS, "train.py"))
    assert draft.todos == ()
    assert draft.metric == "val_loss"
    spec = submitted(draft.text, FLAGS)
    assert spec.space["lr"].log
    assert spec.space["momentum"].when == (("optimizer", ("momentum",)),)
    assert spec.run.args[-2:] == (("--momentum", "{momentum:.4g}"), "{params:flags}")
    assert "# fit through the origin" in draft.text


def test_the_scripts_own_defaults_run_first_and_are_the_baseline() -> None:
    spec = submitted(draft_study(read_script(FLAGS, "train.py")).text, FLAGS)
    ((label, point),) = spec.search.points
    assert (label, baseline_point(spec)) == ("baseline", point)
    assert point["lr"] == 0.1 and set(point) <= set(spec.space.names)
    chosen = draft_study(read_script(FLAGS, "train.py"), chosen={"lr": {"type": "float", "low": 0.5, "high": 1.0}})
    assert not submitted(chosen.text, FLAGS).search.points, "they are no point of this space"
    assert "# no baseline: of the script's own defaults lr = 0.1 lies outside of [space]" in chosen.text


def test_options_with_accents_have_parameters_without() -> None:
    text = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--größe', type=float, default=1.0)\n"
    text += "p.add_argument('--数', type=float, default=1.0)\np.parse_args()\nprint(f'loss {1}')\n"
    entry = {"type": "float", "low": 0.0, "high": 3.0}
    draft = draft_study(read_script(text, "train.py"), chosen={"größe": entry, "数": entry})
    spec = submitted(draft.text, text)
    assert spec.run.args == ("--größe", "{grosse:.4g}", "--数", "{u6570:.4g}")
    assert spec.search.points == (("baseline", {"grosse": 1.0, "u6570": 1.0}),)


def test_a_default_of_zero_below_a_log_range_is_its_low_end() -> None:
    text = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default=0.1)\n"
    text += "p.add_argument('--weight-decay', type=float, default=0.0)\np.parse_args()\nprint(f'loss {1}')\n"
    draft = draft_study(read_script(text, "train.py"))
    assert submitted(draft.text, text).search.points == (("baseline", {"lr": 0.1, "weight-decay": 1e-6}),)
    assert "weight-decay = 1e-06  # 0.0 in the script; this is the least of [space]" in draft.text


@pytest.mark.parametrize("added", ["'--full'", "'--trainval'", "'--last', help='measure on the test set, once'"])
def test_a_switch_that_decides_on_which_data_is_not_tuned(added: str) -> None:
    text = f"import argparse\np = argparse.ArgumentParser()\np.add_argument({added}, action='store_true')\n"
    text += "p.add_argument('--lr', type=float, default=0.1)\np.parse_args()\nprint(f'loss {1}')\n"
    assert draft_study(read_script(text, "train.py")).tuned == ("lr",), "a search would choose the test set"


def test_of_a_script_that_reads_no_arguments_is_said_how_it_could_get_them() -> None:
    text = "import yaml, numpy\ncfg = yaml.safe_load(open('config.yaml'))\nprint(f'val_loss {cfg}')\n"
    draft = draft_study(read_script(text, "train.py"))
    assert "[run]: how the script gets its parameters: it reads no arguments" in draft.todos
    assert "{params}" not in draft.text and "# [[run.config]]" in draft.text
    for reads in ("import sys; sys.argv", "import options", "from .options import given"):
        other = draft_study(read_script(f"{reads}\n{text}", "train.py")).text
        assert 'args = ["{params}"]' in other and "# [[run.config]]" in other, "it may name its file there"


def test_the_example_can_be_drafted() -> None:
    script = (SCRIPTS.parents[1] / "examples" / "digits" / "train.py").read_text()
    spec = submitted(draft_study(read_script(script, "train.py")).text, script)
    assert spec.objectives[0].metric == "val_loss"
    assert {"lr", "width", "layers"} <= set(spec.space.names)


OPTIONS = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("data")
p.add_argument("--config", required=True)
p.add_argument("--lr", type=float, default=0.1)
p.add_argument("--seed", type=int, default=1)
p.add_argument("--save-dir", default="out")
p.add_argument("--quote", default='it"s', help="a\\nb")
p.parse_args()
print("val loss", loss)
"""


def test_what_a_person_must_say_is_marked() -> None:
    draft = draft_study(read_script(OPTIONS, "train.py"))
    assert [todo.partition(":")[0] for todo in draft.todos] == ["data", "--config"]
    with pytest.raises(InvalidInput, match=r"^run\.args\.0: is still to be filled in"):
        submitted(draft.text, OPTIONS)
    spec = submitted(draft.text.replace('"TODO"', '"mine"'), OPTIONS)
    assert spec.run.args == (
        "mine", "--config", "mine", "--lr", "{lr:.4g}", "--seed", "{seed}", "--save-dir", "{run_dir}/work"
    )  # fmt: skip


def test_a_script_that_says_nothing_gets_todos_and_is_refused() -> None:
    draft = draft_study(read_script("x = 1", "train.py"))
    assert len(draft.todos) == 3
    assert draft.text.count("TODO") >= 3
    with pytest.raises(InvalidInput, match=r"^objective\.metric: is still to be filled in \(write the value"):
        submitted(draft.text, "x = 1")


def test_what_a_person_says_is_all_that_varies() -> None:
    words = dict(parse_word(word) for word in ("lr=log:1e-3..1", "nesterov=bool", "epochs=3"))
    draft = draft_study(
        read_script(FLAGS, "train.py"), chosen=words, objective=("val_loss", "minimize"), search={"trials": 4}
    )
    spec = submitted(draft.text, FLAGS)
    assert spec.space.names == ("lr", "nesterov", "epochs")
    assert spec.run.args == ("--lr", "{lr:.4g}", "--epochs", "{epochs}", "{params:flags}")
    assert spec.search.trials == 4


def test_bounds_of_many_digits_are_not_rounded_away() -> None:
    draft = draft_study(read_script(FLAGS, "train.py"), chosen=dict([parse_word("lr=0.123456..0.234567")]))
    assert submitted(draft.text, FLAGS).space["lr"].low == 0.123456


def test_an_option_that_the_script_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^no_bia: the script has no such option \(did you mean no-bias\?\)$"):
        draft_study(read_script(FLAGS, "train.py"), chosen={"no_bia": {"type": "bool"}})


def test_what_is_no_python_is_refused_with_its_line() -> None:
    with pytest.raises(InvalidInput, match=r"^t\.py:2: is not Python: "):
        read_script("x = 1\ndef (:\n", "t.py")


@pytest.mark.parametrize(
    ("word", "entry"),
    [
        ("lr=log:1e-5..1e-1", {"type": "float", "low": 1e-5, "high": 0.1, "log": True}),
        ("d=0.1..0.5", {"type": "float", "low": 0.1, "high": 0.5}),
        ("d=.1..5", {"type": "float", "low": 0.1, "high": 5.0}),
        ("t=-1..1", {"type": "int", "low": -1, "high": 1}),
        ("t=float:0..1", {"type": "float", "low": 0.0, "high": 1.0}),
        ("w=log:16..512", {"type": "int", "low": 16, "high": 512, "log": True}),
        ("w=int:log:16..512", {"type": "int", "low": 16, "high": 512, "log": True}),
        ("batch=16,32,64", [16, 32, 64]),
        ("o=sgd,adam", ["sgd", "adam"]),
        ("amp=bool", {"type": "bool"}),
        ("epochs=20", 20),
        ("--amp=true", True),
        ("path=a..b=c", None),
        ("tag=01,02", ["01", "02"]),
        ("tag=1.10,v2", ["1.10", "v2"]),
        ("lr=1e-3,0.10,10", [1e-3, 0.1, 10]),
    ],
)
def test_words(word: str, entry: Any) -> None:
    if entry is None:
        with pytest.raises(InvalidInput):
            parse_word(word)
    else:
        assert parse_word(word) == (word.partition("=")[0].removeprefix("--"), entry)


TYPED = Option("mixup", "--mixup", "float", declared=True), Option("n", "--n", "int", 2)
TEXTS = Option("tag", "--tag", "text", declared=True), Option("opt", "--opt", "text", "adam")


@pytest.mark.parametrize(
    ("word", "entry"),
    [
        ("mixup=0..1", {"type": "float", "low": 0.0, "high": 1.0}),
        ("mixup=int:0..1", {"type": "int", "low": 0, "high": 1}),
        ("mixup=0,1", [0, 1]),
        ("n=1..4", {"type": "int", "low": 1, "high": 4}),
        ("n=log:1..1e3", {"type": "int", "low": 1, "high": 1000, "log": True}),
        ("tag=1,2", ["1", "2"]),
        ("tag=007", "007"),
        ("opt=1,2", ["1", "2"]),
        ("other=1,2", [1, 2]),
        ("mixup=abc", None),
        ("mixup=0.1,x", None),
        ("n=1.5", None),
    ],
)
def test_the_declared_type_decides_where_there_is_one(word: str, entry: Any) -> None:
    script = ScriptOptions("argparse", (*TYPED, *TEXTS))
    if entry is None:
        with pytest.raises(InvalidInput, match=r"the script takes --"):
            parse_word(word, script.named)
    else:
        assert parse_word(word, script.named) == (word.partition("=")[0], entry)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("lr", "lr: is no KEY=RANGE"),
        ("lr=", "lr=: is no KEY=RANGE"),
        ("=3", "=3: is no KEY=RANGE"),
        ("lr=1..x", "lr=1..x: its ends are no numbers"),
        ("lr=lg:1..2", "lr=lg:1..2: 'lg' is no kind of range"),
        ("o=a,,b", "o=a,,b: lists an empty value"),
    ],
)
def test_words_that_are_none(word: str, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_word(word)
    assert str(caught.value).startswith(says)
    assert caught.value.hint
