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
from tuned.daemon.http.context import Context
from tuned.wire import Changed

NAMED = 8
"""Trials that are named in one sentence."""


@dataclass(slots=True)
class Effect:
    """The effect of a verb.

    Attributes:
        changed: `STUDY` or `STUDY/NUMBER`.
        skipped: Targets left alone, with the reason.
        steered: Live trials, by their row, that are wanted to stop, to stand still or to move from now on.
        effects: One line each: the state that a paused trial keeps and loses, the trials of a paused study that go on.
    """

    changed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    steered: list[int] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)

    def skip(self, trial: Trial) -> None:
        """Leave a trial alone whose state does not allow the verb."""
        self.skipped.append(f"{trial.name} is {trial.state}")

    def stop(
        self, conn: Connection, trial: Trial, reason: StopReason, now: float, *, why: str = "", requeue: bool = False
    ) -> bool:
        """Record that a live trial has to stop, and whether it is queued then; False when it is stopping already."""
        if not repository.set_intent(conn, trial.id, reason, Actor.USER, now, why, requeue=requeue):
            self.skip_stopping(trial)
            return False
        self.steered.append(trial.id)
        return True

    def skip_stopping(self, trial: Trial) -> None:
        """Leave a trial alone that is stopping already."""
        self.skipped.append(f"{trial.name} is being stopped already ({trial.stop_reason})")

    def refuse_if_empty(self) -> None:
        """Refuse a request none of whose targets could be changed.

        Raises:
            Conflict: Nothing was changed; the message says why.
        """
        if not self.changed and self.skipped:
            raise Conflict("; ".join(self.skipped))


async def carry_out(given: Context, effect: Effect) -> Changed:
    """Wake the attempts that a verb is about, and wait until their supervisors were told.

    Raises:
        Unavailable: No target could be made to stand still; all of them run on.
    """
    failed = await given.attempts.steering.settle(effect.steered)
    for error in failed.values():
        effect.changed = [name for name in effect.changed if name != error.where]
        effect.skipped.append(str(error))
    if failed and not effect.changed:
        raise next(iter(failed.values()))
    return Changed(effect.changed, effect.skipped, effect.effects)
