"""`pause`: studies start nothing more, running trials stop or stand still.

Owns that transaction. The levels and their effects are `tuned.core.queue.pausing`'s.
"""

from __future__ import annotations

from sqlalchemy import Connection

from storage import queries, repository
from tuned.core.places import is_card
from tuned.core.queue.pausing import Choice, Level, Refused, Running, check_level, choose
from tuned.core.state_words import PAUSED_BY_USER
from tuned.core.states import LIVE, Actor, PausedBy, StopReason, StudyState, TrialState
from tuned.core.study import Study
from tuned.core.trials.trial import Trial
from tuned.core.trials.wishes import MOVES_MEMORY
from tuned.daemon import clock, failpoints
from tuned.daemon.attempts.gpu_memory import cuda_tool
from tuned.daemon.http.context import Context, Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.resolving import resolve
from tuned.daemon.verbs.effect import NAMED, Effect, carry_out
from tuned.launch.stopping import KILL_AFTER
from tuned.wire import Changed, Pause

router = make_router("verbs")

_HELD = "waits at its rung until you resume it, however good it is there"
LEFT = f"{PAUSED_BY_USER}; it has left its card to somebody else"


@router.post("/pause", name="pause")
async def pause_route(request: Pause, given: Given) -> Changed:
    """A study starts nothing more; a running trial is paused at a level, which says what it keeps and loses.

    With a level, a study's running trials are paused as well.
    """
    return await pause(given, request.targets, request.level)


async def pause(given: Context, targets: list[str], level: str | None = None, leaves_card: bool = False) -> Changed:
    """Pause studies and trials; live trials are steered before this returns.

    Args:
        given: The daemon's parts.
        targets: Of a study that is named as a whole the queue is paused; with a level, its live trials too.
        level: As typed; None: `auto`.
        leaves_card: The trials' GPU memory is wanted by somebody else.

    Raises:
        InvalidInput, NotFound: A target or the level is wrong; nothing has changed.
        Conflict: Nothing could be changed; the message says why.
    """
    tool = cuda_tool() is not None
    effect = await given.commit(lambda conn: _pause(conn, targets, level, tool, clock.now(), leaves_card))
    failpoints.reach("stop.committed")
    return await carry_out(given, effect)


async def stop_all(given: Context) -> float:
    """Have every live trial save and stop, whatever that costs it, because the daemon ends, and be queued then.

    Those that a person has had stand still are paused then.

    All of it is one transaction: a daemon that is killed meanwhile leaves the rest to the next one.

    Returns:
        Seconds that the slowest of them may take.
    """

    def stop(conn: Connection) -> tuple[Effect, float]:
        effect, longest = Effect(), 0.0
        for attempt in queries.live(conn):
            effect.stop(conn, attempt.trial, StopReason.PAUSE, clock.now(), requeue=not attempt.trial.held)
            grace = queries.study_by_id(conn, attempt.trial.study_id).spec.run.grace
            longest = max(longest, grace + 2 * KILL_AFTER)
        return effect, longest

    effect, longest = await given.database.writer.run(stop)
    failpoints.reach("stop.committed")
    await carry_out(given, effect)
    return longest


async def halt(given: Context, studies: list[str], why: str) -> None:
    """Pause studies whose caller has used up a cap, and their running trials.

    A trial that could not go on later runs to its end. The others are queued as soon as they have stopped, so that
    resuming the study is all there is to do.
    """

    def stop(conn: Connection) -> Effect:
        effect, now = Effect(), clock.now()
        for study in (s for s in queries.studies(conn, active_only=True) if s.name in studies):
            if study.state is StudyState.RUNNING:
                repository.move_study(conn, study.id, "pause", Actor.SCHEDULER, now, why, PausedBy.CAP)
            for trial in queries.trials(conn, study.id, states=list(LIVE)):
                choice = choose("auto", _running(conn, study, trial), cuda_tool=False, leaves_card=True)
                if not isinstance(choice, Choice) or choice.how != "stop":
                    continue
                if choice.level != "restart" or trial.state is TrialState.STARTING:
                    effect.stop(conn, trial, StopReason.PAUSE, now, requeue=not trial.held)
        return effect

    await carry_out(given, await given.commit(stop))


