"""The transaction that begins a confirmation: its repetitions become trials of the stage `confirm`.

Owns what is queued. It runs in the writer's thread.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from storage import queries, repository
from storage.repository import NewTrial, trial_seed
from tuned.core.errors import InvalidInput
from tuned.core.final.confirming import candidates, interleaved
from tuned.core.playbook.spec import CONFIRM_STAGE
from tuned.core.playbook.steps import Step
from tuned.core.study import SEARCH, Study
from tuned.core.trials.trial import Trial

LOOKED_AT = 200
"""The best trials among which different points are looked for."""


def begin_confirmation(conn: Connection, study: Study, step: Step, now: float) -> Step:
    """Queue the repetitions that a step asks for.

    Raises:
        InvalidInput: There is nothing to confirm, or no such baseline.
    """
    baseline = _baseline(conn, study, step.options.get("against"))
    chosen = candidates(queries.best_trials(conn, study, LOOKED_AT), int(step.options.get("top", 3)), baseline)
    configurations = ([baseline] if baseline else []) + chosen
    before = {trial.seed for trial in queries.trials_of_stage(conn, study.id, CONFIRM_STAGE)}
    seeds = int(step.options.get("seeds", 5))
    numbers: list[int] = []
    for repetition in interleaved(configurations, len(before), seeds):
        trial = repetition.trial
        new = NewTrial(
            params=trial.params,
            origin="confirm",
            why=f"trial {trial.number} again, with seed {repetition.seed + 1} of the confirmation",
            rank=0,
            stage=CONFIRM_STAGE,
            retry_of=trial.number,
            seed=trial_seed(study.spec.search.seed, f"confirm/{repetition.seed}"),
        )
        numbers += repository.add_trials(conn, study.id, [new], now)
    result = {
        "trials": numbers,
        "candidates": [trial.number for trial in chosen],
        "baseline": None if baseline is None else baseline.number,
    }
    return replace(step, result={**step.result, **result})


def _baseline(conn: Connection, study: Study, against: int | None) -> Trial | None:
    """The trial that was named, else that of the study file's first point, where it has a result."""
    if against is not None:
        found = queries.trial(conn, study.id, against)
        if found is None or found.stage != SEARCH:
            raise InvalidInput(
                "there is no such trial of the search",
                where=f"{study.name}/{against}",
                hint=f"see: tunectl trials {study.name}",
            )
        return found
    if not study.spec.search.points:
        return None
    first = queries.trial(conn, study.id, 1)
    return first if first is not None and first.origin == "user" else None
