from __future__ import annotations

import json
import math

import pytest

from tuned.core.errors import InvalidInput
from tuned.core.space import Parameter, SearchSpace, canonical_key, same_value

LR = Parameter("lr", "float", 1e-5, 0.1, log=True)
WIDTH = Parameter("width", "int", 16, 512, log=True)
BATCH = Parameter("batch", "choice", values=(8, 32, 128), ordered=True)
AMP = Parameter("amp", "bool", values=(False, True))
EPOCHS = Parameter("epochs", "fixed", values=(20,), role="fixed")
REG = Parameter("reg", "choice", values=("none", "l2", "dropout"), role="scientific")
RATE = Parameter("rate", "float", 0.0, 0.6, when=(("reg", ("dropout",)),))
STRONG = Parameter("strong", "bool", values=(False, True), when=(("reg", ("l2", "dropout")),))
DEEP = Parameter("deep", "int", 1, 3, when=(("strong", (True,)), ("reg", ("l2",))))
SPACE = SearchSpace((LR, WIDTH, BATCH, AMP, EPOCHS, REG, RATE, STRONG, DEEP))

BASE = {"lr": 0.01, "width": 64, "batch": 8, "amp": False, "epochs": 20}


@pytest.mark.parametrize(
    ("parameter", "given", "value"),
    [
        (LR, 1e-5, 1e-5),
        (LR, 0.1, 0.1),
        (Parameter("x", "float", 0, 2), 1, 1.0),
        (WIDTH, 16, 16),
        (WIDTH, 512.0, 512),
        (BATCH, 32.0, 32),
        (AMP, True, True),
        (EPOCHS, 20, 20),
        (REG, "l2", "l2"),
    ],
)
def test_a_value_comes_back_in_its_parameters_own_type(parameter, given, value):
    cast = parameter.cast(given)
    assert cast == value
    assert type(cast) is type(value)


