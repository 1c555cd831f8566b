"""A study as the analyses get it, out of the database: a line for the study, then a line for each trial.

Owns what is in them; the fields are those of `tuned.analyses.study_data`, by the same names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from storage import queries
from tuned.core.study import Study
from tuned.core.trials import card_figures
from tuned.core.trials.trial import Trial
from tuned.daemon.rows import SHARED, trial_row
from tuned.protocol import encode_number
from tuned.wire import CardTime

CURVE_POINTS = 200
"""Of a trial's metric."""


def study_header(study: Study, slots: int, cards: Sequence[CardTime] = ()) -> bytes:
    """A study without its trials, as a line; `cards` says where the cards' time went meanwhile."""
    return line(
        {
            "name": study.name,
            "spec": study.spec.to_public_dict(),
            "state": study.state.value,
            "created_at": study.created_at,
            "ended_at": study.ended_at,
            "slots": slots,
            "cards": [asdict(card) for card in cards],
            "steps": [] if study.playbook is None else study.playbook.to_list(),
        }
    )


def trial_lines(
    conn: Connection, trials: Iterable[Trial], used: Mapping[int, queries.Usage], located: Callable[[str], Path]
) -> bytes:
    """Trials with their thinned curves, a line each; `located` gives the place of a stored path."""
    found = []
    asked = list(trials)
    rescued = frozenset[int]().union(*(queries.rescued_trials(conn, study) for study in {t.study_id for t in asked}))
    for trial in asked:
        card = queries.figures_on_cards(conn, trial.id)
        usage = used.get(trial.id)
        run_dir = str(located(usage.run_dir)) if usage else ""
        curves = queries.curves(conn, trial.id, CURVE_POINTS)
        more = {"rescued": trial.id in rescued, "card": card}
        found.append(line(_trial(trial, curves, usage, run_dir) | more))
    return b"".join(found)


def line(data: Any) -> bytes:
    """Plain data as a line."""
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


def _trial(
    trial: Trial, curves: dict[str, queries.ThinCurve], used: queries.Usage | None, run_dir: str
) -> dict[str, Any]:
    seen = [value for value in curves[card_figures.MEMORY].values if value] if card_figures.MEMORY in curves else []
    seconds = None
    if trial.started_at is not None:
        last = max((time for curve in curves.values() for time in curve.times if time is not None), default=None)
        end = trial.ended_at if trial.ended_at is not None else last
        seconds = None if end is None else max(0.0, end - trial.started_at - trial.still_s)
    row = trial_row(trial)
    return {
        **{name: getattr(row, name) for name in SHARED},
        "values": row.values,
        "failure": row.failure or "",
        "space_version": trial.space,
        "seconds": seconds,
        "peak_memory": max(seen) if seen else used.peak_rss if used else None,
        "memory_kind": "gpu" if seen else "ram" if used and used.peak_rss else "",
        "run_dir": run_dir,
        "curves": {name: _curve(curve) for name, curve in curves.items()},
    }


def _curve(curve: queries.ThinCurve) -> dict[str, Any]:
    values = [None if value is None else encode_number(value) for value in curve.values]
    times = [None if time is None else round(time, 6) for time in curve.times]
    return {"steps": curve.steps, "values": values, "times": times, "reports": curve.reports}
