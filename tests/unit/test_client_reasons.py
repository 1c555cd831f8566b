"""Reasons as sentences: what waits, runs and is done, each number with the verb that agrees with it."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from typing import Any

import pytest

from tuned.cli.verbs.status import _used
from tuned.client.reasons import study_reasons, trial_reasons
from tuned.core.callers import Caps, halted, over
from tuned.wire import CallerRow, DaemonStatus, PlaceRow, RungRow, StudyRow, TrialDetail, TrialRow


def made(kind: Any, **given: Any) -> Any:
    """One of that kind in which nothing is told but this."""
    return kind(**{**{f.name: None for f in fields(kind) if f.default is f.default_factory is MISSING}, **given})


@pytest.mark.parametrize(
    ("running", "slots", "told"), [(1, 1, "1 trial runs on 1 slot"), (2, 2, "2 trials run on 2 slots")]
)
def test_a_trial_waits_behind_those_that_run(running: int, slots: int, told: str) -> None:
    study = made(StudyRow, name="s", state="running", priority=0)
    row = made(TrialRow, study="s", number=3, state="queued", priority=0, origin="sobol")
    status = made(DaemonStatus, running=running, slots=slots, devices=[])
    found = trial_reasons(TrialDetail(row, None, "", [], "", 0), study, [row], status)
    assert found[-1].evidence[0] == told


def test_trials_in_places_take_no_slot_here() -> None:
    study = made(StudyRow, name="s", state="running", priority=0)
    row = made(TrialRow, study="s", number=3, state="queued", priority=0, origin="sobol")
    places = [made(PlaceRow, name="lab", held=4)]
    status = made(DaemonStatus, running=5, slots=1, devices=[], places=places)
    found = trial_reasons(TrialDetail(row, None, "", [], "", 0), study, [row], status)
    assert found[-1].evidence[0] == "1 trial runs on 1 slot"


def test_the_rung_that_ended_a_trial_is_told_once() -> None:
    study = made(StudyRow, name="s", state="running", priority=0)
    row = made(TrialRow, study="s", number=3, state="pruned", priority=0, origin="sobol", stopped_by="rung")
    rung = made(RungRow, why="loss 0.9 at step 1: not among the best 1 of 4 (to 0.2)")
    for reason in (rung.why, f"{rung.why}; its study has ended"):
        detail = TrialDetail(replace(row, reason=reason), None, "", [], "", 0, rungs=[rung])
        found = trial_reasons(detail, study, [], made(DaemonStatus))
        assert found[-1].evidence == [reason]


def test_a_study_that_a_cap_has_halted_is_not_mended_by_its_script() -> None:
    reason = halted("agent", over(Caps(gpu_hours=8.0), 1, 8.0))
    (found,) = study_reasons(
        made(StudyRow, name="s", state="paused", reason=reason, paused_by="cap"), [], made(DaemonStatus)
    )
    assert found.evidence == [reason, "once a person has widened the cap: tunectl resume s"]


def test_a_study_of_one_trial_is_done() -> None:
    row = made(StudyRow, name="s", state="completed", started=1, reason="")
    (reason,) = study_reasons(row, [], made(DaemonStatus))
    assert reason.evidence == ["its 1 trial is done"]


@pytest.mark.parametrize(
    ("trials", "most", "told"), [(1, None, "1 trial, 0.00 GPU-hours"), (1, 5, "1 of 5 trials, 0.00 GPU-hours")]
)
def test_a_caller_has_used_so_many_trials(trials: int, most: int | None, told: str) -> None:
    row = made(CallerRow, trials=trials, hours=0.0, most_trials=most, most_hours=None, capped=True)
    assert _used(row) == told
