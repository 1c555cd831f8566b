"""How long a study will take, said at submit: from how long trials of the same code have taken before.

Owns that guess. Once trials of the study itself have ended, `tuned.daemon.estimates.pace` knows better.
"""

from __future__ import annotations

import math
from statistics import median

from sqlalchemy import Connection

from storage import queries
from tuned.core.states import TrialState
from tuned.core.study import Study, StudySpec
from tuned.core.words import duration

SAMPLE = 50
"""Trials that are looked at, the latest ones."""


def estimate(conn: Connection, spec: StudySpec, slots: int) -> tuple[float | None, str]:
    """Seconds that the study takes, and what that is based on.

    Args:
        conn: Any connection.
        spec: The study.
        slots: Trials at once.

    Returns:
        None for the seconds when nothing like it has run here.
    """
    trials, budget = spec.search.trials, spec.search.budget
    known = _known(conn, spec)
    if known is None:
        if trials is None and budget is not None:
            return budget, "its budget"
        return None, "nothing that ran here used this code; known once the first trial has ended"
    seconds, name, count = known
    each = f"{duration(seconds)} each, as {count} of {name} took"
    if trials is None:
        return budget, f"its budget; {each}"
    total = math.ceil(trials / max(1, slots)) * seconds
    if budget is not None and budget < total:
        return budget, f"its budget; {each}"
    return total, f"{trials} trials, {each}"


def _known(conn: Connection, spec: StudySpec) -> tuple[float, str, int] | None:
    """Median seconds of a completed trial of the latest study with the same code; its name, and how many trials."""
    wanted = _code(spec)
    alike = [study for study in queries.studies(conn) if _code(study.spec) == wanted]
    for study in sorted(alike, key=lambda study: (study.name == spec.name, study.created_at), reverse=True):
        taken = _durations(conn, study)
        if taken:
            return median(taken), study.name, len(taken)
    return None


def _durations(conn: Connection, study: Study) -> list[float]:
    ended = queries.trials(conn, study.id, states=[TrialState.COMPLETED], sort="ended", descending=True, limit=SAMPLE)
    return [t.ended_at - t.started_at for t in ended if t.started_at is not None and t.ended_at is not None]


def _code(spec: StudySpec) -> tuple[object, ...]:
    """The key of similar trials: the file that runs, or a command's fixed words."""
    run = spec.run
    if run.script is not None:
        return run.script, run.function
    words = [item for item in run.command if isinstance(item, str) and "{" not in item]
    return (run.cwd, *words)
