"""Points of a person's own, as one transaction: its cost, and the cap that is looked at before the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from storage import queries
from tuned.core.callers import Caps
from tuned.core.errors import Conflict
from tuned.daemon.callers import Caller
from tuned.daemon.trials import enqueuing
from tuned.wire import Enqueue

if TYPE_CHECKING:
    from conftest import Lab

NOW = 1_000_000.0


def enqueue(lab: Lab, study: int, points: list[Any], seeds: int = 1, caller: Caller | None = None) -> list[int]:
    def change(conn):
        return enqueuing._enqueue(conn, queries.study_by_id(conn, study), Enqueue(points, 0, None, seeds), NOW, caller)

    return lab.do(change if caller is None else caller.guarded(change))


def test_points_and_their_seeds_have_numbers_seeds_and_events_of_their_own(lab: Lab) -> None:
    study = lab.study("s")
    lab.queue(study)
    assert enqueue(lab, study, [{"lr": 0.5, "width": [1, 2]}], seeds=2) == [2, 3, 4, 5]
    trials = [lab.trial(study, number) for number in (2, 3, 4, 5)]
    assert [t.params["width"] for t in trials] == [1, 1, 2, 2] and [t.retry_of for t in trials] == [None, 2, None, 4]
    assert len({t.seed for t in trials}) == 4 and [e.number for e in lab.events()[-4:]] == [2, 3, 4, 5]
    assert enqueue(lab, study, [{"lr": 0.1}]) == [6]


def test_what_many_points_cost_does_not_grow_with_what_is_around_them(lab: Lab) -> None:
    study, said = lab.study("s"), [0]

    def count(*_: Any) -> None:
        said[0] += 1

    def statements(points: int) -> int:
        said[0] = 0
        event.listen(lab.database.writer._conn, "before_cursor_execute", count)
        try:
            enqueue(lab, study, [{"lr": i / 1000, "width": 1} for i in range(points)])
        finally:
            event.remove(lab.database.writer._conn, "before_cursor_execute", count)
        return said[0]

    assert statements(300) == statements(3)


def test_a_cap_is_looked_at_before_the_points_are_made(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = Caller("agent", Caps(trials=12, others=True))
    study = lab.study("s")
    assert len(enqueue(lab, study, [{"lr": 0.1}], seeds=3, caller=agent)) == 3

    def never(*_: Any) -> Any:
        raise AssertionError("a point was made")

    monkeypatch.setattr(enqueuing, "complete_point", never)
    with pytest.raises(Conflict, match="may have 12 trials in all, and with this it would have 1003") as refused:
        enqueue(lab, study, [{"lr": 0.1}], seeds=1000, caller=agent)
    assert refused.value.where == "caller.agent.trials"
    free = Caller("agent", Caps(gpu_hours=1.0, others=True))
    with pytest.raises(AssertionError, match="a point was made"):
        enqueue(lab, study, [{"lr": 0.1}], seeds=1000, caller=free)
