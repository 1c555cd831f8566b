"""The verbs resume, cancel, prune, kill, retry and next: one route each.

Owns the meaning of each verb for each state, as transactions in the writer's thread. A verb that fits some of its
targets changes those and says why it left the others alone. Pausing and its levels are `tuned.daemon.verbs.pausing`'s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy import Connection

from storage import queries, repository
from tuned.core.errors import InvalidInput
from tuned.core.playbook.steps import Playbook, StepState, end
from tuned.core.queue.schedule import CANCELLED
from tuned.core.states import LIVE, STUDY_ENDED, TERMINAL, Actor, StoppedBy, StopReason, StudyState, TrialState, counted
from tuned.core.study import Study
from tuned.core.trials.trial import Trial
from tuned.core.verbs import BY_NAME, Verb
from tuned.daemon import clock, failpoints
from tuned.daemon.http.context import Context, Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.resolving import resolve
from tuned.daemon.study_moves import Again, drain_study, reopen, run_failed_again
from tuned.daemon.verbs.effect import NAMED, Effect, carry_out
from tuned.daemon.verbs.retries import retry
from tuned.wire import Changed, Targets

router = make_router("verbs")

Act = Callable[[Connection, Trial, Effect, float], None]


async def act(given: Context, verb: str, targets: list[str]) -> Changed:
    """Do a verb to its targets; live trials are steered before this returns.

    Raises:
        InvalidInput, NotFound: A target is wrong; nothing has changed.
        Conflict: Nothing could be changed; the message says why.
    """
    effect = await given.commit(lambda conn: _apply(conn, verb, targets, clock.now()))
    failpoints.reach("stop.committed")
    return await carry_out(given, effect)


def _apply(conn: Connection, verb: str, texts: list[str], now: float) -> Effect:
    effect = Effect()
    for study, target, trials in resolve(conn, texts):
        if target.is_study:
            _act_on_study(conn, verb, study, effect, now)
        for trial in trials:
            _ACTS[verb](conn, trial, effect, now)
    effect.refuse_if_empty()
    return effect


def _act_on_study(conn: Connection, verb: str, study: Study, effect: Effect, now: float) -> None:
    if verb == "resume":
        frozen = [trial for trial in queries.trials(conn, study.id, states=[TrialState.RUNNING]) if trial.frozen]
        if study.state is StudyState.PAUSED:
            repository.move_study(conn, study.id, "resume", Actor.USER, now)
            effect.changed.append(study.name)
            if not queries.any_values(conn, study.id):
                effect.effects += _told(study.name, run_failed_again(conn, study, now, once=True))
        elif not frozen:
            effect.skipped.append(f"{study.name} is {study.state}")
        for trial in frozen:
            _resume(conn, trial, effect, now)
    elif verb == "cancel":
        _cancel_study(conn, study, effect, now)
    elif len(only := queries.trials(conn, study.id, limit=2)) == 1 and study.spec.search.trials == 1:
        _ACTS[verb](conn, only[0], effect, now)  # a queued command, named by its study
    else:
        raise InvalidInput(
            f"{verb} acts on trials",
            where=study.name,
            hint=f"name one, such as {study.name}/7, or {study.name}/running",
        )


def _told(study: str, again: Again) -> list[str]:
    """The sentence on points that failed before the study had a result; none without such points."""
    parts = [f"trial {old} runs again as {new}" for old, new in again.queued[:NAMED]]
    if len(again.queued) > NAMED:
        parts.append(f"so do {len(again.queued) - NAMED} more")
    if again.left:
        which = f"trial {again.left[0]} has failed twice, and is left out"
        parts.append(f"{which} (mended: tunectl retry {study}/{again.left[0]})")
    return [f"{study}: {', '.join(parts)}"] if parts else []


def _cancel_study(conn: Connection, study: Study, effect: Effect, now: float) -> None:
    if study.state in STUDY_ENDED:
        effect.skipped.append(f"{study.name} is {study.state}")
        return
    if study.state is not StudyState.DRAINING:
        drain_study(conn, study.id, CANCELLED, Actor.USER, now)
    for trial in queries.trials(conn, study.id, states=[*LIVE, TrialState.PAUSED]):
        _cancel(conn, trial, effect, now)
    if study.playbook is not None and not study.playbook.over:
        done = {"until": counted(study.point_counts), "of": study.spec.search.trials}
        after = Playbook(
            tuple(s if s.over else end(s, StepState.SKIPPED, CANCELLED, now, done) for s in study.playbook.steps)
        )
        repository.set_playbook(conn, study.id, study.playbook, after, now)
    effect.changed.append(study.name)


def _stop(conn: Connection, trial: Trial, reason: StopReason, effect: Effect, now: float) -> None:
    if effect.stop(conn, trial, reason, now):
        effect.changed.append(trial.name)


def _prune(conn: Connection, trial: Trial, effect: Effect, now: float) -> None:
    if trial.state in LIVE:
        _stop(conn, trial, StopReason.PRUNE, effect, now)
    elif trial.state is TrialState.PAUSED:
        repository.move_trial(conn, trial.id, "prune", Actor.USER, now, reason="pruned by you")
        effect.changed.append(trial.name)
    else:
        effect.skip(trial)


def _cancel(conn: Connection, trial: Trial, effect: Effect, now: float) -> None:
    if trial.state in LIVE:
        _stop(conn, trial, StopReason.CANCEL, effect, now)
    elif trial.state in TERMINAL:
        effect.skip(trial)
    else:
        repository.move_trial(conn, trial.id, "cancel", Actor.USER, now, reason=CANCELLED)
        effect.changed.append(trial.name)


def _kill(conn: Connection, trial: Trial, effect: Effect, now: float) -> None:
    if trial.state in LIVE:
        _stop(conn, trial, StopReason.KILL, effect, now)
    else:
        effect.skip(trial)


def _resume(conn: Connection, trial: Trial, effect: Effect, now: float) -> None:
    if trial.stop_reason is StopReason.PAUSE and trial.stopped_by == StoppedBy.USER:
        if repository.set_requeue(conn, trial.id, True, Actor.USER, now):
            effect.changed.append(trial.name)
        effect.effects.append(f"{trial.name}: goes on as soon as it has stopped")
    elif trial.frozen:
        repository.set_frozen(conn, trial.id, False, "thaw", Actor.USER, now)
        effect.steered.append(trial.id)
        effect.changed.append(trial.name)
    elif trial.state is TrialState.PAUSED:
        repository.move_trial(conn, trial.id, "resume", Actor.USER, now)
        reopen(conn, trial.study_id, now)
        effect.changed.append(trial.name)
    else:
        effect.skip(trial)


def _next(conn: Connection, trial: Trial, effect: Effect, now: float) -> None:
    if trial.state is TrialState.QUEUED:
        repository.make_next(conn, trial.id, now)
        effect.changed.append(trial.name)
    else:
        effect.skip(trial)


_ACTS: dict[str, Act] = {
    "resume": _resume,
    "cancel": _cancel,
    "prune": _prune,
    "kill": _kill,
    "retry": retry,
    "next": _next,
}


def _route(verb: Verb) -> Callable[[Targets, Context], Awaitable[Changed]]:
    async def handler(request: Targets, given: Given) -> Changed:
        return await act(given, verb.name, request.targets)

    handler.__name__ = verb.name
    handler.__doc__ = "\n\n".join(filter(None, (verb.meaning, verb.cost)))
    return handler


for _verb in _ACTS:
    router.post(f"/{_verb}")(_route(BY_NAME[_verb]))
