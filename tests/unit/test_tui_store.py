from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tui.needs import Need
from tui.pages import PageQuery
from tui.picture import sort_studies
from tui.reduce import reduce_trial
from tui.rows import Rows
from tui.store import Store
from tuned.core import events as ev
from tuned.wire import (
    BestRow,
    BestSoFar,
    BestStep,
    EventRow,
    LogChunk,
    MetricRow,
    ObjectiveRow,
    StudyRow,
    TrialDetail,
    TrialRow,
)

NOW = 1_700_000_000.0


class Timer:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def trial(number: int, state: str = "running", **changes: object) -> TrialRow:
    row = TrialRow(
        study="s", number=number, state=state, params={"lr": 0.1}, values={}, priority=0, origin="sobol", attempt=1,
        reason="", failure=None, device="cpu:0", seed=1, stage="search", created_at=NOW, started_at=NOW, ended_at=None,
        why="", stop_reason=None, last_step=None, retry_of=None,
    )  # fmt: skip
    return replace(row, **changes)


def study(name: str = "s", **changes: object) -> StudyRow:
    row = StudyRow(
        name=name, state="running", priority=0, question="", counts={"running": 1}, best=None, created_at=NOW,
        reason="", ended_at=None, trials=10, started=1, method="auto", parallel=1,
        objective=ObjectiveRow("loss", "minimize", None), parameters=["lr"], eta_s=None, note="",
    )  # fmt: skip
    return replace(row, **changes)


def event(type_: str, number: int | None = 1, study_: str = "s", seq: int = 1, **data: object) -> EventRow:
    return EventRow(seq, NOW + 10, type_, study_, number, dict(data))


def points(number: int, values: list[float], attempt: int = 1, first: int = 0) -> list[MetricRow]:
    return [MetricRow("s", number, first + i, "loss", v, None, attempt) for i, v in enumerate(values)]


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def store(timer: Timer) -> Store:
    store = Store(lambda: NOW + 100, timer)
    store.put_studies([study()])
    store.put_trials("s", [trial(1), trial(2, "queued", attempt=0, started_at=None)])
    store.needs.due()
    return store


def due(store: Store, timer: Timer, after: float = 60.0) -> set[Need]:
    timer.now += after
    return set(store.needs.due())


def test_a_move_changes_state_time_and_values(store: Store) -> None:
    store.apply(event("trial.moved", **{"from": "running", "to": "completed", "attempt": 1, "values": {"loss": 0.2}}))
    row = store.trials[1]
    assert (row.state, row.ended_at, row.values) == ("completed", NOW + 10, {"loss": 0.2})


def test_the_start_of_a_queued_trial_sets_its_start(store: Store) -> None:
    store.apply(event("trial.moved", 2, **{"from": "starting", "to": "running", "attempt": 1, "device": "cpu:1"}))
    assert (store.trials[2].started_at, store.trials[2].device) == (NOW + 10, "cpu:1")


def test_an_intent_shows_until_the_trial_leaves_its_live_state() -> None:
    asked = reduce_trial(trial(1), event("trial.intent", stop_reason="prune", actor="user"))
    assert asked is not None and asked.stop_reason == "prune"
    ended = reduce_trial(asked, event("trial.moved", **{"from": "running", "to": "pruned"}))
    assert ended is not None and (ended.state, ended.stop_reason) == ("pruned", None)


def test_a_frozen_trial_is_shown_so_until_it_goes_on_or_ends() -> None:
    frozen = reduce_trial(trial(1), event("trial.frozen", frozen=True, level="freeze", actor="user"))
    assert frozen is not None and frozen.frozen
    moved = reduce_trial(frozen, event("trial.moved", **{"from": "running", "to": "pruned"}))
    assert moved is not None and not moved.frozen


def test_a_priority_event_changes_the_row(store: Store) -> None:
    store.apply(event("trial.priority", 2, **{"from": 0, "to": 5}))
    assert store.trials[2].priority == 5


def test_changes_fetch_the_page_in_view_once_and_mark_the_others_stale(store: Store, timer: Timer) -> None:
    query = PageQuery("s", "value", False)
    store.put_studies([study(counts={"completed": 500})])
    store.view_page(query, 0, 10, 500)
    store.put_page(query, 0, [trial(n) for n in range(1, 201)])
    store.view_page(query, 250, 10, 500)
    store.put_page(query, 1, [trial(n) for n in range(201, 401)])
    due(store, timer)
    store.apply(event("trial.queued", 501, params={"lr": 1.0}))
    store.apply(event("trial.queued", 502, params={"lr": 1.0}))
    assert [need for need in due(store, timer) if need.kind == "page"] == [Need("page", "s", 1)]
    store.view_page(query, 0, 10, 500)
    store.view_page(query, 0, 10, 500)
    assert due(store, timer) == {Need("page", "s", 0)}


