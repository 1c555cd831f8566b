"""Trials that look real, the same each time, and the daemon's order of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tuned.core.ranking import Ranking, Tier
from tuned.core.state_words import STATE_ORDER
from tuned.core.trials.filter import Columns
from tuned.wire import (
    TrialRow,
)

NOW = 1_700_000_000.0
STATES = ("completed", "completed", "pruned", "completed", "failed", "completed", "completed", "lost")
COLUMNS = Columns(("lr", "batch", "activation", "dropout"), ("val_loss",))
RANKING = Ranking("val_loss")
ACTIVATIONS = ("relu", "tanh", "gelu")


def in_order(rows: Sequence[TrialRow], sort: str, descending: bool) -> list[TrialRow]:
    """The daemon's order: by value one tier behind the other; those without a key come last."""
    keys: dict[str, Callable[[TrialRow], Any]] = {
        "number": lambda r: r.number,
        "priority": lambda r: r.priority,
        "state": lambda r: STATE_ORDER.index(r.state),
        "step": lambda r: r.last_step,
        "elapsed": lambda r: None if r.started_at is None else (r.ended_at or NOW) - r.started_at,
        "value": lambda r: None if RANKING.tier(r) is Tier.NONE else RANKING.score(r),
    }
    keys["watch"] = keys["value"]
    if sort.startswith("metrics."):
        keys[sort] = lambda r: r.metrics.get(sort.removeprefix("metrics."))
    key = keys.get(sort) or (lambda r: str(r.params[sort.removeprefix("params.")]))
    having = sorted((r for r in rows if key(r) is not None), key=lambda r: (key(r), r.number), reverse=descending)
    if sort in ("value", "watch"):
        having.sort(key=RANKING.tier)
    rest = [r for r in rows if key(r) is None]
    live = sorted((r for r in rest if r.state == "running" and sort == "watch"), key=lambda r: -r.number)
    rest = [r for r in rest if r not in live]
    return live + having + sorted(rest, key=lambda r: (STATE_ORDER.index(r.state), -r.number))


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def make_trial(number: int, state: str = "completed", study: str = "digits", **changes: object) -> TrialRow:
    """A trial that looks real; the same for the same number."""
    value = 0.9 * math.exp(-number / 12) + 0.02 * ((number * 7) % 5) + 0.01
    started = NOW - 4000 + number * 60
    ended = state in ("completed", "failed", "pruned", "cancelled", "lost")
    has_run = state != "queued"
    row = TrialRow(
        study=study,
        number=number,
        state=state,
        params={
            "lr": 10 ** (-4 + (number * 0.37) % 3),
            "batch": (32, 64, 128)[number % 3],
            "activation": ACTIVATIONS[number % 3],
            "dropout": round((number * 0.13) % 0.6, 3),
        },
        values={"val_loss": value} if has_run and state != "failed" else {},
        priority=number % 3 if state == "queued" else 0,
        origin="sobol" if number < 8 else "bayesian",
        attempt=1 if has_run else 0,
        reason="exit code 1: ValueError: loss is nan" if state == "failed" else "",
        failure="error" if state == "failed" else None,
        device="cpu:0" if has_run else "",
        seed=1000 + number,
        stage="search",
        created_at=NOW - 4100,
        started_at=started if has_run else None,
        ended_at=started + 55 if ended else None,
        why="quasi-random point" if number < 8 else "expected improvement 0.0041 over 0.012",
        stop_reason=None,
        last_step=19.0 if ended else 11.0 if has_run else None,
        retry_of=None,
    )
    return replace(row, **changes)  # type: ignore[arg-type]
