"""Steps and events in words: every kind of event says something, and which step counts as the present one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.snapshot.fake_client import FakeClient
from tests.snapshot.fake_rows import NOW
from tui.cells import text_of
from tui.context import Context, Options
from tui.glyphs import ASCII
from tui.rows import Rows
from tui.steps import present, verbs
from tui.store import Store
from tui.views import frame
from tui.views.event_text import describe
from tui.views.output import event_line
from tuned.core import events as ev
from tuned.wire import EventRow, StepRow

KINDS = [value for name, value in vars(ev).items() if name.isupper() and value != ev.TRIAL_METRICS]
TOLD: dict[str, tuple[dict[str, Any], str]] = {
    ev.STUDY_STEP: (
        {"step": "confirm", "id": "confirm", "state": "done", "why": "#7 holds"},
        "step confirm done: #7 holds",
    ),
    ev.STUDY_PHASE: ({"method": "bayesian", "why": "20 trials"}, "points by bayesian from now on: 20 trials"),
    ev.STUDY_CHANGED: ({"changes": ["search.trials: 50 -> 80"]}, "changed: search.trials: 50 -> 80"),
    ev.STUDY_SPACE: ({"version": 2, "changes": ["lr.high: 0.1 -> 1"]}, "space v2: lr.high: 0.1 -> 1"),
    ev.TRIAL_REPLACED: (
        {"origin": "sobol", "why": "not in version 2"},
        "has another point, by sobol: not in version 2",
    ),
    ev.TRIAL_FROZEN: ({"frozen": True, "level": "freeze"}, "stands still"),
    ev.TRIAL_INTENT: (
        {"stop_reason": "prune", "actor": "scheduler", "why": "9 of 12"},
        "scheduler asked: prune: 9 of 12",
    ),
    ev.TRIAL_RUNG: (
        {"step": 9, "value": 0.31, "peers": 9, "passing": 3, "verdict": "stopped"},
        "stopped at step 9: 0.3100, the best 3 of 9 pass",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_event_is_said_in_words(kind: str) -> None:
    data, words = TOLD.get(kind, ({}, ""))
    text, _ = describe(EventRow(1, 0.0, kind, "s", None, data), ASCII)
    assert words in text and kind not in text


def step(name: str, state: str) -> StepRow:
    return StepRow(name, name, state, False, {}, {}, "", None, None)


def test_the_present_step_is_what_runs_or_comes_next() -> None:
    rows = [step("coarse", "done"), step("refine", "waiting"), step("confirm", "paused"), step("report", "running")]
    assert present(rows) == (4, rows[3])
    assert present(rows[:3]) == (2, rows[1])
    assert present(rows[:1]) is None
    assert [verbs(row) for row in rows] == [(), ("pause", "skip"), ("resume", "skip"), ("pause", "skip")]


def test_a_long_name_leaves_room_for_what_matters() -> None:
    row = replace(FakeClient()._study("digits"), name="n" * 64)
    store = Store(lambda: NOW)
    store.put_studies([row])
    store.went_live()
    context = Context(store, Rows(store), Options())
    head = text_of(frame.head(context, 80))
    assert "RUNNING" in head and "18/40" in head and "best" in head and len(head) == 80
    other = text_of(
        event_line(context, EventRow(1, NOW, ev.STUDY_STEP, "o" * 64, None, {"id": "confirm", "state": "done"}))
    )
    own = text_of(
        event_line(context, EventRow(2, NOW, ev.STUDY_STEP, "n" * 64, None, {"id": "confirm", "state": "done"}))
    )
    assert "step confirm done" in other[:60] and "n" not in own.partition("step")[0]