@pytest.mark.parametrize(
    ("parameter", "given", "said"),
    [
        (LR, 0.2, "outside"),
        (LR, 0.0, "outside"),
        (LR, math.nan, "finite"),
        (LR, math.inf, "finite"),
        (LR, True, "not a number"),
        (LR, "0.01", "not a number"),
        (LR, None, "not a number"),
        (WIDTH, 64.5, "whole"),
        (WIDTH, 15, "outside"),
        (WIDTH, -math.inf, "finite"),
        (WIDTH, False, "not a number"),
        (WIDTH, 10**400, "too large"),
        (LR, -(10**400), "too large"),
        (BATCH, 16, "not one of 8, 32, 128"),
        (BATCH, True, "not one of"),
        (AMP, 1, "not one of false, true"),
        (AMP, "true", "not one of"),
        (EPOCHS, 21, "not one of 20"),
        (REG, ["l2"], "not one of"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_wrong_value_is_refused_with_its_place(parameter, given, said):
    with pytest.raises(InvalidInput, match=said) as caught:
        parameter.cast(given)
    assert caught.value.where == f"space.{parameter.name}"
    assert "\n" not in str(caught.value)


def test_truth_is_no_number():
    assert same_value(1, 1.0)
    assert not same_value(1, True)
    assert not same_value(0.0, False)
    assert not same_value("1", 1)


def test_one_and_true_may_be_choices_beside_each_other():
    both = Parameter("x", "choice", values=(1, True, "1"))
    assert both.cast(True) is True
    assert both.cast(1) == 1
    assert both.cast(1) is not True
    assert both.cast("1") == "1"


def test_a_whole_point_is_ordered_as_the_space_and_filled_with_what_is_fixed():
    values = {"reg": "none", "amp": True, "batch": 8, "width": 64, "lr": 0.01}
    assert list(SPACE.check(values)) == ["lr", "width", "batch", "amp", "epochs", "reg"]
    assert SPACE.check(values)["epochs"] == 20


@pytest.mark.parametrize(
    ("values", "where", "said"),
    [
        ({"reg": "dropout", "strong": True}, "space.rate", "has no value"),
        ({"reg": "none", "rate": 0.1}, "space.rate", "inactive"),
        ({"reg": "none", "strong": True}, "space.strong", "inactive"),
        ({"reg": "dropout", "rate": 0.1, "strong": True, "deep": 1}, "space.deep", "inactive"),
        ({"reg": "l2", "strong": False, "deep": 1}, "space.deep", "inactive"),
        ({"reg": "l2", "strong": True}, "space.deep", "has no value"),
        ({"reg": "none", "lrr": 1}, "space.lrr", "no such parameter"),
        ({"reg": "none", "width": 8}, "space.width", "outside"),
    ],
)
def test_a_wrong_point_is_refused_with_its_place(values, where, said):
    with pytest.raises(InvalidInput, match=said) as caught:
        SPACE.check({**BASE, **values})
    assert caught.value.where == where


def test_a_point_without_a_needed_value_is_refused():
    with pytest.raises(InvalidInput, match=r"space\.reg: has no value"):
        SPACE.check(BASE)


def test_a_grandchild_of_an_inactive_parameter_is_inactive():
    assert "deep" not in SPACE.check({**BASE, "reg": "none"})
    assert SPACE.check({**BASE, "reg": "l2", "strong": True, "deep": 2})["deep"] == 2


def test_part_of_a_point_is_checked_as_far_as_it_is_known():
    assert SPACE.check_partial({"rate": 0.5}) == {"rate": 0.5}
    assert SPACE.check_partial({"deep": 2, "strong": True}) == {"strong": True, "deep": 2}
    with pytest.raises(InvalidInput, match="inactive"):
        SPACE.check_partial({"rate": 0.5, "reg": "l2"})
    with pytest.raises(InvalidInput, match="known: lr, width"):
        SPACE.check_partial({"nope": 1})


def test_a_child_is_inactive_when_all_it_waits_for_is_refused_by_a_parent_that_is_inactive_itself():
    with pytest.raises(InvalidInput, match="inactive"):
        SPACE.check_partial({"reg": "none", "strong": True, "deep": 2})


def test_size_counts_conditional_points_once():
    assert SPACE.size() is None
    finite = SearchSpace((BATCH, AMP, EPOCHS, REG, STRONG, DEEP))
    # none: 1; dropout: 2; l2: strong (3 depths) + weak; each for 3 batches and 2 amps.
    assert finite.size() == 3 * 2 * (1 + 2 + (3 + 1))
    assert SearchSpace().size() == 1
    assert SearchSpace((EPOCHS,)).size() == 1
    assert SearchSpace((Parameter("n", "int", 1, 10**12),)).size() == 10**12


def test_an_unreachable_float_does_not_make_a_space_countless():
    a = Parameter("a", "choice", values=("x", "y"))
    b = Parameter("b", "bool", values=(False, True), when=(("a", ("x",)),))
    never = Parameter("c", "float", 0.0, 1.0, when=(("b", (True,)), ("a", ("y",))))
    assert SearchSpace((a, b, never)).size() == 3


def test_plain_data_survives_json():
    again = SearchSpace.from_dict(json.loads(json.dumps(SPACE.to_dict())))
    assert again == SPACE
    assert again["rate"].when == (("reg", ("dropout",)),)
    assert hash(again) == hash(SPACE)


def test_parameters_are_found_by_name():
    assert SPACE["lr"] is LR
    assert "epochs" not in [p.name for p in SPACE.tunable]
    with pytest.raises(KeyError):
        SPACE["nope"]


def test_the_key_of_a_point_does_not_depend_on_order_or_on_the_last_digits():
    assert canonical_key({"b": 1, "a": 0.1}) == canonical_key({"a": 0.1 + 1e-17, "b": 1})
    assert canonical_key({"a": 0.3}) == canonical_key({"a": 0.1 + 0.2})
    assert canonical_key({"a": 0.0}) == canonical_key({"a": -0.0})


@pytest.mark.parametrize(
    ("one", "other"),
    [({"a": 1}, {"a": True}), ({"a": 1}, {"a": "1"}), ({"a": 1}, {"b": 1}), ({"a": 1}, {}), ({"a": 0.1}, {"a": 0.11})],
)
def test_different_points_have_different_keys(one, other):
    assert canonical_key(one) != canonical_key(other)
