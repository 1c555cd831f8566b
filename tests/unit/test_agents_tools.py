"""The answers of the tools for agents: bounded, whatever was asked."""

from __future__ import annotations

from tuned.agents.tools import MOST_ROWS, cut


def test_lists_of_a_change_are_cut_and_what_is_missing_is_said() -> None:
    assert cut({"trials": [1, 2], "study": "s"}) == {"trials": [1, 2], "study": "s"}
    many = list(range(MOST_ROWS + 7))
    assert cut({"changed": many, "skipped": many[: MOST_ROWS + 1], "effects": []}) == {
        "changed": many[:MOST_ROWS], "skipped": many[:MOST_ROWS], "effects": [], "left_out": 8,
    }  # fmt: skip
