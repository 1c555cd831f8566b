"""Tells people what they asked to be told: runs `[notify]` commands, apart from everything else the daemon does.

Owns noticing the occasions and running the command: one at a time, with a limit of time, without a shell. A command
that fails is logged and shown by `tunectl daemon status`; one that the machine cannot start just now is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from storage import queries
from storage.engine import Database
from tuned import faults, protocol
from tuned.core.errors import Conflict
from tuned.core.events import STUDY_DELETED, STUDY_MOVED, TRIAL_MOVED, Event
from tuned.core.states import STUDY_ENDED, VALUED, Actor, StudyState, TrialState
from tuned.core.study import Study
from tuned.core.study.notices import QUIET_S, Notice, Notify, Rate, is_stuck, render
from tuned.core.trials.ran import moved_s
from tuned.daemon import clock, failpoints
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.hub import Hub
from tuned.daemon.notices import words

log = logging.getLogger(__name__)

TIMEOUT_S = 20.0
LOOK_S = 10.0
WAITING = 200
"""Notices that may wait for their turn; more are dropped, the oldest first."""


@dataclass(frozen=True, slots=True)
class _Order:
    """A notice, and how it is delivered."""

    notice: Notice
    notify: Notify
    study_id: int


class Notifier:
    """Listens to what is committed and runs commands.

    Args:
        held_up: Why nothing may be launched now, and whether that is the disk.
        typical_s: Study id -> how long its trials run; None before one has ended.
    """

    def __init__(
        self,
        database: Database,
        hub: Hub,
        attempts: Attempts,
        held_up: Callable[[], tuple[str, bool]],
        typical_s: Callable[[int], float | None],
    ) -> None:
        self._database = database
        self._attempts = attempts
        self._held_up = held_up
        self._typical_s = typical_s
        self._news: asyncio.Queue[Event] = asyncio.Queue()
        self._rate = Rate()
        self._orders: dict[tuple[str, str], _Order] = {}
        self._again: dict[tuple[str, str], _Order] = {}
        self._failed: dict[str, str] = {}
        self._stuck: set[str] = set()
        self._told = ""
        self._still_since: float | None = None
        hub.listen(self._heard)

    @property
    def notes(self) -> list[str]:
        """Remarks for people: commands that failed when they were run last."""
        return [f"the notify command of {study} failed: {why}" for study, why in self._failed.items()]

    def _heard(self, events: list[Event]) -> None:
        for event in events:
            if event.type == STUDY_DELETED:
                self._rate.forget(event.study)
            if event.type in (STUDY_MOVED, TRIAL_MOVED) and _matters(event):
                if self._news.qsize() >= WAITING:
                    self._news.get_nowait()
                self._news.put_nowait(event)

    async def run(self) -> None:
        """Tell until cancelled."""
        look_at = 0.0
        while True:
            failpoints.reach("loop.notices")
            event = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.01, look_at - time.monotonic())):
                    event = await self._news.get()
            orders = [] if event is None else await asyncio.to_thread(self._orders_for, event)
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + LOOK_S
                orders += await asyncio.to_thread(self._look)
                await self._try_again()
            for order in orders:
                await self._tell(order)
            for notice in self._rate.due(time.monotonic()):
                held = self._orders.pop((notice.study, notice.kind), None)
                if held is not None:
                    await self._run(held)

    def _look(self) -> list[_Order]:
        with self._database.read() as conn:
            studies = [s for s in queries.studies(conn, active_only=True) if s.spec.notify is not None]
            self._failed = {k: v for k, v in self._failed.items() if queries.study(conn, k) is not None}
            self._again = {k: v for k, v in self._again.items() if queries.study(conn, k[0]) is not None}
        return list(self._watched(studies))

    def _orders_for(self, event: Event) -> list[_Order]:
        with self._database.read() as conn:
            study = queries.study(conn, event.study)
            if study is None or study.spec.notify is None:
                return []
            trial = None if event.number is None else queries.trial(conn, study.id, event.number)
        notice = words.notice_of(study, event, trial)
        return list(self._order(study, notice)) if notice is not None else []

    def _order(self, study: Study, notice: Notice) -> Iterator[_Order]:
        if study.spec.notify is not None and notice.kind in study.spec.notify.on:
            yield _Order(notice, study.spec.notify, study.id)

    def _watched(self, studies: list[Study]) -> Iterator[_Order]:
        """States without an event: a full disk, nothing that starts, trials that have fallen silent."""
        why, is_disk = self._held_up()
        now = time.monotonic()
        if is_disk or not why:
            self._still_since = None
        elif self._still_since is None:
            self._still_since = now
        yield from self._held_orders(studies, why, is_disk, now)
        by_id = {study.id: study for study in studies}
        live = {attempt.attempt_id: attempt for attempt in list(self._attempts.live.values())}
        self._stuck &= set(live)
        for attempt in live.values():
            yield from self._silent(attempt, by_id)

    def _held_orders(self, studies: list[Study], why: str, is_disk: bool, now: float) -> Iterator[_Order]:
        """Give notice that nothing can be launched, once for each command, however many studies have it."""
        kind = ("disk" if is_disk else "stuck") if why else ""
        long_enough = is_disk or (self._still_since is not None and now - self._still_since > QUIET_S)
        if kind and (kind == self._told or not long_enough):
            return
        self._told = kind
        commands: set[tuple[str, ...]] = set()
        for study in studies if kind else ():
            notify = study.spec.notify
            if notify is not None and kind in notify.on and notify.command not in commands:
                commands.add(notify.command)
                yield from self._order(study, words.held_up(study.name, why, is_disk))

    def _silent(self, attempt: LiveAttempt, studies: dict[int, Study]) -> Iterator[_Order]:
        if attempt.attempt_id in self._stuck:
            return
        with self._database.read() as conn:
            trial = queries.find_trial(conn, attempt.trial_id)
            still = () if trial is None or not trial.still_s else queries.still_time(conn, trial, attempt.claimed_at)
        study = None if trial is None else studies.get(trial.study_id)
        if study is None or trial is None or trial.frozen or trial.started_at is None:
            return
        if trial.state is not TrialState.RUNNING or trial.stop_reason is not None:
            return
        heard = max(trial.started_at, _last_sign(attempt.run_dir))
        silent, ran = moved_s(heard, clock.now(), still), moved_s(trial.started_at, heard, still)
        if is_stuck(silent, ran, int(trial.last_step or 0), self._typical_s(study.id)):
            self._stuck.add(attempt.attempt_id)
            yield from self._order(study, words.stuck(trial, silent))

    async def _tell(self, order: _Order) -> None:
        key = (order.notice.study, order.notice.kind)
        if self._rate.offer(order.notice, time.monotonic()):
            self._orders.pop(key, None)
            await self._run(order)
        else:
            self._orders[key] = order

    async def _run(self, order: _Order) -> None:
        study = order.notice.study
        try:
            command = render(order.notify.command, order.notice)
            environment = await asyncio.to_thread(self._environment, order.study_id)
            why = await run_command(command, environment, TIMEOUT_S, order.notice.text)
        except (OSError, ValueError) as error:
            why = str(error)
            if isinstance(error, OSError) and error.errno in protocol.SCARCE:
                self._again[order.notice.study, order.notice.kind] = order
        if why:
            log.warning("the notify command of %s failed: %s", study, why)
            self._failed[study] = why
        else:
            self._failed.pop(study, None)

    async def _try_again(self) -> None:
        """Run the commands for which the machine had no process, memory or descriptor."""
        again, self._again = self._again, {}
        for order in again.values():
            await self._run(order)

    async def try_out(self, study: Study, dry_run: bool = False) -> tuple[list[str], str]:
        """Run the study's command now, with a notice that says it is a trial.

        Args:
            study: The study whose command it is.
            dry_run: Only say which command it is.

        Returns:
            The command as it was run, and what went wrong; empty when nothing did.

        Raises:
            Conflict: The study has none.
        """
        if study.spec.notify is None:
            raise Conflict(
                "has no notify command",
                where=study.name,
                hint=f"""tunectl set {study.name} notify.command='["notify-send", "{{title}}", "{{text}}"]'""",
            )
        notice = Notice(study.name, "test", f"{study.name}: a test", "This is how notices of this study arrive.")
        command = render(study.spec.notify.command, notice)
        if dry_run:
            return command, ""
        environment = await asyncio.to_thread(self._environment, study.id)
        try:
            return command, await run_command(command, environment, TIMEOUT_S, notice.text)
        except (OSError, ValueError) as error:
            return command, str(error)

    def _environment(self, study_id: int) -> dict[str, str]:
        """The submitter's, in which a desktop is found, without what makes a program take itself for a trial."""
        with self._database.read() as conn:
            captured = queries.study_environment(conn, study_id)
        return {k: v for k, v in captured.items() if not k.startswith(protocol.ENV_PREFIX)}


