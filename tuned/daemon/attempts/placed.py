"""Live attempts in a place: submitted once there is no doubt, followed by the engine's word, told and ended through it.

Owns these steps for one attempt; `live` takes them at every look. Their order of trust: the exit record, then the
engine's end state once files had time to arrive, then an engine that has answered without the job for a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path
from typing import Any

from tuned.core.states import StopReason
from tuned.core.trials.endings import Fate
from tuned.core.trials.placed_ends import EngineWord, maybe_by_place
from tuned.daemon import clock, failpoints
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.attempts.placing import QUICK_S, SLOW_S, Placing
from tuned.daemon.files import run_dirs
from tuned.daemon.files.run_dirs import Facts
from tuned.launch.stopping import KILL_AFTER, LOOK_EVERY
from tuned.places.interface import PREFIX, Job, Refused, Silent, Stage, Submission

log = logging.getLogger(__name__)

UNKNOWN_S = 60.0
"""How long an engine must answer without a job that it has had before it counts as gone."""
ARRIVE_S = 15.0
"""How long a file may need from a node to here, once the engine says that all is over there."""
FENCED_S = LOOK_EVERY + 3.0
"""How long a supervisor that lives, and sees files late, may take to end its trial behind the fence."""
STOP_AGAIN_S = 10.0
"""Between two requests to the engine to stop the same attempt."""
_LEAD_S = 5.0
_LOG = "engine.log"


def name_of(attempt: LiveAttempt) -> str:
    """The name of its submission."""
    return f"{PREFIX}{attempt.attempt_id}"


def begin(attempt: LiveAttempt) -> None:
    """Follow what the engine says of it."""
    if attempt.placing is not None:
        attempt.placing.station.follow(name_of(attempt), attempt.dirty.set)


def end(attempt: LiveAttempt) -> None:
    """It is over."""
    if attempt.placing is not None:
        attempt.placing.station.leave(name_of(attempt))


def tell(attempt: LiveAttempt) -> None:
    """Have the engine tell it, or drop it, as its `stop.json` is written. A frozen one sees its file by itself."""
    if attempt.placing is not None and attempt.told.stop is not None:
        attempt.placing.asked_at = time.monotonic()
        attempt.placing.station.stop(name_of(attempt))


def pace(attempt: LiveAttempt, facts: Facts) -> None:
    """Look sooner at what changes."""
    if attempt.placing is not None:
        news = bool(facts.data) or facts.start is not None
        attempt.placing.pause = QUICK_S if news else min(SLOW_S, attempt.placing.pause * 1.5)


def awaits_word(attempt: LiveAttempt, record: dict[str, Any]) -> bool:
    """Whether the engine's last word decides what an exit record means, and may still come."""
    placing = attempt.placing
    if placing is None or not maybe_by_place(record):
        return False
    job = placing.station.job(name_of(attempt))
    placing.ended_at = placing.ended_at or time.monotonic()
    placing.pause = QUICK_S
    placing.station.hurry()
    return (job is None or job.why is None) and time.monotonic() < placing.ended_at + ARRIVE_S


async def advance(attempt: LiveAttempt, placing: Placing) -> None:
    """Take the step that is due for an attempt without an exit record.

    Raises:
        OSError: Its folder cannot be written.
    """
    name, station = name_of(attempt), placing.station
    job, absent = station.job(name), station.absent_s(name)
    started = attempt.started or attempt.running
    attempt.waits_for = _waits(attempt, placing, job)
    if job is not None:
        placing.submitted = True
        if job.stage is Stage.ENDED:
            await _ended(attempt, placing)
        else:
            placing.ended_at = 0.0
            _steer(attempt, placing, job)
        return
    if attempt.told.stop is not None and (placing.fresh or absent is not None) and not started:
        await _give_up(attempt, placing)  # nothing of it is anywhere: it ends as it was asked to
        return
    if placing.fresh or (not placing.submitted and absent is not None and not started):
        await _submit(attempt, placing)
    elif absent is not None and absent >= UNKNOWN_S:
        if started or placing.again:
            log.warning("attempt %s/%d: %s does not know its job", attempt.holder, attempt.attempt, station.place.name)
            await _give_up(attempt, placing)
        else:
            placing.again += 1
            await _submit(attempt, placing)
    elif absent is not None:
        placing.pause = QUICK_S


def _waits(attempt: LiveAttempt, placing: Placing, job: Job | None) -> str:
    place = placing.station.place.name
    if placing.station.trouble:
        return placing.station.trouble
    if job is None and placing.station.absent_s(name_of(attempt)) is not None and not placing.fresh:
        return f"{place}: its job is not known there, which counts after {UNKNOWN_S:.0f} s"
    if job is None:
        return f"{place}: it is being submitted" if not placing.submitted else ""
    if job.stage is Stage.WAITING:
        return f"{place}: job {job.number} waits there" + (f" ({job.reason})" if job.reason else "")
    if attempt.told.stop is not None:
        return f"{place}: job {job.number} was asked to end ({attempt.told.stop})"
    if job.stage is Stage.RUNNING and not (attempt.started or attempt.running):
        return f"{place}: job {job.number} begins on {job.node or 'a node'}"
    return ""


