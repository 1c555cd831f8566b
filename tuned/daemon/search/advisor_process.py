"""The advisor's process, seen from the daemon: started on need, fed with what changed, killed when it hangs.

Owns the process and its channel. The advisor holds only a cache: whatever happens to it, the database can rebuild it,
so a failure here is told and the caller goes on with quasi-random points.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import os
import signal
import sys
import time
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Any

from tuned import faults
from tuned.core.errors import TunedError, Unavailable

log = logging.getLogger(__name__)

IDLE_S = 900.0
ANSWER_S = 180.0
"""An answer that takes longer means that the advisor hangs; the first one includes importing Ax."""
BACKOFF_S = (1.0, 5.0, 30.0, 120.0)
SHORT = 2
"""Of these waits, how many are short: so many failures in a row are waited for by who needs the answer."""
MAX_LINE = 64 * 2**20


class AdvisorFailed(Unavailable):
    """It died, hung, or answered with an error.

    Attributes:
        refusal: The fault of the request, as arguments of an `InvalidInput`; None when that was not the cause.
        hung: Whether it was ended because it gave no answer in time.
        again_s: Seconds after which a process may be asked anew; None where that would answer no better, or this
            process has failed too often in a row.
    """

    refusal: dict[str, Any] | None = None
    hung: bool = False
    again_s: float | None = None


class AdvisorProcess:
    """One process that answers one request at a time.

    Args:
        log_path: Where its standard error goes.
        module: The module that is run.
        name: Its name in messages.
        idle_s: Seconds without a request after which it is ended.

    Attributes:
        generation: Rises with every start: who has fed an earlier one must feed anew.
    """

    def __init__(
        self, log_path: Path, module: str = "tuned.advisor", name: str = "the advisor", idle_s: float = IDLE_S
    ) -> None:
        self._log_path = log_path
        self._module = module
        self._name = name
        self._idle_s = idle_s
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._next_id = 0
        self._failures = 0
        self._not_before = 0.0
        self._used = time.monotonic()
        self._failure = ""
        self.generation = 0

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def trouble(self) -> str:
        """Why the process is not available, and when it is started again; empty once that time has come."""
        left = self._not_before - time.monotonic()
        return f"{self._failure}; next try in {math.ceil(left)} s" if self._failure and left > 0 else ""

    @property
    def state(self) -> str:
        """For people: `ready`, `idle`, or why it is not there."""
        return self.trouble or ("idle" if self.pid is None else "ready")

    async def exclusive(self) -> asyncio.Lock:
        """The lock under which a conversation of several requests is held."""
        return self._turn

    async def start(self) -> None:
        """Start it unless it runs.

        Raises:
            AdvisorFailed: It cannot be started, or failed a moment ago and its next try is not due.
        """
        if self.pid is not None:
            return
        if time.monotonic() < self._not_before:
            raise self._failed(self.trouble or self._failure)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        # Locks that another program left in the user's cache are none of ours to wait for.
        environment["TORCH_EXTENSIONS_DIR"] = str(self._log_path.parent / "torch_extensions")
        try:
            self._process = await self._execute(environment)
        except OSError as error:
            raise await self._fail(f"could not be started: {error.strerror}") from error
        self.generation += 1
        self._failure = ""
        log.info("%s: process %d started", self._name, self._process.pid)

    async def _execute(self, environment: dict[str, str]) -> asyncio.subprocess.Process:
        log_file = await asyncio.to_thread(open, self._log_path, "ab")
        with log_file:
            faults.check("fork", "advisor")
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-m",
                self._module,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log_file,
                env=environment,
                cwd="/",
                limit=MAX_LINE,
                start_new_session=True,
            )

    async def ask(
        self, request: dict[str, Any], within_s: float = ANSWER_S, more: AsyncIterable[bytes] | None = None
    ) -> dict[str, Any]:
        """Send one request and wait for its answer. Hold `exclusive()` around it.

        Args:
            request: One JSON line.
            within_s: Seconds for all of it.
            more: Lines that belong to the request, made while the first ones are being read.

        Raises:
            AdvisorFailed: It died or hung (it is ended then), or it could not do what was asked (it lives on).
        """
        await self.start()
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        self._next_id += 1
        self._used = time.monotonic()
        try:
            async with asyncio.timeout(within_s):
                process.stdin.write((json.dumps({**request, "id": self._next_id}) + "\n").encode())
                await process.stdin.drain()
                if more is not None:
                    async for piece in more:
                        process.stdin.write(piece)
                        await process.stdin.drain()
                answer = await self._answer(process, self._next_id)
        except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError) as error:
            what = f"gave no answer for {within_s:.0f} s" if isinstance(error, TimeoutError) else "ended unexpectedly"
            failed = await self._fail(what)
            if isinstance(error, TimeoutError):
                failed.hung, failed.again_s = True, None
            raise failed from error
        except (asyncio.CancelledError, TunedError):
            # Half a request was sent, or its answer would be taken for that of the next request.
            await self._fail("was interrupted")
            raise
        if "error" in answer:
            refused = AdvisorFailed(f"{self._name} could not: {answer['error']}")
            refused.refusal = answer.get("refusal")
            raise refused
        self._failures = 0
        return answer

    async def _answer(self, process: asyncio.subprocess.Process, wanted: int) -> dict[str, Any]:
        assert process.stdout is not None
        while True:
            line = await process.stdout.readline()
            if not line:
                raise OSError("end of output")
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == wanted:
                return answer

    async def _fail(self, what: str) -> AdvisorFailed:
        wait = BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
        self._failures += 1
        self._not_before = time.monotonic() + wait
        self._failure = f"{self._name} {what}"
        told = self.trouble
        log.warning("%s", told)
        await self.stop()
        return self._failed(told)

    def _failed(self, what: str) -> AdvisorFailed:
        failed = AdvisorFailed(what)
        if self._failures <= SHORT:
            failed.again_s = max(0.0, self._not_before - time.monotonic())
        return failed

    async def stop(self) -> None:
        """End it with all that it has started; what it knew is in the database."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def end_idle(self) -> None:
        """End it when nobody has asked for long."""
        if self.pid is not None and not self._turn.locked() and time.monotonic() - self._used > self._idle_s:
            await self.stop()
