"""What a supervisor is told: to end its trial, to have it stand still. A record in the run directory, then a signal.

Owns those two records. Why a trial is to end is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal

from tuned import protocol
from tuned.core.errors import Unavailable
from tuned.core.states import StopReason
from tuned.daemon import clock, failpoints
from tuned.daemon.attempts.live_attempt import LiveAttempt

log = logging.getLogger(__name__)


async def tell_to_stop(attempt: LiveAttempt, reason: StopReason) -> bool:
    """Write `stop.json` and have the supervisor look at it.

    Returns:
        False when it could not be written now; it is tried again at every look.
    """
    attempt.stop = reason
    async with attempt.telling:
        reason = attempt.stop
        record = {"reason": reason.value, "at": clock.now()}
        try:
            await asyncio.to_thread(protocol.write_record, str(attempt.run_dir), protocol.STOP_FILE, record)
        except OSError as error:
            log.warning("attempt %s cannot be told to stop: %s", attempt.holder, error)
            return False
        attempt.told = reason
    failpoints.reach("stop.written")
    notify(attempt)
    return True


async def tell_to_freeze(attempt: LiveAttempt, frozen: bool, cuda: list[int] | None = None) -> None:
    """Have its processes stand still, or move again.

    Args:
        attempt: The attempt.
        frozen: Which of the two.
        cuda: Processes whose GPU state was moved to main memory.

    Raises:
        Unavailable: It could not be written.
    """
    record = {"frozen": frozen, "at": clock.now(), "cuda": cuda or []}
    try:
        await asyncio.to_thread(protocol.write_record, str(attempt.run_dir), protocol.FREEZE_FILE, record)
    except OSError as error:
        raise Unavailable(f"cannot be told: {error.strerror}", where=attempt.holder) from error
    notify(attempt)


def notify(attempt: LiveAttempt) -> None:
    """Have the supervisor look at `stop.json` and `freeze.json`."""
    if attempt.pidfd is not None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(attempt.pidfd, signal.SIGUSR1)