async def _ended(attempt: LiveAttempt, placing: Placing) -> None:
    """The engine says that all is over; what was written there may still be on its way."""
    now = time.monotonic()
    placing.ended_at, placing.pause = placing.ended_at or now, QUICK_S
    if now >= placing.ended_at + ARRIVE_S:
        await _give_up(attempt, placing)


async def _give_up(attempt: LiveAttempt, placing: Placing) -> None:
    """It counts as over, on the engine's word alone: should that be wrong, it must not run beside the next attempt.

    One that has begun is over only when its supervisor, if it lives, has had the time to see the fence.
    """
    now = time.monotonic()
    if not placing.fenced_at:
        await asyncio.to_thread(run_dirs.fence, attempt.run_dir)
        placing.fenced_at = now
    placing.pause = QUICK_S
    if not (attempt.started or attempt.running) or now >= placing.fenced_at + FENCED_S:
        attempt.over = Fate.VANISHED


def _steer(attempt: LiveAttempt, placing: Placing, job: Job) -> None:
    """Ask again where a stop shows no effect, and end what does not heed it, as on this machine."""
    now, stop = time.monotonic(), attempt.told.stop
    if stop is None:
        return
    placing.pause = QUICK_S
    if now >= placing.asked_at + STOP_AGAIN_S:
        tell(attempt)
    patience = ARRIVE_S if stop is StopReason.KILL else _grace(attempt) + KILL_AFTER + ARRIVE_S
    overdue = now >= max(attempt.told_at, placing.killed_at) + patience
    if stop is not StopReason.PAUSE and job.stage is Stage.RUNNING and overdue:
        placing.killed_at = now
        placing.station.kill(name_of(attempt))


def _grace(attempt: LiveAttempt) -> float:
    with contextlib.suppress(OSError, KeyError, TypeError, ValueError):
        return float(run_dirs.spec(attempt.run_dir)["grace"])
    return 30.0


async def _submit(attempt: LiveAttempt, placing: Placing) -> None:
    """Hand it to the engine. Where that does not answer, the next look tells whether it has it."""
    try:
        spec = await asyncio.to_thread(run_dirs.spec, attempt.run_dir)
    except FileNotFoundError:
        # Its launch was cut off before there was anything to start.
        lock = await asyncio.to_thread(run_dirs.revoke_if_unstarted, attempt.run_dir)
        attempt.over = Fate.VANISHED if lock == "started" else Fate.UNCLAIM
        attempt.dirty.set()
        return
    placing.fresh = False
    failpoints.reach("place.submit")
    try:
        number = await placing.station.submit(submission_of(spec, attempt.run_dir, name_of(attempt)))
    except Refused as error:
        log.warning("%s could not be started: %s", attempt.holder, error)
        record = run_dirs.record_failed_start
        await asyncio.to_thread(record, attempt.run_dir, attempt.attempt_id, str(error), clock.now())
        attempt.dirty.set()
        return
    except Silent:
        attempt.waits_for = placing.station.trouble
        return
    failpoints.reach("place.submitted")
    placing.submitted, placing.pause = True, QUICK_S
    log.info("attempt %s/%d: job %s in %s", attempt.holder, attempt.attempt, number, placing.station.place.name)


def submission_of(spec: dict[str, Any], run_dir: Path, name: str) -> Submission:
    """The submission of an attempt, from its `spec.json`."""
    asks = spec.get("place_asks") or {}
    entry = str(Path(spec["bundle"], "tuned", "launch", "placed.py"))
    return Submission(
        name=name,
        command=(asks.get("python") or spec["python"] or "python3", "-I", entry, str(run_dir)),
        log=str(run_dir / _LOG),
        cpus=int(asks.get("cpus") or 0),
        gpus=int(asks.get("gpus") or 0),
        lead=int(float(spec["grace"]) + KILL_AFTER + _LEAD_S),
    )


async def word_of(attempt: LiveAttempt) -> EngineWord | None:
    """The engine's last word on an attempt that is over; None of one on this machine."""
    placing = attempt.placing
    if placing is None:
        return None
    job = placing.station.job(name_of(attempt))
    place = placing.station.place.name
    if job is None:
        return EngineWord(place)
    said = f"{job.word}: {job.reason}" if job.reason else job.word
    started = attempt.started or attempt.running
    line = "" if started else await placing.station.last_words(name_of(attempt), str(attempt.run_dir / _LOG))
    return EngineWord(place, job.number, job.why.value if job.why else "", said, line)