def _matters(event: Event) -> bool:
    if event.type == TRIAL_MOVED:
        return event.data.get("to") in VALUED
    paused = event.data.get("to") == StudyState.PAUSED and event.data.get("actor") == Actor.SCHEDULER
    return paused or event.data.get("to") in STUDY_ENDED


def _last_sign(run_dir: Path) -> float:
    """When the trial last wrote a metric or a line, in unix seconds; 0 when it never did."""
    times = [0.0]
    for name in (protocol.METRICS_FILE, protocol.OUTPUT_FILE):
        with contextlib.suppress(OSError):
            times.append((run_dir / name).stat().st_mtime)
    return max(times)


def _output() -> IO[bytes]:
    """A file for a command's output; where the disk has no room for one, the notice matters more."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "w+b")


async def run_command(command: list[str], environment: dict[str, str], timeout_s: float, text: str = "") -> str:
    """Run a command to its end, and end it and all it started when that takes too long.

    Args:
        command: Its arguments, the program first.
        environment: All of its environment.
        timeout_s: How long it may take.
        text: The text for its standard input.

    Returns:
        The fault in one line; empty when it ended well.

    Raises:
        OSError: There is no such program.
    """
    with _output() as output:
        faults.check("fork", "notify")
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(timeout_s):
                await process.communicate(f"{text}\n".encode(errors="replace"))
        except TimeoutError:
            return f"it took longer than {timeout_s:g} s"
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode == 0:
            return ""
        output.seek(max(0, output.seek(0, os.SEEK_END) - 500))
        lines = output.read().decode(errors="replace").strip().splitlines()
        return f"exit code {process.returncode}" + (f": {lines[-1][:200]}" if lines else "")
