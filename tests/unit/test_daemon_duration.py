"""How long a study takes is estimated from trials of the same code, also where these were shorter or longer."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from storage import queries
from tests.unit.test_taking import study
from tuned.core.study import RunSpec
from tuned.daemon.estimates.duration import estimate, lengths_of, scaled

SCRIPT = "from tuned import current_trial\n"


def lengths(*args: str, **space: Any) -> dict[str, float]:
    return lengths_of(study(SCRIPT, {"x": [1, 2], **space}, *args, "{params}"), {})


def test_a_program_without_arguments_has_no_length() -> None:
    assert lengths_of(replace(study(SCRIPT, {"x": [1, 2]}), run=RunSpec("script", "train.py")), {}) == {}


@pytest.mark.parametrize(
    ("own", "wanted", "last_step", "scale"),
    [
        (lengths(epochs=4), lengths(epochs=20), None, 5.0),
        (lengths("--epochs=4"), lengths("--epochs", "2"), 3, 0.5),
        (lengths("--max_iters", "2000"), lengths(max_iters=4000), 1500, 2.0),
        (lengths("--max_iters", "2000"), lengths(max_iters=4000), None, 1.0),
        (lengths(n_steps=128, total_timesteps=6144), lengths(n_steps=256, total_timesteps=6144), 6144, 1.0),
        (lengths(n_steps=128, total_timesteps=6144), lengths(n_steps=128, total_timesteps=12288), 6144, 2.0),
        (lengths(num_boost_round=50), lengths(num_boost_round=25), 49, 0.5),
        (lengths("--epochs=4"), lengths(), 3, 1.0),
        (lengths("--lr", "0.1"), lengths("--lr", "0.2"), 3, 1.0),
    ],
)
def test_a_changed_length_changes_the_estimate(
    own: dict[str, float], wanted: dict[str, float], last_step: float | None, scale: float
) -> None:
    assert scaled(own, wanted, last_step) == scale


def test_how_long_trials_took_in_a_place_says_nothing_of_those_here(monkeypatch: pytest.MonkeyPatch) -> None:
    here = study(SCRIPT, {"x": [1, 2]}, "{params}")
    there = replace(here, run=replace(here.run, place="lab"))
    trial = SimpleNamespace(
        state="completed",
        stopped_by="",
        started_at=0.0,
        ended_at=12.0,
        still_s=3.0,
        still_since=None,
        params={},
        last_step=None,
    )
    monkeypatch.setattr(queries, "studies", lambda _: [SimpleNamespace(id=1, name="s", spec=there, created_at=0.0)])
    monkeypatch.setattr(
        queries, "trial_page", lambda _, order, __: [trial] if trial.state in (order.found.states or ()) else []
    )
    nothing: Any = None
    assert estimate(nothing, here, 1)[0] is None
    assert "9.0s each, as 1 of s took" in estimate(nothing, there, 1)[1]


def test_trials_that_had_converged_say_how_long_one_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `patience` they may be all there are; one that a rung stopped says nothing."""
    ends = [
        ("pruned", "patience", 10.0),
        ("pruned", "patience", 12.0),
        ("pruned", "asha", 1.0),
        ("completed", "disk", 2.0),
    ]
    times = {"started_at": 0.0, "still_s": 0.0, "still_since": None, "params": {}, "last_step": None}
    trials = [SimpleNamespace(state=state, stopped_by=by, ended_at=end, **times) for state, by, end in ends]
    spec = study(SCRIPT, {"x": [1, 2]}, "{params}")
    monkeypatch.setattr(queries, "studies", lambda _: [SimpleNamespace(id=1, name="s", spec=spec, created_at=0.0)])
    monkeypatch.setattr(
        queries, "trial_page", lambda _, order, __: [t for t in trials if t.state in (order.found.states or ())]
    )
    nothing: Any = None
    assert "11s each, as 2 of s took" in estimate(nothing, spec, 1)[1]
