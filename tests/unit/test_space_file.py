from __future__ import annotations

import math
import tomllib

import pytest

from tuned.core.errors import InvalidInput
from tuned.core.space import SearchSpace
from tuned.core.study_file.space_file import parse_space

FULL = """
dropout = { type = "float", low = 0.0, high = 0.6, when = { regularizer = "dropout" } }
lr = { type = "float", low = 1e-5, high = 1e-1, log = true }
width = { type = "int", low = 16, high = 512, log = true }
batch = [8, 32, 128]
shuffled = [32, 8, 128]
activation = { type = "choice", values = ["relu", "tanh", "sigmoid"], role = "scientific" }
regularizer = { type = "choice", values = ["none", "l1", "l2", "dropout"] }
amp = { type = "bool" }
epochs = 20
only = ["adam"]
"""


def read(text: str) -> SearchSpace:
    return parse_space(tomllib.loads(text))


def refusal(text: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read(text)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value


def test_a_whole_space():
    space = read(FULL)
    assert space.names.index("regularizer") < space.names.index("dropout")
    assert [n for n in space.names if n != "dropout"] == [
        *("lr", "width", "batch", "shuffled", "activation", "regularizer", "amp", "epochs", "only")
    ]
    assert space["lr"].log and space["lr"].kind == "float" and space["lr"].low == 1e-5
    assert space["width"].kind == "int" and space["width"].high == 512
    assert space["batch"].ordered and not space["shuffled"].ordered and not space["activation"].ordered
    assert space["activation"].role == "scientific"
    assert space["amp"].values == (False, True)
    assert space["epochs"].kind == "fixed" and space["epochs"].values == (20,) and space["epochs"].role == "fixed"
    assert space["only"].kind == "fixed"
    assert space["dropout"].when == (("regularizer", ("dropout",)),)
    assert SearchSpace.from_dict(space.to_dict()) == space


def test_whole_numbers_are_float_bounds_too():
    low = read("x = { type = 'float', low = 0, high = 1 }")["x"].low
    assert low == 0.0 and isinstance(low, float)


@pytest.mark.parametrize(
    ("text", "where", "hint"),
    [
        ("x = { type = 'flaot', low = 0, high = 1 }", "space.x.type", "float"),
        ("x = { low = 0, high = 1 }", "space.x", "type is one of"),
        ("optim.lr = { type = 'float', low = 0, high = 1 }", "space.optim", '"optim.lr"'),
        ("x = { type = 'float', low = 0, hihg = 1 }", "space.x.hihg", "high"),
        ("x = { type = 'choice', values = [1, 2], log = true }", "space.x.log", "values"),
        ("x = { type = 'float', low = 0 }", "space.x.high", "high"),
        ("x = { type = 'float', low = 2, high = 1 }", "space.x.low", "swap"),
        ("x = { type = 'int', low = 1, high = 1 }", "space.x.low", "x = 1"),
        ("x = { type = 'float', low = 0.0, high = 1, log = true }", "space.x.low", "low"),
        ("x = { type = 'float', low = nan, high = 1 }", "space.x.low", "finite"),
        ("x = { type = 'float', low = 0, high = inf }", "space.x.high", "finite"),
        ("x = { type = 'float', low = -1e308, high = 1e308 }", "space.x.high", "narrow"),
        ("x = { type = 'int', low = 1.5, high = 3 }", "space.x.low", "float"),
        ("x = { type = 'int', low = 0, high = 9999999999999999999 }", "space.x.high", "2**53"),
        ("x = { type = 'float', low = '1e-5', high = 1 }", "space.x.low", "quotes"),
        ("x = { type = 'float', low = true, high = 2 }", "space.x.low", "quotes"),
        ("x = { type = 'float', low = 0, high = 1, log = 'yes' }", "space.x.log", "true"),
        ("x = { type = 'choice', values = [] }", "space.x.values", "two"),
        ("x = []", "space.x.values", "two"),
        ("x = ['a', 'b', 'a']", "space.x.values", "drop"),
        ("x = [1, 1.0]", "space.x.values", "drop"),
        ("x = [1, 'a']", "space.x.values", "all"),
        ("x = [true, 1]", "space.x.values", "all"),
        ("x = [1.0, inf]", "space.x.values", "finite"),
        ("x = [[1, 2], [3]]", "space.x.values", "quotes"),
        ("x = { type = 'choice', values = 'ab' }", "space.x.values", "values"),
        ("x = 2024-01-01", "space.x.value", "quotes"),
        ("x = { type = 'fixed' }", "space.x.value", "value"),
        ("x = { type = 'bool', role = 'main' }", "space.x.role", "scientific"),
        ("'a b' = 1", "space.a b", "letters"),
        ("'' = 1", "space.", "letters"),
        ("'../x' = 1", "space.../x", "letters"),
        ("params = 1", "space.params", "another"),
        ("'a.b' = 1\na_b = 2", "space.a_b", "rename"),
        ("x = { type = 'bool', when = { y = 1 } }", "space.x.when.y", ""),
        ("x = { type = 'bool', when = { bach = 8 } }\nbatch = [8, 9]", "space.x.when.bach", "batch"),
        ("x = { type = 'bool', when = { x = true } }", "space.x.when.x", "another"),
        ("o = ['sgd', 'adam']\nx = { type = 'bool', when = { o = 'sdg' } }", "space.x.when.o", "sgd"),
        ("o = ['sgd', 'adam']\nx = { type = 'bool', when = { o = [] } }", "space.x.when.o", "drop"),
        ("o = ['sgd', 'adam']\nx = { type = 'bool', when = 'sgd' }", "space.x.when", "{"),
        ("d = { type = 'int', low = 1, high = 3 }\nx = { type = 'bool', when = {d = 1} }", "space.x.when.d", "choice"),
        (
            "a = { type = 'bool', when = { b = true } }\nb = { type = 'bool', when = { a = true } }",
            "space.a.when",
            "drop",
        ),
        (
            ("o = ['s', 't']\np = { type = 'bool', when = { o = 's' } }\n"
            "q = { type = 'bool', when = { p = true, o = 't' } }"),
            "space.q.when",
            "drop",
        ),
    ],
)  # fmt: skip
def test_refusals_name_the_key_and_the_remedy(text: str, where: str, hint: str):
    error = refusal(text)
    assert error.where == where
    assert hint in str(error.hint)


def test_size_of_a_conditional_space():
    space = read("o = ['sgd', 'adam']\nm = { type = 'choice', values = [1, 2, 3], when = { o = 'sgd' } }\nk = [1, 2]")
    assert space.size() == (3 + 1) * 2


def test_bounds_survive_json():
    space = read("x = { type = 'float', low = 1e-300, high = 1e300, log = true }")
    assert math.isfinite(float(space["x"].high or 0))


def test_size_does_not_walk_through_independent_branches_together():
    pairs = {f"a{i}": {"type": "bool"} for i in range(40)}
    children = {f"b{i}": {"type": "int", "low": 1, "high": 3, "when": {f"a{i}": True}} for i in range(40)}
    assert parse_space({**pairs, **children}).size() == 4**40
    floats = parse_space({"a": {"type": "bool"}, "x": {"type": "float", "low": 0, "high": 1, "when": {"a": True}}})
    assert floats.size() is None
    assert parse_space({}).size() == 1
