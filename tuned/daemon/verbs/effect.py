"""The effect of a verb: its transaction collects it, then live attempts are steered by it and the caller reads it.

Owns that shape and the step from a commit to the live attempts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection

from storage import repository
from tuned.core.errors import Conflict
from tuned.core.states import Actor, StopReason
from tuned.core.trials.trial import Trial
from tuned.daemon import failpoints
from tuned.daemon.attempts import telling
from tuned.daemon.http.context import Context
from tuned.wire import Changed


@dataclass(slots=True)
class Effect:
    """The effect of a verb.

    Attributes:
        changed: `STUDY` or `STUDY/NUMBER`.
        skipped: Targets left alone, with the reason.
        stopping: Live trials that have to stop now, and why.
        freezing: Running trials whose processes have to stand still now, and how; `thawing`: those that move again.
        effects: What the paused ones keep and lose, one line each.
    """

    changed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    stopping: list[tuple[int, StopReason]] = field(default_factory=list)
    freezing: list[tuple[int, str]] = field(default_factory=list)
    thawing: list[int] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)

    def skip(self, trial: Trial) -> None:
        """Leave a trial alone whose state does not allow the verb."""
        self.skipped.append(f"{name_of(trial)} is {trial.state}")

    def stop(self, conn: Connection, trial: Trial, reason: StopReason, now: float) -> bool:
        """Record that a live trial has to stop; False when it is stopping already."""
        if not repository.set_intent(conn, trial.id, reason, Actor.USER, now):
            self.skip_stopping(trial)
            return False
        self.stopping.append((trial.id, reason))
        return True

    def skip_stopping(self, trial: Trial) -> None:
        """Leave a trial alone that is stopping already."""
        self.skipped.append(f"{name_of(trial)} is being stopped already ({trial.stop_reason})")

    def refuse_if_empty(self) -> None:
        """Refuse a request none of whose targets could be changed.

        Raises:
            Conflict: Nothing was changed; the message says why.
        """
        if not self.changed and self.skipped:
            raise Conflict("; ".join(self.skipped))


def name_of(trial: Trial) -> str:
    """`STUDY/NUMBER`."""
    return f"{trial.study}/{trial.number}"


async def carry_out(given: Context, effect: Effect) -> Changed:
    """Have the supervisors of live trials do what was committed."""
    for trial_id, reason in effect.stopping:
        attempt = given.attempts.live.get(trial_id)
        # An attempt without a directory, or with one that cannot be written, is told by `Attempts` when it has one.
        if attempt is not None and await telling.tell_to_stop(attempt, reason):
            failpoints.reach("stop.signalled")
        await given.freezing.restore(trial_id)
    await given.freezing.carry_out(effect.thawing, effect.freezing)
    return Changed(effect.changed, effect.skipped, effect.effects)