def test_an_event_of_another_study_touches_no_row(store: Store) -> None:
    before = dict(store.trials)
    store.apply(event("trial.moved", 1, "other", **{"from": "running", "to": "failed"}))
    assert store.trials == before


def test_metrics_move_the_step_and_extend_the_selected_curve(store: Store) -> None:
    store.select_trial(1)
    store.put_curve("s", 1, points(1, [3.0, 2.0]))
    store.apply(event("trial.metrics", points=1, last={"loss": 1.5}, step=2, values={"loss": 1.5}))
    assert store.curve(1, "loss") == [(0.0, 3.0), (1.0, 2.0), (2.0, 1.5)]
    assert (store.trials[1].last_step, store.trials[1].values) == (2, {"loss": 1.5})


def test_a_batch_of_several_steps_fetches_the_curve_instead_of_guessing(store: Store, timer: Timer) -> None:
    store.select_trial(1)
    store.put_curve("s", 1, points(1, [3.0]))
    due(store, timer)
    store.apply(event("trial.metrics", points=4, last={"loss": 1.0}, step=4, values={}))
    assert store.curve(1, "loss") == [(0.0, 3.0)]
    assert Need("curve", "s", 1) in due(store, timer)


def test_a_step_that_goes_back_fetches_the_curve(store: Store, timer: Timer) -> None:
    store.select_trial(1)
    store.put_curve("s", 1, points(1, [3.0, 2.0, 1.0]))
    due(store, timer)
    store.apply(event("trial.metrics", points=1, last={"loss": 9.0}, step=1, values={}))
    assert store.curve(1, "loss")[-1] == (2.0, 1.0)
    assert Need("curve", "s", 1) in due(store, timer)


def test_in_a_curve_the_later_attempt_wins(store: Store) -> None:
    store.put_curve("s", 1, points(1, [3.0, 2.0, 1.0]) + points(1, [1.8, 0.9], attempt=2, first=1))
    assert store.curve(1, "loss") == [(0.0, 3.0), (1.0, 1.8), (2.0, 0.9)]


def test_values_that_are_not_finite_become_floats(store: Store) -> None:
    store.put_curve(
        "s", 1, [MetricRow("s", 1, 0, "loss", "nan", None, 1), MetricRow("s", 1, 1, "loss", "inf", None, 1)]
    )
    assert [str(y) for _, y in store.curve(1, "loss")] == ["nan", "inf"]


def test_curves_do_not_pile_up_but_the_best_stays(store: Store) -> None:
    store.put_studies([study(best=BestRow(1, {}, {"loss": 0.1}))])
    for number in range(1, 200):
        store.put_curve("s", number, points(number, [1.0]))
    assert store.curve(1, "loss")
    assert sum(bool(store.curve(n, "loss")) for n in range(1, 200)) < 30


def test_the_log_is_cut_into_lines_and_continues(store: Store) -> None:
    store.select_trial(1)
    store.put_log("s", 1, LogChunk("one\ntw", 1, 6, False, size=6))
    store.put_log("s", 1, LogChunk("o\nthree", 1, 13, False, begin=6, size=13))
    assert store.log is not None
    assert ([*store.log.lines], store.log.partial, store.log.offset) == (["one", "two"], "three", 13)


def test_a_new_attempt_starts_a_new_log(store: Store) -> None:
    store.select_trial(1)
    store.put_log("s", 1, LogChunk("old\n", 1, 4, True))
    store.put_log("s", 1, LogChunk("new\n", 2, 4, False))
    assert store.log is not None and [*store.log.lines] == ["new"]


def test_a_log_that_nobody_watches_is_not_polled(store: Store, timer: Timer) -> None:
    store.select_trial(1)
    due(store, timer)
    store.put_log("s", 1, LogChunk("x\n", 1, 2, False))
    assert Need("log", "s", 1) not in due(store, timer)
    store.want(log=True, detail=False, queue=False)
    store.put_log("s", 1, LogChunk("y\n", 1, 4, False))
    assert Need("log", "s", 1) in due(store, timer)


def test_a_log_of_an_ended_trial_is_read_to_its_end_and_left(store: Store, timer: Timer) -> None:
    store.put_trials("s", [trial(1, "completed")])
    store.select_trial(1)
    store.want(log=True, detail=False, queue=False)
    due(store, timer)
    store.put_log("s", 1, LogChunk("last words\n", 1, 11, True))
    assert Need("log", "s", 1) in due(store, timer)
    store.put_log("s", 1, LogChunk("", 1, 11, True))
    assert Need("log", "s", 1) not in due(store, timer)


def test_what_belongs_to_another_selection_is_dropped(store: Store) -> None:
    store.select_trial(2)
    store.put_log("s", 1, LogChunk("late\n", 1, 5, False))
    store.put_trials("other", [trial(9)])
    assert store.log is None and 9 not in store.trials


