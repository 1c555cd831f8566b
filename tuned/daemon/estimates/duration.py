"""How long a study will take, said at submit: from how long trials of the same code have taken before.

Owns that guess. Once trials of the study itself have ended, `tuned.daemon.estimates.pace` knows better.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from statistics import median

from sqlalchemy import Connection

from storage import queries
from tuned.core.space import Value
from tuned.core.space.unit import value_at
from tuned.core.states import TrialState
from tuned.core.study import Study, StudySpec
from tuned.core.words import duration

EPOCHS = re.compile(r"(?:.*[._])?(?:max_|num_|n_)?(?:train_)?epochs")
"""Names of parameters that say for how many epochs a trial trains."""
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
    """Median seconds of a completed trial of the latest study with the same code; its name, and how many trials.

    A trial's length is taken to grow with its epochs, where both studies say how many.
    """
    wanted_epochs = _epochs(spec, {})
    wanted = _code(spec)
    alike = [study for study in queries.studies(conn) if _code(study.spec) == wanted]
    for study in sorted(alike, key=lambda study: (study.name == spec.name, study.created_at), reverse=True):
        taken = _durations(conn, study, wanted_epochs)
        if taken:
            return median(taken), study.name, len(taken)
    return None


def _durations(conn: Connection, study: Study, epochs: float | None) -> list[float]:
    ended = queries.trials(conn, study.id, states=[TrialState.COMPLETED], sort="ended", descending=True, limit=SAMPLE)
    found = []
    for trial in ended:
        if trial.started_at is not None and trial.ended_at is not None:
            own = _epochs(study.spec, trial.params)
            scale = epochs / own if epochs and own else 1.0
            found.append((trial.ended_at - trial.started_at) * scale)
    return found


def _epochs(spec: StudySpec, params: Mapping[str, Value]) -> float | None:
    """Epochs of a trial with these parameters, or of one in the middle of the space; None where nothing says it."""
    for parameter in spec.space.parameters:
        if EPOCHS.fullmatch(parameter.name.replace("-", "_")) is None:
            continue
        value = params.get(parameter.name)
        if value is None:
            value = parameter.values[0] if parameter.kind == "fixed" else value_at(parameter, 0.5)
        return float(value) if isinstance(value, int | float) and value > 0 else None
    return None


def _code(spec: StudySpec) -> tuple[object, ...]:
    """The key of similar trials: the file that runs, or a command's fixed words."""
    run = spec.run
    if run.script is not None:
        return run.script, run.function
    words = [item for item in run.command if isinstance(item, str) and "{" not in item]
    return (run.cwd, *words)
