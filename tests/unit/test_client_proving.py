"""A script's own parser is asked what it gets, in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tuned.cli.checking.arrival import findings_of, unknown
from tuned.client.proving import Proof, arrived, prove
from tuned.core.program.corners import corners
from tuned.core.script.option import Option, ScriptOptions
from tuned.core.study_file.space_file import parse_space

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
    found = prove(sys.executable, ["train.py", *words], tmp_path, {}, point, {"lr": "rate"})
    assert not (tmp_path / "trained").exists()
    return found


def test_the_parser_gets_what_is_recorded_or_the_difference_is_shown(tmp_path: Path) -> None:
    words = ["--fused=false", "--plain=false", "--mixed=false", "--lr=0.5"]
    proof = asked(tmp_path, SCRIPT, *words, fused=False, plain=False, mixed=False, lr=0.5, width=3)
    assert proof.right == {"mixed", "lr"} and proof.unseen == {"width"} and not proof.refused
    assert proof.wrong == [("fused", False, True), ("plain", False, "false")]
    space = parse_space({**{name: {"type": "bool"} for name in ("fused", "plain", "mixed")}, "lr": 0.5, "width": 3})
    levels = [(finding.level, finding.what) for finding in findings_of([proof, Proof(right={"fused"})], space)]
    assert levels == [
        ("fail", "fused: the code gets True where false is recorded"),
        ("fail", "plain: the code gets the text 'false' where false is recorded"),
        ("ok", "the script's parser gets mixed, lr as recorded"),
        ("warn", "it was not proved that width arrive as they are recorded: argparse parsed nothing of that name"),
    ]


def test_arguments_that_the_parser_refuses_are_told_in_its_words(tmp_path: Path) -> None:
    proof = asked(tmp_path, SCRIPT, "--lr=abc", lr="abc")
    assert proof.refused == "train.py: error: argument --lr: invalid float value: 'abc'"
    assert [finding.level for finding in findings_of([proof, Proof()], parse_space({"lr": "abc"}))] == ["fail"]
    assert asked(tmp_path, "import nothing_there", lr=1.0).refused.startswith("ModuleNotFoundError")
    assert asked(tmp_path, "print('no parser')", lr=1.0) == Proof(unseen=set())


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


def test_only_what_the_text_leaves_open_is_asked() -> None:
    space = parse_space({"amp": {"type": "bool"}, "lr": 0.5})
    lr = Option("lr", "--lr", "float", declared=True)
    known = Option("amp", "--amp", "flag", declared=True)
    assert not unknown(space, ScriptOptions("argparse", (known, lr)))
    assert unknown(space, ScriptOptions("argparse", (Option("amp", "--amp", "text", truth="unknown"), lr)))
    assert unknown(space, ScriptOptions("argparse", (known,)))
