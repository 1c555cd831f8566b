"""Edits of a space, refinement by results, and which old trials fit a new version."""

from __future__ import annotations

from typing import Any

import pytest

from tuned.core.changes.space import SpaceEdit, changes_between, edited, entry_of
from tuned.core.errors import InvalidInput
from tuned.core.search.design import design_point
from tuned.core.search.refine import refined
from tuned.core.space import SearchSpace
from tuned.core.study_file.space_file import parse_space

TABLE: dict[str, Any] = {
    "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
    "width": {"type": "int", "low": 16, "high": 512},
    "act": ["relu", "tanh", "gelu", "swish"],
    "opt": {"type": "choice", "values": ["sgd", "adam"], "role": "scientific"},
    "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"opt": "sgd"}},
    "epochs": 20,
}
SPACE = parse_space(TABLE)
POINT = {"lr": 0.01, "width": 64, "act": "relu", "opt": "sgd", "momentum": 0.5, "epochs": 20}


def test_a_space_survives_the_way_through_its_table() -> None:
    again = parse_space({p.name: entry_of(p) for p in SPACE.parameters})
    assert again == SPACE and changes_between(SPACE, again) == []


def test_a_likely_value_that_the_space_no_longer_has_is_likely_no_more() -> None:
    guessed = parse_space(
        {
            "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True, "likely": 0.1},
            "act": {"values": ["relu", "tanh", "gelu"], "likely": "relu"},
            "width": {"type": "int", "low": 1, "high": 9, "likely": 4},
        }
    )
    new = edited(guessed, SpaceEdit(set={"lr.high": 0.01, "act.values": ["tanh", "gelu"]}))
    assert [p.likely for p in new.parameters] == [None, None, 4]
    assert changes_between(guessed, new) == [
        "lr.high: 0.1 -> 0.01",
        "lr.likely: 0.1 -> none",
        "act.values: relu, tanh, gelu -> tanh, gelu",
        "act.likely: relu -> none",
    ]
    assert edited(guessed, SpaceEdit(fix={"act": "tanh"}))["act"].likely is None
    with pytest.raises(InvalidInput, match="likely"):
        edited(guessed, SpaceEdit(add={"x": {"type": "float", "low": 0.0, "high": 1.0, "likely": 2.0}}))

    # Results speak against the guess: the rest of a guided design was asked for a value that there is no more.
    good = [{"lr": 0.001 * (1 + i / 100), "act": ("tanh", "gelu")[i % 2], "width": 4} for i in range(6)]
    bad = [{"lr": 0.1 / (1 + i), "act": "relu", "width": 4} for i in range(6)]
    narrowed, _ = refined(guessed, good + bad)
    assert narrowed["lr"].high < 0.1 and narrowed["act"].values == ("tanh", "gelu")  # type: ignore[operator]
    assert [p.likely for p in narrowed.parameters] == [None, None, 4]
    for i in range(20):
        design_point(narrowed, 0, i)
    assert SearchSpace.from_dict(narrowed.to_dict()) == narrowed


def test_bounds_values_and_fixing_say_what_they_change() -> None:
    new = edited(SPACE, SpaceEdit(set={"lr.high": 1.0, "act.values": ["relu", "tanh"]}, fix={"width": 64}))
    assert changes_between(SPACE, new) == [
        "lr.high: 0.1 -> 1",
        "width: 16 .. 512 -> 64",
        "act.values: relu, tanh, gelu, swish -> relu, tanh",
    ]
    assert new.carried(POINT) == POINT
    assert new.carried({**POINT, "act": "gelu"}) is None
    assert new.carried({**POINT, "width": 65}) is None
    assert SearchSpace.from_dict(new.to_dict()) == new


def test_old_trials_fit_a_parameter_that_was_added_or_dropped_where_their_value_is_known() -> None:
    decay = {"type": "float", "low": 0.0, "high": 0.1, "was": 0.0}
    new = edited(SPACE, SpaceEdit(add={"decay": decay}, drop={"momentum": 0.5}))
    rest = {k: v for k, v in POINT.items() if k != "momentum"}
    assert new.carried(POINT) == {**rest, "decay": 0.0}
    assert new.carried({**POINT, "momentum": 0.6}) is None
    unknown = edited(SPACE, SpaceEdit(add={"decay": {k: v for k, v in decay.items() if k != "was"}}))
    assert unknown.carried(POINT) is None
    # A later edit keeps what is known; a range that no longer holds it lets no old trial in.
    assert edited(new, SpaceEdit(set={"lr.high": 1.0})).carried(POINT) is not None
    assert edited(new, SpaceEdit(set={"decay.low": 0.01})).carried(POINT) is None


@pytest.mark.parametrize(
    ("edit", "where"),
    [
        (SpaceEdit(set={"lr.low": 1.0}), "space.lr.low"),
        (SpaceEdit(set={"lr.hi": 1.0}), "space.lr.hi"),
        (SpaceEdit(set={"rl.high": 1.0}), "space.rl"),
        (SpaceEdit(fix={"width": 5}), "space.width"),
        (SpaceEdit(drop={"opt": None}), "space.opt"),
        (SpaceEdit(add={"lr": [1, 2]}), "space.lr"),
        (SpaceEdit(add={"x": {"type": "float", "low": 1.0, "high": 2.0, "was": 0.0}}), "space.x.was"),
    ],
)
def test_what_is_no_space_is_refused_where_it_is_wrong(edit: SpaceEdit, where: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        edited(SPACE, edit)
    assert caught.value.where == where


def ranked(n: int = 24) -> list[dict[str, Any]]:
    """The best near lr = 0.1 (a bound) and width 200, with relu or tanh."""
    points = []
    for i in range(n):
        far = i / n
        act = ("relu", "tanh")[i % 2] if i < n // 2 else ("gelu", "swish")[i % 2]
        points.append({**POINT, "lr": 0.1 * 10 ** (-3 * far), "width": 200 + int(250 * far) * (-1) ** i, "act": act})
    return [{**p, "width": max(16, p["width"])} for p in points]


def test_refinement_narrows_to_the_good_and_widens_at_a_bound() -> None:
    new, why = refined(SPACE, ranked())
    assert new["lr"].high > 0.1 and new["lr"].low > 1e-4
    assert 16 < new["width"].low <= 160 and 240 <= new["width"].high < 512
    assert new["act"].values == ("relu", "tanh")
    # What the study asks about stays; so does a parent, and what has too few values to tell.
    assert new["opt"] == SPACE["opt"] and new["epochs"] == SPACE["epochs"]
    assert [line.partition(":")[0] for line in why] == ["lr", "width", "act"]
    low, high = new["width"].low, new["width"].high
    assert high - low >= 0.3 * (512 - 16)


def test_refinement_keeps_to_what_bounds_imply() -> None:
    space = parse_space({"p": {"type": "float", "low": 0.0, "high": 0.9}, "n": {"type": "int", "low": 1, "high": 9}})
    upper, _ = refined(space, [{"p": 0.9 - i / 100, "n": 1 + i % 9} for i in range(20)])
    assert upper["p"].high == pytest.approx(0.95)
    lower, _ = refined(space, [{"p": i / 100, "n": 1 + i // 10} for i in range(20)])
    assert lower["p"].low == 0.0 and lower["n"].low == 1


def test_too_few_results_change_nothing() -> None:
    new, why = refined(SPACE, ranked()[:7])
    assert new == SPACE and "too few" in why[0]
