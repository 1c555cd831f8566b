"""What people do to trials and studies: pause, resume, cancel, prune, kill, retry, next, priority.

Owns the meaning of each verb for each state, as transactions in the writer's thread. A verb that fits some of its
targets changes those and says why it left the others alone. Pausing with its levels, and pausing whole studies, is
`tuned.daemon.steering.pausing`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from storage import queries, repository
from storage.repository import NewTrial
from tuned.core.errors import Conflict, InvalidInput
from tuned.core.playbook.pipeline import Pipeline, StepState, end
from tuned.core.priorities import check_priority
from tuned.core.schedule import CANCELLED, DONE, counted
from tuned.core.states import LIVE, STUDY_ENDED, TERMINAL, Actor, StopReason, StudyState, TrialState
from tuned.core.study import Study
from tuned.core.trial import Trial
from tuned.daemon.resolving import resolve
from tuned.daemon.study_moves import drain_study


@dataclass(slots=True)
class Effect:
    """What a verb did.

    Attributes:
        changed: `STUDY` or `STUDY/NUMBER`.
        skipped: Targets left alone, with the reason.
        told: Live trials that are wanted to end, to stand still or to move from now on, by their row.
        effects: What the paused ones keep and lose, one line each.
    """

    changed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)


Verb = Callable[[Connection, Trial, Effect, float], None]


def act(conn: Connection, verb: str, texts: list[str], now: float) -> Effect:
    """Do a verb to its targets.

    Raises:
        InvalidInput, NotFound: A target is wrong; nothing has changed.
        Conflict: Nothing could be changed; the message says why.
    """
    effect = Effect()
    for study, target, trials in resolve(conn, texts):
        if target.is_study:
            _act_on_study(conn, verb, study, effect, now)
        for trial in trials:
            _TRIAL_VERBS[verb](conn, trial, effect, now)
    if not effect.changed and effect.skipped:
        raise Conflict("; ".join(effect.skipped))
    return effect


def _act_on_study(conn: Connection, verb: str, study: Study, effect: Effect, now: float) -> None:
    if verb == "resume":
        frozen = [trial for trial in queries.trials(conn, study.id, states=[TrialState.RUNNING]) if trial.frozen]
        if study.state is StudyState.PAUSED:
            repository.move_study(conn, study.id, "resume", Actor.USER, now)
            effect.changed.append(study.name)
        elif not frozen:
            effect.skipped.append(f"{study.name} is {study.state}")
        for trial in frozen:
            _resume(conn, trial, effect, now)
    elif verb == "cancel":
        _cancel_study(conn, study, effect, now)
    else:
        raise InvalidInput(
            f"{verb} acts on trials",
            where=study.name,
            hint=f"name one, such as {study.name}/7, or {study.name}/running",
        )


def _cancel_study(conn: Connection, study: Study, effect: Effect, now: float) -> None:
    if study.state in STUDY_ENDED:
        effect.skipped.append(f"{study.name} is {study.state}")
        return
    if study.state is not StudyState.DRAINING:
        drain_study(conn, study.id, CANCELLED, Actor.USER, now)
    for trial in queries.trials(conn, study.id, states=[*LIVE, TrialState.PAUSED]):
        _cancel(conn, trial, effect, now)
    if study.pipeline is not None and not study.pipeline.over:
        done = {"until": counted(study.point_counts), "of": study.spec.search.trials}
        after = Pipeline(
            tuple(s if s.over else end(s, StepState.SKIPPED, CANCELLED, now, done) for s in study.pipeline.steps)
        )
        repository.set_pipeline(conn, study.id, study.pipeline, after, now)
    effect.changed.append(study.name)


def _name(trial: Trial) -> str:
    return f"{trial.study}/{trial.number}"


def _ask_to_stop(conn: Connection, trial: Trial, reason: StopReason, effect: Effect, now: float) -> None:
    if repository.set_intent(conn, trial.id, reason, Actor.USER, now):
        effect.changed.append(_name(trial))
        effect.told.append(trial.id)
    else:
        effect.skipped.append(f"{_name(trial)} is being stopped already ({trial.stop_reason})")


def _skip(trial: Trial, effect: Effect) -> None:
    effect.skipped.append(f"{_name(trial)} is {trial.state}")


def _pause(conn: Connection, trial: Trial, effect: Effect, now: float) -> None:
    if trial.state in LIVE:
        _ask_to_stop(conn, trial, StopReason.PAUSE, effect, now)
    else:
        _skip(trial, effect)


def _prune(conn: Connection, trial: Trial, effect: Effect, now: float) -> None:
    if trial.state in LIVE:
        _ask_to_stop(conn, trial, StopReason.PRUNE, effect, now)
    elif trial.state is TrialState.PAUSED:
        repository.move_trial(conn, trial.id, "prune", Actor.USER, now, reason="pruned by you")
        effect.changed.append(_name(trial))
    else:
        _skip(trial, effect)


def _cancel(conn: Connection, trial: Trial, effect: Effect, now: float) -> None:
    if trial.state in LIVE:
        _ask_to_stop(conn, trial, StopReason.CANCEL, effect, now)
    elif trial.state in TERMINAL:
        _skip(trial, effect)
    else:
        repository.move_trial(conn, trial.id, "cancel", Actor.USER, now, reason=CANCELLED)
        effect.changed.append(_name(trial))


def _kill(conn: Connection, trial: Trial, effect: Effect, now: float) -> None:
    if trial.state in LIVE:
        _ask_to_stop(conn, trial, StopReason.KILL, effect, now)
    else:
        _skip(trial, effect)


def _resume(conn: Connection, trial: Trial, effect: Effect, now: float) -> None:
    if trial.frozen:
        repository.set_frozen(conn, trial.id, False, "thaw", Actor.USER, now)
        effect.told.append(trial.id)
        effect.changed.append(_name(trial))
    elif trial.state is TrialState.PAUSED:
        repository.move_trial(conn, trial.id, "resume", Actor.USER, now)
        reopen(conn, trial.study_id, now)
        effect.changed.append(_name(trial))
    else:
        _skip(trial, effect)


def _retry(conn: Connection, trial: Trial, effect: Effect, now: float) -> None:
    """The row of an ended trial never changes: the same point runs again under a new number."""
    if trial.state not in TERMINAL:
        _skip(trial, effect)
        return
    waiting = retries_of(conn, trial)
    if waiting:
        effect.skipped.append(f"{_name(trial)} runs again already, as {_name(waiting[0])}")
        return
    new = NewTrial(
        params=trial.params,
        origin="retry",
        why=f"trial {trial.number} again, which is {trial.state}",
        priority=trial.priority,
        rank=0,
        retry_of=trial.number,
    )
    (number,) = repository.add_trials(conn, trial.study_id, [new], now)
    reopen(conn, trial.study_id, now)
    effect.changed.append(f"{trial.study}/{number}")


def retries_of(conn: Connection, trial: Trial) -> list[Trial]:
    """The trials that repeat this one and have not ended."""
    states = [state for state in TrialState if state not in TERMINAL]
    waiting = queries.trials(conn, trial.study_id, states=states)
    return [t for t in waiting if t.origin == "retry" and t.retry_of == trial.number]


def undo_retry(conn: Connection, texts: list[str], now: float) -> Effect:
    """Take back retries that have not begun, named by the trial that was to run again, or by the new one.

    A study that had ended and goes on because of such a retry alone ends again, as it had.

    Raises:
        InvalidInput, NotFound: A target is wrong; nothing has changed.
        Conflict: Nothing could be taken back; the message says why.
    """
    effect = Effect()
    for study, target, trials in resolve(conn, texts):
        if target.is_study:
            raise InvalidInput("names no trial", where=study.name, hint=f"name one, such as {study.name}/7")
        for trial in trials:
            again = [trial] if trial.origin == "retry" else retries_of(conn, trial)
            if not again:
                effect.skipped.append(f"{_name(trial)} is not to run again")
            for retry in again:
                _take_back(conn, study, retry, effect, now)
    if not effect.changed and effect.skipped:
        raise Conflict("; ".join(effect.skipped))
    return effect


def _take_back(conn: Connection, study: Study, retry: Trial, effect: Effect, now: float) -> None:
    if retry.state is not TrialState.QUEUED or retry.attempt:
        effect.skipped.append(f"{_name(retry)} is {retry.state} (tunectl cancel {_name(retry)})")
        return
    repository.move_trial(conn, retry.id, "cancel", Actor.USER, now, reason="its retry was taken back")
    effect.changed.append(_name(retry))
    moved = queries.last_study_move(conn, study.name)
    # Both were written at one moment, in one transaction.
    if moved is not None and moved.data.get("event") == "reopen" and moved.at == retry.created_at:
        drain_study(conn, study.id, CANCELLED if moved.data["from"] == StudyState.STOPPED else DONE, Actor.USER, now)


def _next(conn: Connection, trial: Trial, effect: Effect, now: float) -> None:
    if trial.state is TrialState.QUEUED:
        repository.make_next(conn, trial.id, now)
        effect.changed.append(_name(trial))
    else:
        _skip(trial, effect)


_TRIAL_VERBS: dict[str, Verb] = {
    "pause": _pause,
    "resume": _resume,
    "cancel": _cancel,
    "prune": _prune,
    "kill": _kill,
    "retry": _retry,
    "next": _next,
}

VERBS = tuple(_TRIAL_VERBS)


def reopen(conn: Connection, study_id: int, now: float) -> None:
    """A study that has ended runs again, because something was queued in it.

    Raises:
        Conflict: It is ending just now, and would cancel what was queued.
        IllegalMove: It failed, which is final.
    """
    study = queries.study_by_id(conn, study_id)
    if study.state is StudyState.DRAINING:
        raise Conflict(f"{study.name} is ending ({study.reason})", hint="wait for its last trials, then try again")
    if study.state in STUDY_ENDED:
        repository.move_study(conn, study_id, "reopen", Actor.USER, now, reason="")


def reprioritise(conn: Connection, texts: list[str], value: int, relative: bool, now: float) -> Effect:
    """Set or shift the priority of studies and trials.

    Raises:
        InvalidInput, NotFound: A target or the priority is wrong; nothing has changed.
        Conflict: Every target has ended.
    """
    effect = Effect()
    for study, target, trials in resolve(conn, texts):
        if target.is_study:
            new = check_priority(value + (study.priority if relative else 0))
            repository.set_study_priority(conn, study.id, new, now)
            effect.changed.append(study.name)
        for trial in trials:
            if trial.state in TERMINAL:
                _skip(trial, effect)
                continue
            new = check_priority(value + (trial.priority if relative else 0))
            repository.set_priority(conn, trial.id, new, now)
            effect.changed.append(_name(trial))
    if not effect.changed and effect.skipped:
        raise Conflict("; ".join(effect.skipped))
    return effect