def test_a_need_is_served_once_and_the_earlier_time_stands(store: Store, timer: Timer) -> None:
    store.need("status", delay=5)
    store.need("status", delay=1)
    store.need("status", delay=9)
    assert store.needs.next_due() == pytest.approx(1)
    timer.now += 2
    assert store.needs.due() == [Need("status")]
    assert store.needs.due() == [] and store.needs.next_due() is None


def test_small_curves_of_the_next_study_are_not_asked_of_the_one_before(store: Store) -> None:
    store.want_trends([1])
    store.select_study("next")
    store.want_trends([7])
    assert store.take_trends("s") == []
    assert store.take_trends("next") == [7]


def test_a_small_curve_is_whole_after_batches_and_after_the_end(store: Store, timer: Timer) -> None:
    """A batch of several reports tells its last alone; reports come while an answer is on its way, too."""

    def fetch(values: list[float], meanwhile: Callable[[], None] = lambda: None) -> None:
        store.want_trends([1])
        timer.now += 2
        assert Need("trends", "s") in store.needs.due()
        numbers = store.take_trends("s")
        meanwhile()
        store.put_trends("s", numbers, points(1, values))

    def report(step: int, value: float, count: int = 1) -> None:
        store.apply(event(ev.TRIAL_METRICS, step=step, points=count, last={"loss": value}))

    fetch([5.0], lambda: report(1, 4.0))
    fetch([5.0, 4.0])
    report(2, 3.0)
    assert store.trends.sampled(1, 8) == [5.0, 4.0, 3.0]
    store.want_trends([1])
    assert store.take_trends("s") == [], "nothing is lacking"
    report(4, 1.0, 2)
    fetch([5.0, 4.0, 3.0, 2.0, 1.0])
    store.apply(event(ev.TRIAL_MOVED, to="completed"))
    fetch([5.0, 4.0, 3.0, 2.0, 1.0, 0.5])
    assert store.trends.sampled(1, 8) == [5.0, 4.0, 3.0, 2.0, 1.0, 0.5]


def test_staleness_counts_from_the_first_failure(store: Store) -> None:
    store.went_live()
    store.went_stale("gone")
    first = store.stale_since
    store.clock = lambda: NOW + 500
    store.went_stale("still gone")
    assert store.stale_since == first and not store.connected and store.loaded


def test_nothing_seen_means_no_new_revision(store: Store) -> None:
    before = store.revision
    store.put_studies([study()])
    store.put_curve("s", 1, [])
    store.select_trial(store.selected)
    revision = store.revision
    store.put_curve("s", 1, [])
    store.put_studies([study()])
    assert store.revision == revision
    assert revision <= before + 1


def test_a_deleted_study_gives_way_to_the_next(store: Store) -> None:
    store.put_studies([study(), study("t")])
    store.apply(event("study.deleted", None))
    store.put_studies([study("t")])
    assert store.study == "t" and store.trials == {}


def test_the_best_so_far_is_the_daemons_and_goes_on_with_the_events(store: Store) -> None:
    store.put_best_so_far("s", BestSoFar(2, [BestStep(1, 1, 3.0), BestStep(2, 2, 2.0)]))
    for number, state, loss in ((3, "completed", 1.0), (4, "failed", 0.0), (5, "completed", 1.5)):
        store.apply(event("trial.moved", number, **{"from": "running", "to": state, "values": {"loss": loss}}))
    assert store.best_so_far()[-1] == (4.0, 1.0)


def test_running_studies_come_first_then_priority() -> None:
    rows = [study("done", state="completed"), study("low"), study("high", priority=3), study("off", state="paused")]
    assert [row.name for row in sort_studies(rows)] == ["high", "low", "off", "done"]


def test_progress_counts_points_of_the_search_that_have_ended() -> None:
    counts = {"completed": 8, "pruned": 3, "failed": 2, "cancelled": 4, "lost": 1, "running": 2, "queued": 1}
    row = study(counts=counts, aside={"completed": 2}, again={"completed": 1, "running": 1}, trials=40)
    assert (row.finished, row.progress) == (10, "10/40")
    assert row.searched == {**counts, "completed": 5, "running": 1}
    assert study(counts={"cancelled": 1}, trials=None).progress == "0"
    beyond = study(counts={"completed": 4, "running": 1}, trials=4)
    assert beyond.progress == "4/5", "one that a person queued beyond them runs: it is not over"


def test_the_rank_of_a_trial_is_the_daemons(store: Store) -> None:
    rows = Rows(store)
    store.select_trial(1)
    assert rows.rank(1) is None, "not known yet"
    store.put_detail(TrialDetail(store.trials[1], None, "", [], "", 0, rank=3, ranked=5999))
    assert rows.rank(1) == (3, 5999) and rows.rank(2) is None
