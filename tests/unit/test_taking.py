"""A parameter reaches a script's own parser as it is recorded, or the study is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.test_study_file import BASE, ENVIRONMENT, Tree
from tuned.core.errors import InvalidInput
from tuned.core.program.arguments import ArgumentContext, render
from tuned.core.study import StudySpec
from tuned.core.study_file.parse import parse_study

SWITCHES = (Path(__file__).resolve().parents[1] / "scripts" / "switches" / "train.py").read_text()
HEAD = "import argparse\nparser = argparse.ArgumentParser()\nfrom tuned import current_trial\n"
CLICK = """
import click
@click.command()
@click.option("--bn/--no-bn", default=True)
@click.option("--fast", is_flag=True)
@click.option("--use-ema", type=bool, default=False)
@click.option("--soft", default=True)
@click.option("-m", "momentum", type=float, default=0.9)
@click.option("--offset", type=float, default=0.0)
@click.option("--layers", type=click.IntRange(1, 3), default=2)
@click.option("--weight-decay", default=1e-4)
def main(**given): return given
import tuned
"""


def study(script: str, space: dict[str, Any], *args: Any) -> StudySpec:
    data = {
        "run": {"script": "train.py", "args": list(args or ["{params}"])},
        "space": space,
        "search": {"trials": 1},
        "objective": {"metric": "x", "direction": "minimize"},
        "metrics": {"patterns": [r"(?P<x>\S+)"]},
    }
    tree = Tree().add(f"{BASE}/train.py", script)
    return parse_study(data, base=BASE, environment=ENVIRONMENT, files=tree, stem="train")


def arguments(spec: StudySpec, **params: Any) -> list[str]:
    assert set(params) == set(spec.space.names)
    return render(spec, ArgumentContext(params, 1, 0, "s", 1, "main", "/r", "/c"))


def parsed(script: str, words: list[str]) -> dict[str, Any]:
    """The values as the script's own parser reads them."""
    names: dict[str, Any] = {"__name__": "train"}
    exec(script, names)
    if "main" in names:
        return dict(names["main"].main(words, standalone_mode=False))
    return vars((names["get_parser"]() if "get_parser" in names else names["parser"]).parse_args(words))


BOOLS = {
    "bn": "bn",
    "augment": "augment",
    "bias": "bias",
    "use-ema": "use_ema",
    "use_ema": "use_ema",
    "mixed": "mixed",
    "warm_restart": "warm_restart",
    "N": "nesterov",
    "nesterov": "nesterov",
}


@pytest.mark.parametrize("style", ["{params}", "{params:flags}"])
@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("name", BOOLS)
def test_true_and_false_reach_argparse_as_they_are_recorded(name: str, value: bool, style: str) -> None:
    words = arguments(study(SWITCHES, {name: {"type": "bool"}}, style), **{name: value})
    assert parsed(SWITCHES, words)[BOOLS[name]] == value


@pytest.mark.parametrize("value", [True, False])
def test_a_switch_of_the_negative_alone_is_typed_when_its_parameter_is_true(value: bool) -> None:
    words = arguments(study(SWITCHES, {"no-bias": {"type": "bool"}}, "{params:flags}"), **{"no-bias": value})
    assert parsed(SWITCHES, words)["bias"] is not value


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("name", ["bn", "fast", "use-ema", "use_ema", "soft"])
def test_true_and_false_reach_click_as_they_are_recorded(name: str, value: bool) -> None:
    words = arguments(study(CLICK, {name: {"type": "bool"}}), **{name: value})
    assert parsed(CLICK, words)[name.replace("-", "_")] is value


@pytest.mark.parametrize("script", [SWITCHES, CLICK], ids=["argparse", "click"])
@pytest.mark.parametrize("value", [-4.7e-05, -1e-300, -0.5, -12.0, 0.25, 1e-07])
@pytest.mark.parametrize("args", [["--offset", "{offset}"], ["--offset={offset}"], ["{params}"]])
def test_numbers_below_zero_reach_the_parser(script: str, value: float, args: list[str]) -> None:
    spec = study(script, {"offset": {"type": "float", "low": -20.0, "high": 20.0}}, *args)
    assert parsed(script, arguments(spec, offset=value))["offset"] == value


def test_a_format_with_an_exponent_is_no_option_either() -> None:
    spec = study(SWITCHES, {"offset": {"type": "float", "low": -1.0, "high": 1.0}}, "--offset", "{offset:.3g}")
    assert parsed(SWITCHES, arguments(spec, offset=-4.71e-05))["offset"] == -4.71e-05


@pytest.mark.parametrize("script", [SWITCHES, CLICK], ids=["argparse", "click"])
@pytest.mark.parametrize(
    ("name", "dest"), [("weight_decay", "weight_decay"), ("m", "momentum"), ("momentum", "momentum")]
)
@pytest.mark.parametrize("value", [0.125, -4.7e-05])
def test_other_names_and_short_options_are_typed_as_the_script_has_them(
    script: str, name: str, dest: str, value: float
) -> None:
    spec = study(script, {name: {"type": "float", "low": -1.0, "high": 1.0}})
    assert parsed(script, arguments(spec, **{name: value}))[dest] == value


