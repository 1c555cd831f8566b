"""What is read of a script's options, and what is made of them."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

import pytest

from tuned.core.draft.ranges import choose, condition
from tuned.core.script.option import Option
from tuned.core.script.options import read_options


def options(text: str) -> dict[str, Option]:
    """By name, without how the code takes them: that is tested by what real parsers make of it."""
    found = read_options(ast.parse(text)).options
    return {o.name: replace(o, dest="", off="", inverts=False, declared=False, truth="") for o in found}


def argparse(*calls: str, head: str = "") -> dict[str, Option]:
    body = "\n".join(f"parser.add_argument({call})" for call in calls)
    return options(f"{head}\nimport argparse\nparser = argparse.ArgumentParser()\n{body}\n")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ('"--lr", type=float, default=1e-3', Option("lr", "--lr", "float", 0.001)),
        ('"-l", "--learning-rate", default=0.1', Option("learning-rate", "--learning-rate", "float", 0.1)),
        ('"--epochs", type=int, default=2 * 10', Option("epochs", "--epochs", "int", 20)),
        ('"--epochs", type=int, default=EPOCHS', Option("epochs", "--epochs", "int", 7)),
        ('"--n", type=int, default=os.cpu_count()', Option("n", "--n", "int")),
        ('"--opt", choices=["a", "b"], default="a"', Option("opt", "--opt", "text", "a", ("a", "b"))),
        ('"--opt", choices=OPTS', Option("opt", "--opt", "text", None, ("x", "y"))),
        ('"--opt", choices=list(TABLE.keys())', Option("opt", "--opt", "text", None, ("p", "q"))),
        ('"--amp", action="store_true"', Option("amp", "--amp", "flag")),
        ('"--no-amp", action="store_false", dest="amp"', Option("no-amp", "--no-amp", "flag", on=True)),
        ('"--amp", action=argparse.BooleanOptionalAction, default=True', Option("amp", "--amp", "flag", True, on=True)),
        ('"--data", type=pathlib.Path, required=True', Option("data", "--data", "text", required=True)),
        ('"root"', Option("root", "", "text", required=True, positional=True)),
        ('"--widths", type=int, nargs="+"', Option("widths", "--widths", "int", many=True)),
        ('"--x", type=float, nargs="?", default=1', Option("x", "--x", "float", 1)),
        ('"--lr", type=float, help="the " "rate"', Option("lr", "--lr", "float", help="the rate")),
    ],
)
def test_argparse(call: str, expected: Option) -> None:
    head = "EPOCHS = 7\nOPTS = ('x', 'y')\nTABLE = {'p': 1, 'q': 2}\n"
    assert list(argparse(call, head=head).values()) == [expected]


def test_what_is_set_elsewhere_counts() -> None:
    found = argparse('"--lr", type=float', '"--amp", action="store_true"')
    assert found["lr"].default is None
    text = "p.add_argument('--lr', type=float)\np.add_argument('--amp', action='store_true')\n"
    text += "p.set_defaults(lr=0.5, amp=True)"
    assert (options(text)["lr"].default, options(text)["amp"].on) == (0.5, True)


def test_click() -> None:
    found = options(
        "import click\n"
        "@click.command()\n"
        "@click.option('--lr', default=0.1, help='rate')\n"
        "@click.option('--opt', type=click.Choice(['sgd', 'adam']))\n"
        "@click.option('--amp/--no-amp', default=True)\n"
        "@click.option('--fast', is_flag=True)\n"
        "@click.argument('data')\n"
        "def main(): pass\n"
    )
    assert found["lr"] == Option("lr", "--lr", "float", 0.1, help="rate")
    assert found["opt"].choices == ("sgd", "adam")
    assert (found["amp"].kind, found["amp"].on, found["fast"].kind) == ("flag", True, "flag")
    assert found["data"].positional and found["data"].required


@pytest.mark.parametrize(
    ("text", "how", "names"),
    [
        ("t = tuned.current_trial(defaults={'lr': 0.1, 'amp': True})", "tuned", ["lr", "amp"]),
        ("DEFAULTS: dict = {'lr': 0.1}\nt = tuned.current_trial(defaults=given(DEFAULTS))", "tuned", ["lr"]),
        ("t = tuned.current_trial()\nt.params['lr'] * t.params['width'] * t.params['lr']", "tuned", ["lr", "width"]),
        ("@hydra.main(config_path='.')\ndef main(cfg): pass", "hydra", []),
        ("print('nothing')", "", []),
    ],
)
def test_scripts_without_a_parser(text: str, how: str, names: list[str]) -> None:
    read = read_options(ast.parse(text))
    assert (read.how, [option.name for option in read.options]) == (how, names)


@pytest.mark.parametrize(
    ("option", "use", "entry"),
    [
        (Option("lr", "--lr", "float", 0.001), "tune", {"type": "float", "low": 1e-5, "high": 0.1, "log": True}),
        (
            Option("learning-rate", "--x", "float", 0.3),
            "tune",
            {"type": "float", "low": 0.001, "high": 1.0, "log": True},
        ),
        (Option("base_lr", "--x", "text", None), "leave", None),
        (Option("weight-decay", "--x", "float", 0.0), "tune", {"type": "float", "low": 1e-6, "high": 0.1, "log": True}),
        (Option("decay", "--x", "float", 0.99), "leave", None),
        (Option("dropout", "--x", "float", 0.1), "tune", {"type": "float", "low": 0.0, "high": 0.6}),
        (Option("momentum", "--x", "float", None), "tune", {"type": "float", "low": 0.5, "high": 0.99}),
        (Option("hidden-size", "--x", "int", 128), "tune", {"type": "int", "low": 32, "high": 512, "log": True}),
        (Option("n_layers", "--x", "int", 2), "tune", {"type": "int", "low": 1, "high": 4}),
        (Option("optimizer", "--x", "text", "a", ("a", "b")), "tune", ["a", "b"]),
        (Option("nesterov", "--x", "flag"), "tune", {"type": "bool"}),
        (Option("batch_size", "--x", "int", 64), "fix", 64),
        (Option("epochs", "--x", "int", 5), "fix", 5),
        (Option("seed", "--x", "int", 0), "given", "{seed}"),
        (Option("output_dir", "--x", "text", "out"), "given", "{run_dir}/work"),
        (Option("data", "--x", "text", required=True), "given", "TODO"),
        (Option("cuda", "--x", "flag"), "leave", None),
        (Option("amp", "--x", "flag", on=True), "leave", None),
        (Option("num-workers", "--x", "int", 4), "leave", None),
        (Option("log-interval", "--x", "int", 10), "leave", None),
        (Option("something", "--x", "float", 3.0), "leave", None),
        (Option("dataset", "--x", "text", "a", ("a", "b")), "leave", None),
    ],
)
def test_customary_ranges(option: Option, use: str, entry: Any) -> None:
    choice = choose(option)
    assert (choice.use, choice.entry) == (use, entry)


def test_what_means_something_beside_one_value_alone_is_conditional() -> None:
    optimizer = Option("optimizer", "--optimizer", "text", "sgd", ("sgd", "adam", "adamw"))
    momentum, beta = Option("momentum", "", "float"), Option("beta1", "", "float")
    assert condition(momentum, [optimizer, momentum]) == {"optimizer": "sgd"}
    assert condition(beta, [optimizer, beta]) == {"optimizer": ["adam", "adamw"]}
    assert condition(Option("lr", "", "float"), [optimizer]) == {}
