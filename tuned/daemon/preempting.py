"""Has running trials make room for an urgent one. Owns that transaction; whom it meets is `core.queue.preempting`'s.

A preempted trial is told to pause and queued with its end, so that it counts as one that waits. A person's pause would
keep it, and the end of its study would prune it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from storage import queries
from storage.engine import Database
from storage.repository import preempting
from tuned.core import words
from tuned.core.cards.shares import share_of
from tuned.core.errors import TunedError
from tuned.core.queue.preempting import PREEMPTED, Holder, Urgent, make_room, why_none
from tuned.core.states import TrialState
from tuned.core.study import Study
from tuned.core.trials.ran import moved_s
from tuned.core.trials.trial import Trial
from tuned.daemon import clock, failpoints
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.files import run_dirs, trial_files
from tuned.daemon.launch.trial_spec import argument_context
from tuned.daemon.machine.slots import Slots
from tuned.daemon.search.suggesting import Suggesting

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Between two looks for room."""

Live = tuple[queries.LiveAttempt, Study, bool, tuple[tuple[float, float], ...]]
"""A live attempt, its study, whether its code can go on from a checkpoint, and the times in which it stood still."""


class Preempting:
    """Makes room for urgent trials, for one at a time."""

    def __init__(
        self, database: Database, attempts: Attempts, slots: Slots, suggesting: Suggesting, runs: Path
    ) -> None:
        self._database = database
        self._attempts = attempts
        self._slots = slots
        self._suggesting = suggesting
        self._runs = runs
        self._task: asyncio.Task[None] | None = None
        self._next = 0.0
        self._refused: tuple[int, str] = (0, "")

    def waits_for(self, trial_id: int) -> str:
        """Why no room was made for an urgent trial when it was looked for last; empty for others."""
        return self._refused[1] if self._refused[0] == trial_id else ""

    def begin(self, trial: Trial, study: Study, gpus: float) -> None:
        """Stop trials so that this one, which found no slot, can start; none where that would cost more than waiting.

        Args:
            trial: It is queued, and the first of those that wait for such a slot.
            study: Its study, which is urgent.
            gpus: How many it wants.
        """
        if time.monotonic() >= self._next and (self._task is None or self._task.done()):
            self._next = time.monotonic() + LOOK_S
            self._task = asyncio.create_task(self._make_room(trial, study, gpus), name=f"room for {trial.name}")

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=5)

    async def _make_room(self, trial: Trial, study: Study, gpus: float) -> None:
        urgent = Urgent(trial.id, trial.priority + study.priority, gpus)
        live = await self._database.ask(_live)
        holders = await asyncio.to_thread(lambda: [self._holder(*found) for found in live])
        if gpus:
            free = self._slots.gpu_shares()
        else:
            now_free = self._slots.free_cpus()
            free = {slot.id: float(slot.id in now_free) for slot in self._slots.cpus}
        victims = make_room(urgent, holders, free)
        self._refused = (0, "") if victims else (trial.id, why_none(urgent, holders))
        if not victims:
            return
        evidence = {v.trial_id: {"loss_s": round(v.loss_s, 1), "rest_s": v.rest_s} for v in victims}
        try:
            steered = await self._database.writer.run(
                lambda conn: preempting.preempt(conn, evidence, trial.id, clock.now())
            )
            failpoints.reach("preempt.committed")
            if steered:
                log.info("%s of lower priority: room for %s", words.count(len(steered), "trial"), trial.name)
            await self._attempts.steering.settle(steered)
        except TunedError as error:
            log.warning("no room was made for %s: %s", trial.name, error)

    def _holder(
        self, row: queries.LiveAttempt, study: Study, resumable: bool, still: Sequence[tuple[float, float]]
    ) -> Holder:
        trial, run, now = row.trial, study.spec.run, clock.now()
        saved = self._saved_at(row, study) if resumable else 0.0
        ran, unsaved = (moved_s(max(row.claimed_at, moment), now, still) for moment in (row.claimed_at, saved))
        expected = self._suggesting.pace(study.id).trial_s
        leases = self._slots.leases.get(trial.device.partition(",")[0], {})
        allowed = resumable if run.preemptible is None else run.preemptible
        return Holder(
            trial_id=trial.id,
            priority=trial.priority + study.priority,
            device=trial.device,
            share=leases.get(trial.name, share_of(run.gpus or 1.0)),
            yields=allowed,
            loss_s=unsaved,
            rest_s=None if expected is None else max(0.0, expected - ran),
            begun_at=row.claimed_at,
            preempted=trial.retries_used.get(PREEMPTED, 0),
            leaving=trial.stop_reason is not None,
            works=trial.state is TrialState.RUNNING and not trial.frozen,
        )

    def _saved_at(self, row: queries.LiveAttempt, study: Study) -> float:
        """When a trial has saved last; 0 when it has not."""
        trial, run_dir = row.trial, self._database.located(row.run_dir)
        folder = run_dirs.checkpoint_dir(self._runs, trial.study, run_dirs.checkpoints_of(trial))
        context = argument_context(study.spec, trial, row.attempt, run_dir, folder)
        found = [folder, Path(trial_files.resumes(study.spec, context, run_dir) or folder)]
        return max(_newest(path) for path in found)


def _newest(path: Path) -> float:
    """When a file, or a file in a folder, was written last; 0 when there is none."""
    try:
        if path.is_file():
            return path.stat().st_mtime
        return max((entry.stat().st_mtime for entry in os.scandir(path)), default=0.0)
    except OSError:
        return 0.0


def _live(conn: Connection) -> list[Live]:
    found, live = [], queries.live(conn)
    for row, still in zip(live, queries.still_times(conn, live), strict=True):
        study = queries.study_by_id(conn, row.trial.study_id)
        resumable = study.spec.run.resume is not None or queries.any_resumable(conn, study.id)
        found.append((row, study, resumable, still))
    return found
