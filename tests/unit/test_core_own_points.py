"""Products of points, and points like others."""

from __future__ import annotations

import pytest

from tuned.core.errors import InvalidInput
from tuned.core.search.own_points import expand, like
from tuned.core.space import Parameter, SearchSpace

SPACE = SearchSpace(
    (
        Parameter("lr", "float", 0.0, 1.0),
        Parameter("reg", "choice", values=("none", "dropout")),
        Parameter("rate", "float", 0.0, 0.6, when=(("reg", ("dropout",)),)),
    )
)


def test_lists_are_products_and_the_last_runs_fastest() -> None:
    assert expand([{"a": [1, 2], "b": "x", "c": [True, False]}, {"b": "y"}]) == [
        {"a": 1, "b": "x", "c": True},
        {"a": 1, "b": "x", "c": False},
        {"a": 2, "b": "x", "c": True},
        {"a": 2, "b": "x", "c": False},
        {"b": "y"},
    ]


def test_too_many_and_empty_lists_are_refused() -> None:
    with pytest.raises(InvalidInput, match="these are 12000 trials"):
        expand([{"a": list(range(1000)), "b": [1, 2, 3]}], seeds=4)
    with pytest.raises(InvalidInput, match=r"space\.b: no value"):
        expand([{"a": 1, "b": []}])


def test_like_drops_what_the_new_values_make_inactive() -> None:
    known = {"lr": 0.1, "reg": "dropout", "rate": 0.5, "of_another_study": 1}
    assert like(SPACE, known, {"lr": 0.2}) == {"lr": 0.2, "reg": "dropout", "rate": 0.5}
    assert like(SPACE, known, {"reg": "none"}) == {"lr": 0.1, "reg": "none"}
    # Given by hand it stays, so that the space can refuse it.
    assert like(SPACE, known, {"reg": "none", "rate": 0.3}) == {"lr": 0.1, "reg": "none", "rate": 0.3}
    assert like(SPACE, {"lr": 0.1, "reg": "none"}, {"reg": "dropout"}) == {"lr": 0.1, "reg": "dropout"}
