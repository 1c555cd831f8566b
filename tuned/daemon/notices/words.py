"""The words of notices: titles and texts, from studies, trials and events."""

from __future__ import annotations

from tuned.core.events import STUDY_MOVED, Event
from tuned.core.states import StudyState
from tuned.core.study import Best, Study
from tuned.core.study.notices import Notice
from tuned.core.trials.trial import Trial
from tuned.core.words import duration, number

_ENDS = {StudyState.COMPLETED: "is done", StudyState.STOPPED: "was stopped", StudyState.FAILED: "has failed"}


def notice_of(study: Study, event: Event, trial: Trial | None) -> Notice | None:
    """The notice that an event is worth; None when it is worth none.

    Args:
        study: As it is now.
        event: A study that ended or was paused by the daemon, or a trial that ended with a value.
        trial: The event's, as it is now.
    """
    if event.type == STUDY_MOVED:
        to = StudyState(event.data["to"])
        if to is StudyState.PAUSED:
            return Notice(study.name, "failing", f"{study.name} is paused", event.data.get("reason", ""))
        reason = event.data.get("reason", "")
        text = "; ".join(filter(None, (reason, _counts(study), _best(study))))
        return Notice(study.name, "done", f"{study.name} {_ENDS[to]}", text)
    objective = study.spec.objective
    if trial is None or objective is None or study.best is None or study.best.number != trial.number:
        return None
    value = study.best.values.get(objective.metric)
    if value is None:
        return None
    title = f"{study.name}: {objective.metric} {number(value)}"
    return Notice(study.name, "best", title, f"the best so far is {_named(study.best)}: {_point(study)}")


def held_up(study: str, why: str, is_disk: bool) -> Notice:
    """Nothing can be launched."""
    if is_disk:
        return Notice(study, "disk", "the disk is nearly full", why)
    return Notice(study, "stuck", "no trial is started", why)


def stuck(trial: Trial, silent_s: float) -> Notice:
    """A trial has said nothing for long."""
    name = trial.name
    step = "" if trial.last_step is None else f"; its last step was {trial.last_step:g}"
    text = f"it has written nothing for {duration(silent_s)}{step}; see: tunectl logs {name}"
    return Notice(trial.study, "stuck", f"{name} seems to be stuck", text)


def _counts(study: Study) -> str:
    return ", ".join(f"{n} {state}" for state, n in study.counts.items() if n)


def _best(study: Study) -> str:
    objective = study.spec.objective
    if objective is None or study.best is None:
        return ""
    value = study.best.values.get(objective.metric)
    shown = "" if value is None else f" {objective.metric} {number(value)}"
    return f"best{shown} in {_named(study.best)}: {_point(study)}"


def _named(best: Best) -> str:
    return f"trial {best.number}" + (", stopped early" if best.cut else "")


def _point(study: Study) -> str:
    params = {} if study.best is None else study.best.params
    return " ".join(f"{k}={number(v) if isinstance(v, float) else v}" for k, v in params.items())
