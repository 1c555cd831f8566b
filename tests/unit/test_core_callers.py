"""Caps of callers: their table, and what lies within them."""

from __future__ import annotations

from typing import Any

import pytest

from tuned.core.callers import Caps, caps_for, caps_of, check_change, over
from tuned.core.errors import Conflict, InvalidInput
from tuned.core.events import Event


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"gpu_hour": 1}, "gpu_hour"),
        ({"gpu_hours": -1}, "is no limit"),
        ({"gpu_hours": float("nan")}, "is no limit"),
        ({"gpu_hours": True}, "is no limit"),
        ({"trials": 1.5}, "is no limit"),
        ({"delete": 1}, "true or false"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_its_key(table: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refusal:
        caps_of(table, "config.toml: caller.agent")
    assert "config.toml: caller.agent." in str(refusal.value)


def test_the_narrower_of_file_and_start_holds_and_nobody_is_capped_by_nothing() -> None:
    told = {"agent": Caps(gpu_hours=2, trials=50, delete=True).to_dict()}
    assert caps_for("agent", {}, {}) is None
    assert caps_for("agent", {"agent": {"gpu_hours": 8, "trials": 10}}, told) == Caps(gpu_hours=2, trials=10)
    assert caps_for("agent", {}, told) == Caps(gpu_hours=2, trials=50, delete=True)
    assert caps_for("other", {"*": {"trials": 5}, "agent": {}}, {}) == Caps(trials=5)
    with pytest.raises(InvalidInput, match="is no table"):
        caps_for("agent", {"agent": 3}, {})


def event(type_: str, study: str = "mine", **data: Any) -> Event:
    return Event(1, 0.0, type_, study, None, data)


@pytest.mark.parametrize(
    ("caps", "happened", "used", "cap"),
    [
        (Caps(), event("study.priority", "theirs"), (0, 0, 0.0), "others"),
        (Caps(others=True), event("study.priority", "theirs"), (0, 0, 0.0), None),
        (Caps(), event("study.deleted"), (9, 9, 0.0), "delete"),
        (Caps(), event("study.deleted", renamed="mine-2"), (9, 9, 0.0), None),
        (Caps(delete=True), event("study.deleted"), (9, 9, 0.0), None),
        (Caps(trials=10), event("trial.queued"), (8, 11, 0.0), "trials"),
        (Caps(trials=10), event("trial.queued"), (8, 10, 0.0), None),
        (Caps(trials=10), event("study.priority"), (12, 12, 0.0), None),  # narrowed later: what frees is still allowed
        (Caps(gpu_hours=1), event("trial.queued"), (1, 2, 1.0), "gpu_hours"),
        (Caps(gpu_hours=1), event("study.moved", to="running"), (1, 1, 1.0), "gpu_hours"),
        (Caps(gpu_hours=1), event("study.moved", to="draining"), (1, 1, 1.0), None),
        (Caps(gpu_hours=1), event("trial.queued"), (1, 2, 0.9), None),
    ],
)
def test_what_goes_beyond_is_refused_and_the_cap_named(
    caps: Caps, happened: Event, used: tuple[int, int, float], cap: str | None
) -> None:
    if cap is None:
        check_change("agent", caps, [happened], {"mine": "agent"}, used)
        return
    with pytest.raises(Conflict) as refusal:
        check_change("agent", caps, [happened], {"mine": "agent"}, used)
    assert str(refusal.value).startswith(f"caller.agent.{cap}: ") and f"{cap} in [caller.agent]" in str(refusal.value)


def test_hours_that_are_used_halt() -> None:
    assert over(Caps(gpu_hours=1), 3, 0.99) == "" and "gpu_hours" in over(Caps(gpu_hours=1), 3, 1.0)
    assert over(Caps(trials=3), 3, 9.0) == "" and "trials" in over(Caps(trials=3), 4, 9.0)