@pytest.mark.parametrize(
    ("call", "space", "args", "says"),
    [
        ('"--bn", action="store_true", default=True', {"type": "bool"}, ["{params:flags}"],
         "space.bn: nothing that is typed makes it false: train.py has --bn on by default"),
        ('"--bn", action="store_false", default=False', {"type": "bool"}, ["{params}"],
         "space.bn: nothing that is typed makes it true"),
        ('"--bn", action="store_true"', [1, 2], ["{params}"], "space.bn: train.py takes --bn without a value, not 1"),
        ('"--bn", type=bool', ["true", "false"], ["{params}"], "space.bn: train.py takes --bn with type=bool"),
        ('"--bn", type=bool', [0, 1], ["--bn={bn}"], "space.bn: train.py takes --bn with type=bool"),
        ('"--bn", type=bool', {"type": "bool"}, ["--bn", "{bn}"],
         "run.args.1: train.py takes --bn not as false or true"),
        ('"--bn", action="store_true"', {"type": "bool"}, ["--bn", "{bn}"], "run.args.1: train.py takes --bn without"),
        ('"--bn", type=bool', {"type": "bool"}, ["{params:python}"],
         "run.args.0: train.py takes --bn not as False or True"),
        ('"--bn", action="store_true"', {"type": "bool"}, ["{params:python}"],
         "run.args.0: train.py takes --bn without"),
        ('"--bn", choices=["a", "b"]', ["a", "b"], ["{params:python}"], "space.bn: train.py does not take \"'a'\""),
        ('"--bn", type=int', {"type": "float", "low": 1.0, "high": 4.0}, ["--bn", "{bn}"],
         "space.bn: train.py takes --bn as a whole number, not '1.0'"),
        ('"--bn", type=float', "abc", ["{params}"], "space.bn: train.py takes --bn as a number, not 'abc'"),
        ('"--bn", choices=["a", "b"]', ["a", "c"], ["{params}"], "space.bn: train.py does not take 'c' for --bn"),
        ('"bn", type=float', 0.5, ["{params}"], "run.args.0: train.py takes bn by its place"),
    ],
)  # fmt: skip
def test_what_an_option_cannot_take_is_refused(call: str, space: Any, args: list[str], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        study(f"{HEAD}parser.add_argument({call})", {"bn": space}, *args)
    assert str(caught.value).startswith(says) and caught.value.hint


def test_bounds_that_click_declares_are_kept() -> None:
    study(CLICK, {"layers": {"type": "int", "low": 1, "high": 3}})
    for space in ([0, 1], {"type": "int", "low": 1, "high": 4}):
        with pytest.raises(
            InvalidInput, match=r"space.layers: train.py takes for --layers at least 1 and at most 3, not"
        ):
            study(CLICK, {"layers": space})


@pytest.mark.parametrize(
    ("call", "space", "args"),
    [
        ('"--bn", type=int', {"type": "float", "low": 1.0, "high": 4.0}, ["--bn", "{bn:.0f}"]),
        ('"--bn", type=float', {"type": "int", "low": 1, "high": 4}, ["--bn", "{bn}"]),
        ('"--bn", choices=[1, 2], type=int', [1, 2], ["{params}"]),
        ('"--bn", type=parse', "abc", ["{params}"]),
        ('"--bn", default=0.5', "abc", ["{params}"]),
        ('"--bn", type=bool', {"type": "bool"}, ["{bn}"]),
    ],
)
def test_what_may_be_right_is_not_refused(call: str, space: Any, args: list[str]) -> None:
    study(f"{HEAD}parser.add_argument({call})", {"bn": space}, *args)


def test_a_function_of_the_scripts_own_may_take_any_spelling() -> None:
    loop = HEAD + "for k, v in {'bn': True}.items():\n    parser.add_argument(f'--{k}', default=v, type=str2bool)\n"
    for args in (["--bn={bn:py}"], ["--bn", "{bn:d}"], ["{params:python}"], ["{params}"]):
        study(loop, {"bn": {"type": "bool"}}, *args)


def test_what_two_parsers_declare_differently_is_left_to_them() -> None:
    two = HEAD + "a.add_argument('--bn', type=float)\nb.add_argument('--bn', type=int)\n"
    study(two, {"bn": {"type": "float", "low": 0.0, "high": 1.5}})


def test_options_of_a_file_beside_the_script_are_known() -> None:
    data = {
        "run": {"script": "train.py", "args": ["{params}"]},
        "space": {"bn": {"type": "bool"}},
        "search": {"trials": 1},
        "objective": {"metric": "x", "direction": "minimize"},
        "metrics": {"patterns": [r"(?P<x>\S+)"]},
    }
    tree = Tree().add(f"{BASE}/train.py", "from options import parser\n").add(f"{BASE}/options.py", SWITCHES)
    spec = parse_study(data, base=BASE, environment=ENVIRONMENT, files=tree, stem="train")
    assert arguments(spec, bn=False) == ["--no-bn"]
    again = StudySpec.from_dict(spec.to_dict())
    assert again == spec and arguments(again, bn=True) == ["--bn"]
    bare = tree.add(f"{BASE}/options.py", "parser = argv = None\n")
    without = parse_study(data, base=BASE, environment=ENVIRONMENT, files=bare, stem="train")
    assert without.content_hash() == spec.content_hash() and not without.differences(spec)
