"""Running an engine's commands, here or on a login node by ssh.

Owns the wait, its limit, and the count of calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuned.places.interface import Silent

WITHIN_S = 60.0
"""Seconds after which a command counts as unanswered."""
_SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15")
_LOST = 255
"""Exit code of ssh where it is ssh that failed."""
_CLOSED = frozenset({"LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME"})


@dataclass(frozen=True, slots=True)
class Done:
    """A command's exit code and output."""

    code: int
    output: str
    complaint: str


class Commands:
    """Runs commands where the engine's programs are.

    Args:
        address: The login node; empty: here.
        environment: Variables over our own, for commands that are run here.

    Attributes:
        calls: How many commands were run.
    """

    def __init__(self, address: str, environment: Mapping[str, str]) -> None:
        self._address = address
        self._environment = environment
        self.calls = 0

    async def run(self, command: Sequence[str], within_s: float = WITHIN_S) -> Done:
        """Run one to its end.

        Raises:
            Silent: There is no such program, ssh does not get through, or it took too long.
        """
        self.calls += 1
        arguments = [*_SSH, self._address, "--", shlex.join(command)] if self._address else list(command)
        where = f"{self._address}: {command[0]}" if self._address else command[0]
        kept = {name: value for name, value in os.environ.items() if name not in _CLOSED}
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**kept, **self._environment},
                start_new_session=True,
            )
        except FileNotFoundError:
            hint = "install Slurm's client programs here, or give the login node as address"
            raise Silent("there is no such program", where=arguments[0], hint=hint) from None
        except OSError as error:
            raise Silent(f"cannot be run: {error.strerror}", where=arguments[0]) from error
        try:
            async with asyncio.timeout(within_s):
                output, complaint = await process.communicate()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise Silent(f"did not answer within {within_s:.0f} s", where=where) from None
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise
        done = Done(process.returncode or 0, output.decode(errors="replace"), complaint.decode(errors="replace"))
        if self._address and done.code == _LOST:
            said = done.complaint.strip().splitlines()
            hint = f"try: ssh {self._address} true"
            raise Silent(f"ssh does not get through: {said[-1] if said else ''}", where=self._address, hint=hint)
        return done
