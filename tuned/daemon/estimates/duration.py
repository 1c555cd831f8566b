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
from storage.queries import Order
from tuned.core import words
from tuned.core.program.arguments import items_of
from tuned.core.ranking import whole
from tuned.core.space import Value
from tuned.core.space.unit import value_at
from tuned.core.states import VALUED, TrialState
from tuned.core.study import Study, StudySpec
from tuned.core.trials.filter import InStates, TrialFilter
from tuned.core.trials.ran import ran_s
from tuned.core.trials.trial import Trial
from tuned.core.words import duration
from tuned.daemon import clock

EPOCHS = re.compile(r"(?:.*[._])?(?:max_|num_|n_)?(?:train_)?epochs")
"""Names that say for how many epochs a trial trains."""
STEPS = re.compile(
    r"(?:.*[._])?(?:max_|num_|n_|total_|train_|boost_)*(?:steps|iters?|iterations|timesteps|rounds?|updates)"
)
"""Names that may say for how many steps a trial trains: they do where a trial's last step was near that."""
SAMPLE = 50
"""Trials of each end that are looked at, the latest ones."""


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
    return total, f"{words.count(trials, 'trial')}, {each}"


def _known(conn: Connection, spec: StudySpec) -> tuple[float, str, int] | None:
    """Median seconds of a whole trial of the latest study with the same code; its name, and how many trials.

    A trial's length is taken to grow with its epochs or steps, where both studies say how many. Other machines take
    other times: what ran in a place says nothing of trials here, nor the other way round.
    """
    lengths = lengths_of(spec, {})
    wanted = _code(spec)
    alike = [study for study in queries.studies(conn) if _code(study.spec) == wanted]
    for study in sorted(alike, key=lambda study: (study.name == spec.name, study.created_at), reverse=True):
        taken = _durations(conn, study, lengths)
        if taken:
            return median(taken), study.name, len(taken)
    return None


def _durations(conn: Connection, study: Study, lengths: Mapping[str, float]) -> list[float]:
    found = []
    for trial in (trial for state in VALUED for trial in _latest(conn, study, state)):
        seconds = ran_s(trial, clock.now()) if whole(trial) else None
        if seconds is not None:
            found.append(seconds * scaled(lengths_of(study.spec, trial.params), lengths, trial.last_step))
    return found


def _latest(conn: Connection, study: Study, state: TrialState) -> list[Trial]:
    found = TrialFilter("", (InStates(frozenset({state})),))
    return queries.trial_page(conn, Order(study.id, found=found, sort="ended", descending=True), SAMPLE)


def scaled(own: Mapping[str, float], wanted: Mapping[str, float], last_step: float | None) -> float:
    """How many times longer a trial is than one that has run: 1 where nothing says it.

    Args:
        own: Name -> number of epochs or steps of the trial that has run.
        wanted: The same of the trial to be.
        last_step: The last step that was reported; None: none was.
    """
    for name in (*filter(EPOCHS.fullmatch, own), *own):
        measured = last_step is not None and own[name] / 2 <= last_step + 1 <= own[name] + 1
        if name in wanted and (measured or EPOCHS.fullmatch(name)):
            return wanted[name] / own[name]
    return 1.0


def lengths_of(spec: StudySpec, params: Mapping[str, Value]) -> dict[str, float]:
    """Name -> number of epochs or steps, by parameters (else the middle of the space) and plain arguments."""
    found: dict[str, object] = {}
    words = [word for _, item in items_of(spec.run) for word in ((item,) if isinstance(item, str) else item)]
    for word, behind in zip(words, [*words, ""][1:], strict=True):
        flag, equals, text = word.partition("=")
        found[flag.lstrip("-")] = text if equals else behind
    found |= {name.lower(): text for name, text in spec.run.env.items()}
    for parameter in spec.space.parameters:
        middle = parameter.values[0] if parameter.kind in ("fixed", "choice") else value_at(parameter, 0.5)
        found[parameter.name] = params.get(parameter.name, middle)
    numbers = {name.replace("-", "_"): _number(value) for name, value in found.items()}
    named = {name: value for name, value in numbers.items() if EPOCHS.fullmatch(name) or STEPS.fullmatch(name)}
    return {name: value for name, value in named.items() if value is not None and value > 0}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _code(spec: StudySpec) -> tuple[object, ...]:
    """The key of similar trials: where, and the file that runs, or a command's fixed words but for numbers."""
    run = spec.run
    if run.script is not None:
        return run.place, run.script, run.function
    plain = [item for item in run.command if isinstance(item, str) and "{" not in item]
    words = [item for item in plain if _number(item.rpartition("=")[2]) is None]
    return (run.place, run.cwd, *words)
