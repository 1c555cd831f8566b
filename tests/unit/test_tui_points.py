from __future__ import annotations

from typing import Any

import pytest

from tui.points import read_point
from tuned.core.errors import InvalidInput
from tuned.core.space.text import write_point
from tuned.wire import TrialRow

BASE = TrialRow(
    study="s", number=7, state="completed", params={"lr": 0.01, "width": 64, "act": "relu", "amp": True}, values={},
    priority=0, origin="sobol", attempt=1, reason="", failure=None, device="", seed=1, stage="search", created_at=0.0,
    started_at=None, ended_at=None, why="", stop_reason=None, last_step=None, retry_of=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("", {}),
        ("lr=3e-4 width=64", {"lr": 3e-4, "width": 64}),
        ("act=tanh amp=true", {"act": "tanh", "amp": True}),
        ('name="two words"', {"name": "two words"}),
        ('name="two words', None),
        ("#7", {"lr": 0.01, "width": 64, "act": "relu", "amp": True}),
        ("#7 lr*=2 width+=8 act=tanh", {"lr": 0.02, "width": 72, "act": "tanh", "amp": True}),
        ("#7 width*=0.4", {"lr": 0.01, "width": 26, "act": "relu", "amp": True}),
        ("lr=.5", {"lr": 0.5}),
        ("lr=.1,.2 width=1,2,3", {"lr": [0.1, 0.2], "width": [1, 2, 3]}),
        ('act="a,b",tanh', {"act": ["a,b", "tanh"]}),
        ("#7 lr=.1,.2", {"lr": [0.1, 0.2], "width": 64, "act": "relu", "amp": True}),
    ],
)
def test_points_are_read_as_typed(text: str, point: dict[str, Any] | None) -> None:
    if point is None:
        with pytest.raises(InvalidInput):
            read_point(text, {7: BASE}, {})
    else:
        assert read_point(text, {7: BASE}, {}) == point


@pytest.mark.parametrize("text", ["#8", "#x", "lr", "lr*=2", "#7 act*=2", "#7 amp+=1", "=3"])
def test_what_cannot_be_read_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_point(text, {7: BASE}, {})
    assert refusal.value.hint


def test_a_written_point_is_read_back() -> None:
    params = {"lr": 0.1 + 0.2, "n": 3, "flag": False, "act": "re-lu", "odd": "true", "e": 1e-9}
    assert read_point(write_point(params), {}, {}) == params


def test_a_word_with_a_comma_is_one_value_where_the_parameter_has_it() -> None:
    known = {"act": {"name": "act", "kind": "choice", "values": ["a,b", "c"]}}
    assert read_point("act=a,b", {}, known) == {"act": "a,b"}
    assert read_point("act=c,c", {}, known) == {"act": ["c", "c"]}
    with pytest.raises(InvalidInput, match="not one of"):
        read_point("act=a,c", {}, known)
