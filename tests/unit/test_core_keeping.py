"""What goes first when the disk quota is exceeded."""

from __future__ import annotations

from tuned.core.states import TrialState
from tuned.core.trials.keeping import TOP_K, Footprint, removals

S = TrialState


def footprint(number: int, state: TrialState, rank: int | None = None, **size: int) -> Footprint:
    sizes = {"checkpoint_bytes": 100, "work_bytes": 10, "log_bytes": 1, **size}
    return Footprint(
        "s", number, state, rank, None if state is S.RUNNING else float(number), active_study=True, **sizes
    )


def test_nothing_goes_within_the_quota() -> None:
    assert removals([footprint(1, S.FAILED)], used=111, quota=111) == []


def test_what_lives_and_the_best_are_never_touched() -> None:
    kept = [footprint(i, S.COMPLETED, rank=i) for i in range(1, TOP_K + 1)]
    kept += [footprint(20, S.RUNNING), footprint(21, S.PAUSED), footprint(22, S.QUEUED)]
    gone = removals([*kept, footprint(30, S.COMPLETED, rank=TOP_K + 1)], used=10_000, quota=0)
    assert {r.number for r in gone} == {30}


def test_failures_go_before_the_worst_and_checkpoints_before_logs() -> None:
    trials = [footprint(1, S.COMPLETED, rank=9), footprint(2, S.COMPLETED, rank=8), footprint(3, S.FAILED)]
    gone = removals(trials, used=333, quota=0)
    assert [(r.number, r.part) for r in gone] == [
        (3, "checkpoint"), (3, "work"), (1, "checkpoint"), (1, "work"), (2, "checkpoint"), (2, "work"),
        (3, "log"), (1, "log"), (2, "log"),
    ]  # fmt: skip


def test_it_stops_as_soon_as_the_quota_holds() -> None:
    trials = [footprint(1, S.FAILED), footprint(2, S.FAILED)]
    gone = removals(trials, used=222, quota=150)
    assert [(r.number, r.part, r.size) for r in gone] == [(1, "checkpoint", 100)]
