"""A script's own parser is asked what it gets, in a process of its own."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

from tuned.cli.checking.arrival import findings_of, program_of
from tuned.client.proving import Program, Proof, arrived, prove
from tuned.core.program.corners import corners
from tuned.core.script.options import read_options
from tuned.core.study import RunSpec
from tuned.core.study_file.space_file import parse_space
from tuned.core.study_file.taking import arriving

SCRIPT = """
import argparse, pathlib, sys
parser = argparse.ArgumentParser()
parser.add_argument("--fused", type=lambda text: bool(text))
parser.add_argument("--plain")
parser.add_argument("--mixed", type=lambda text: text == "true")
parser.add_argument("--lr", type=float, dest="rate")
pre, _ = argparse.ArgumentParser(add_help=False).parse_known_args()
args = parser.parse_args()
pathlib.Path("trained").touch()
"""


def asked(tmp_path: Path, text: str, *words: str, **point: Any) -> Proof:
    (tmp_path / "train.py").write_text(text)
    program = Program(str(tmp_path / "train.py"), own_globals="globals()" in text)
    dests = {name: "rate" if name == "lr" else name for name in point}
    found = prove(sys.executable, program, words, str(tmp_path), {}, point, dests)
    assert not (tmp_path / "trained").exists()
    return found


def test_the_parser_gets_what_is_recorded_or_the_difference_is_shown(tmp_path: Path) -> None:
    words = ["--fused=false", "--plain=false", "--mixed=false", "--lr=0.5"]
    proof = asked(tmp_path, SCRIPT, *words, fused=False, plain=False, mixed=False, lr=0.5, width=3)
    assert proof.right == ["mixed", "lr"] and proof.unseen == {"width"} and not proof.refused
    assert proof.wrong == [("fused", False, True), ("plain", False, "false")]
    told = findings_of([proof, Proof(right=["fused"])], ["fused", "plain", "width"])
    levels = [(finding.level, finding.what) for finding in told]
    assert levels == [
        ("fail", "fused: the code gets True where false is recorded"),
        ("fail", "plain: the code gets the text 'false' where false is recorded"),
        ("ok", "the script's parser gets mixed, lr as recorded"),
        (
            "warn",
            "not certain that the code gets width as recorded: no parser and no global of that name was found",
        ),
    ]


def test_a_module_is_asked_as_python_m_runs_it(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "options.py").write_text(SCRIPT.replace("pre, _", "# "))
    (folder / "train.py").write_text("from .options import args\n")
    program = Program(str(folder / "train.py"), "lab.train")
    proof = prove(sys.executable, program, ["--mixed=true"], str(tmp_path), {}, {"mixed": True}, {"mixed": "mixed"})
    assert proof == Proof(right=["mixed"])


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        (("python3", "-u", "train.py", "--lr={lr}"), True),
        (("/opt/venv/bin/python", "train.py", ("--lr", "{lr}")), True),
        (("torchrun", "train.py", "--lr={lr}"), False),
        (("./train.sh", "{lr}"), False),
    ],
)
def test_a_command_is_asked_where_it_is_a_python_with_its_script(
    tmp_path: Path, command: tuple[Any, ...], asked: bool
) -> None:
    (tmp_path / "train.py").touch()
    assert (program_of(RunSpec("command", command=command, cwd=str(tmp_path)), "argparse") is not None) is asked


def test_a_script_without_any_parser_would_train_to_its_end_and_is_not_asked(tmp_path: Path) -> None:
    run = RunSpec("script", str(tmp_path / "train.py"), cwd=str(tmp_path))
    (tmp_path / "options.py").write_text("from lab import make_parser\n")
    for text, asked in (("import sys\nlr = float(sys.argv[1])\n", False), ("import options\n", True)):
        (tmp_path / "train.py").write_text(text)
        assert (program_of(run, "") is not None) is asked


def test_arguments_that_the_parser_refuses_are_told_in_its_words(tmp_path: Path) -> None:
    proof = asked(tmp_path, SCRIPT, "--lr=abc", lr="abc")
    assert proof.refused == "train.py: error: argument --lr: invalid float value: 'abc'"
    assert [finding.level for finding in findings_of([proof, Proof()], ["lr"])] == ["fail"]
    assert asked(tmp_path, "import nothing_there", lr=1.0).refused.startswith("ModuleNotFoundError")
    assert asked(tmp_path, "print('no parser')", lr=1.0) == Proof(unseen=set())


@pytest.mark.parametrize(("convert", "right"), [("type(globals()[k])(v)", False), ("v == 'True'", True)])
def test_a_script_is_asked_for_the_globals_that_it_overwrites(tmp_path: Path, convert: str, right: bool) -> None:
    text = (
        "import pathlib, sys\nbias = True\nfor word in sys.argv[1:]:\n    k, v = word[2:].split('=')\n"
        f"    globals()[k] = {convert}\npathlib.Path('trained').touch()\n"
    )
    proof = asked(tmp_path, text, "--bias=False", bias=False)
    assert (proof.right, proof.wrong) == ((["bias"], []) if right else ([], [("bias", False, True)]))


@pytest.mark.parametrize(
    ("recorded", "got", "right"),
    [
        (True, 1, True),
        (False, 0, True),
        (False, None, False),
        (False, "", False),
        (True, "True", False),
        (1e-4, "0.0001", True),
        (3, 3.0, True),
        (3, "three", False),
        ("10", 10, True),
        ("a", "a", True),
        ("a", "b", False),
    ],
)
def test_what_counts_as_arrived(recorded: Any, got: Any, right: bool) -> None:
    assert arrived(recorded, got) is right


def test_corners_hold_each_end_and_its_own_active_parameters() -> None:
    space = parse_space(
        {
            "amp": {"type": "bool"},
            "lr": {"type": "float", "low": 0.1, "high": 1.0},
            "opt": ["sgd", "adam"],
            "momentum": {"type": "float", "low": 0.0, "high": 0.9, "when": {"opt": "sgd"}},
            "epochs": 3,
        }
    )
    low, high = corners(space)
    assert low == {"amp": False, "lr": 0.1, "opt": "sgd", "momentum": 0.0, "epochs": 3}
    assert high == {"amp": True, "lr": 1.0, "opt": "adam", "epochs": 3}


ARGPARSE = (
    "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--rate', dest='lr', type=float)\n"
    "parser.add_argument('--amp', type=to_bool)\nparser.add_argument('--act')\n"
    "parser.add_argument('--tag', type=ast.literal_eval)\nparser.add_argument('--fast', action='store_true')\n"
)


@pytest.mark.parametrize(
    ("args", "unsure"),
    [
        (["{params}"], ["amp", "width"]),
        (["{params:hydra}"], []),
        (["{params:python}"], ["amp", "act", "width"]),
        (
            ["--rate={lr:py}", "--act={act:py}", "--tag={tag:py}", "--amp={amp}", "--width={width}"],
            ["act", "amp", "width"],
        ),
        (["--rate", "{lr}", "--act", "{act}"], []),
        ([], []),
    ],
)
def test_only_what_the_text_leaves_open_is_asked(args: list[str], unsure: list[str]) -> None:
    space = parse_space({"amp": {"type": "bool"}, "lr": 0.5, "act": ["relu"], "tag": ["a"], "width": 3})
    options = read_options(ast.parse(ARGPARSE))
    found = arriving(RunSpec("script", args=tuple(args)), space, options)
    assert sorted(name for name, how in found.items() if not how.sure) == sorted(unsure)
    assert all(how.dest == name for name, how in found.items())
