"""`pause`: studies start nothing more, running trials stop or stand still.

Owns that transaction. Which level does what is `tuned.core.pausing`'s to say; processes are told by whoever called.
"""

from __future__ import annotations

from sqlalchemy import Connection

from storage import queries, repository
from tuned.core.errors import Conflict
from tuned.core.pausing import Level, Refused, Running, check_level, choose
from tuned.core.states import LIVE, Actor, StopReason, StudyState, TrialState
from tuned.core.study import Study
from tuned.core.trial import Trial
from tuned.daemon.resolving import resolve
from tuned.daemon.steering.verbs import Effect


def pause(
    conn: Connection, texts: list[str], level: str | None, cuda_tool: bool, now: float, leaves_card: bool = False
) -> Effect:
    """Pause studies and trials.

    Args:
        conn: The write connection.
        texts: The targets. Of a study that is named as a whole the queue is paused; with a level, its live trials too.
        level: As typed; None: `auto`.
        cuda_tool: Whether `cuda-checkpoint` is installed.
        now: Unix seconds.
        leaves_card: The trials' GPU memory is wanted by somebody else.

    Raises:
        InvalidInput, NotFound: A target or the level is wrong; nothing has changed.
        Conflict: Nothing could be changed; the message says why.
    """
    wanted = check_level(level or "auto")
    effect = Effect()
    for study, target, trials in resolve(conn, texts):
        if target.is_study:
            _pause_study(conn, study, effect, now, alone=level is None)
            trials = [] if level is None else queries.trials(conn, study.id, states=list(LIVE))
        for trial in trials:
            _pause_trial(conn, study, trial, wanted, cuda_tool, leaves_card, effect, now)
    if not effect.changed and effect.skipped:
        raise Conflict("; ".join(effect.skipped))
    return effect


def _pause_study(conn: Connection, study: Study, effect: Effect, now: float, alone: bool) -> None:
    if study.state is StudyState.RUNNING:
        repository.move_study(conn, study.id, "pause", Actor.USER, now, reason="paused by you")
        effect.changed.append(study.name)
    elif alone or study.state is not StudyState.PAUSED:
        effect.skipped.append(f"{study.name} is {study.state}")


def _pause_trial(
    conn: Connection,
    study: Study,
    trial: Trial,
    level: Level,
    cuda_tool: bool,
    leaves_card: bool,
    effect: Effect,
    now: float,
) -> None:
    name = f"{trial.study}/{trial.number}"
    if trial.state not in LIVE:
        effect.skipped.append(f"{name} is {trial.state}")
        return
    choice = choose(level, _running(conn, study, trial), cuda_tool, leaves_card)
    if isinstance(choice, Refused):
        effect.skipped.append(f"{name}: {choice.why}")
        return
    if choice.how == "stop":
        if not repository.set_intent(conn, trial.id, StopReason.PAUSE, Actor.USER, now):
            effect.skipped.append(f"{name} is being stopped already ({trial.stop_reason})")
            return
    else:
        if trial.stop_reason is not None:
            effect.skipped.append(f"{name} is being stopped already ({trial.stop_reason})")
            return
        repository.set_frozen(conn, trial.id, True, choice.level, Actor.USER, now)
    effect.told.append(trial.id)
    effect.changed.append(name)
    effect.effects.append(f"{name}: {choice.level}: {choice.effect}")


def _running(conn: Connection, study: Study, trial: Trial) -> Running:
    row = queries.attempts(conn, trial.id)[-1]
    resumable = study.spec.run.resume is not None or queries.any_resumable(conn, study.id)
    return Running(trial.state is TrialState.RUNNING, resumable, bool(row["sdk"]), trial.frozen)
