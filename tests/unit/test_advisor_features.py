"""What the model's kernel sees of a row."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tuned.advisor.encoding import columns_of, encode
from tuned.core.space import Point, SearchSpace
from tuned.core.study_file.space_file import parse_space

pytestmark = pytest.mark.filterwarnings("ignore")
"""What importing torch and Ax brings along."""

SPACE = parse_space(
    {
        "kind": ["a", "b", "c"],
        "deep": {"type": "bool", "when": {"kind": ["a", "b"]}},
        "rate": {"type": "float", "low": 0.01, "high": 100.0, "log": True, "when": {"deep": True}},
        "width": {"type": "int", "low": 1, "high": 5},
    }
)


def _row(space: SearchSpace, point: Point) -> list[float]:
    columns = columns_of(space)
    row = encode(columns, point)
    values = [float(c.labels.index(str(row[c.name]))) if c.kind == "label" else float(row[c.name]) for c in columns]
    # Ax takes the logarithm before the model sees a row.
    return [math.log10(v) if c.log else v for c, v in zip(columns, values, strict=True)]


def _seen(space: SearchSpace, *rows: list[float]) -> list[list[float]]:
    import torch

    from tuned.advisor.features import Features, axes_of

    features: Any = Features(axes_of(space, columns_of(space)))
    found: list[list[float]] = features.transform(torch.tensor(rows, dtype=torch.float64)).tolist()
    return found


def test_what_is_switched_off_changes_nothing() -> None:
    row = _row(SPACE, {"kind": "a", "deep": False, "width": 1})
    one, other = _seen(SPACE, row, [*row[:2], row[2] + 1.0, row[3]])
    assert one == other
    # A grandchild is off with its grandparent, whatever its parent's hidden value.
    row = _row(SPACE, {"kind": "c", "width": 1})
    one, other = _seen(SPACE, row, [row[0], 1.0, 2.0, row[3]])
    assert one == other
    row = _row(SPACE, {"kind": "a", "deep": True, "rate": 1.0, "width": 1})
    one, other = _seen(SPACE, row, [*row[:2], row[2] + 1.0, row[3]])
    assert one != other


def test_unordered_values_are_equally_far_apart_and_numbers_fill_the_unit_interval() -> None:
    space = parse_space({"kind": ["a", "b", "c"], "width": {"type": "int", "low": 1, "high": 5}})
    kinds = _seen(space, *(_row(space, {"kind": kind, "width": 1}) for kind in ("a", "b", "c")))
    assert len({math.dist(kinds[i], kinds[j]) for i, j in ((0, 1), (0, 2), (1, 2))}) == 1
    widths = _seen(space, *(_row(space, {"kind": "a", "width": width}) for width in (1, 5)))
    assert [row[-1] for row in widths] == [0.0, 1.0]


def test_plain_numbers_need_no_features() -> None:
    from tuned.advisor.features import needed

    assert needed(columns_of(SPACE))
    assert not needed(columns_of(parse_space({"x": {"type": "float", "low": 0.0, "high": 1.0}, "b": {"type": "bool"}})))