def _pause(
    conn: Connection, texts: list[str], level: str | None, cuda_tool: bool, now: float, leaves_card: bool = False
) -> Effect:
    wanted = check_level(level or "auto")
    effect = Effect()
    for study, target, trials in resolve(conn, texts):
        if target.is_study:
            _pause_study(conn, study, effect, now, alone=level is None)
            trials = [] if level is None else queries.trials(conn, study.id, states=list(LIVE))
        for trial in trials:
            _pause_trial(conn, study, trial, wanted, cuda_tool, leaves_card, effect, now)
    effect.refuse_if_empty()
    return effect


def _pause_study(conn: Connection, study: Study, effect: Effect, now: float, alone: bool) -> None:
    if study.state is StudyState.RUNNING:
        repository.move_study(conn, study.id, "pause", Actor.USER, now, reason=PAUSED_BY_USER)
        effect.changed.append(study.name)
        live = queries.trials(conn, study.id, states=list(LIVE))
        if alone and (go_on := [t.number for t in live if t.stop_reason is None and not t.held]):
            effect.effects.append(_go_on(study.name, go_on))
    elif alone or study.state is not StudyState.PAUSED:
        effect.skipped.append(f"{study.name} is {study.state}")


def _go_on(study: str, numbers: list[int]) -> str:
    """The sentence on the running trials of a study that is paused alone."""
    named = ", ".join(str(number) for number in numbers[:NAMED]) + (", ..." if len(numbers) > NAMED else "")
    one = len(numbers) == 1
    which = f"trial {named} goes on" if one else f"trials {named} go on"
    return f"{study}: {which} (to pause {'it' if one else 'them'} too: tunectl pause {study}/running)"


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
    name = trial.name
    if trial.state is TrialState.PAUSED and repository.early_stopping.hold(conn, trial.id, now):
        effect.changed.append(name)
        effect.effects.append(f"{name}: {_HELD}: tunectl resume {name}")
        return
    if trial.state not in LIVE:
        effect.skip(trial)
        return
    if trial.stop_reason is not None:
        _pause_stopping(conn, trial, leaves_card, effect, now)
        return
    choice = choose(level, _running(conn, study, trial), cuda_tool, leaves_card)
    if isinstance(choice, Refused):
        effect.skipped.append(f"{name}: {choice.why}")
        return
    stays = leaves_card and trial.held  # who leaves for somebody else goes on by itself, but for a person's pause
    said = f"{name}: {choice.level}: {choice.effect}"
    if choice.how == "stop":
        effect.stop(conn, trial, StopReason.PAUSE, now, why=LEFT if stays else "", requeue=leaves_card and not stays)
        said += f"; it stays paused until: tunectl resume {name}" if stays else ""
        effect.changed.append(name)
    elif choice.how != "stay" or not leaves_card:
        goes_on = leaves_card and not stays
        repository.set_frozen(conn, trial.id, True, choice.level, Actor.USER, now, requeue=goes_on)
        effect.steered.append(trial.id)
        effect.changed.append(name)
    effect.effects.append(said)


def _pause_stopping(conn: Connection, trial: Trial, leaves_card: bool, effect: Effect, now: float) -> None:
    """Of a trial that is being stopped already: a person's pause has it stay paused, whatever it stops for."""
    name = trial.name
    if leaves_card:
        effect.effects.append(f"{name}: is being stopped already ({trial.stop_reason}); its slot is free then")
    elif repository.early_stopping.hold(conn, trial.id, now):
        effect.changed.append(name)
        effect.effects.append(f"{name}: is being stopped already, and {_HELD}: tunectl resume {name}")
    elif repository.set_requeue(conn, trial.id, False, Actor.USER, now):
        effect.changed.append(name)
        effect.effects.append(f"{name}: is being stopped already, and stays paused then")
    else:
        effect.skip_stopping(trial)


def _running(conn: Connection, study: Study, trial: Trial) -> Running:
    row = queries.attempts(conn, trial.id)[-1]
    resumable = study.spec.run.resume is not None or queries.any_resumable(conn, study.id)
    moved = trial.frozen and trial.frozen_by == MOVES_MEMORY
    on_card = any(is_card(device) for device in trial.device.split(","))
    return Running(trial.state is TrialState.RUNNING, resumable, bool(row["sdk"]), trial.held, moved, on_card)
