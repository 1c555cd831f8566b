"""Whether an interpreter runs at all, and which Python it is: asked once, before a study is taken in.

Owns that question to the interpreter itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from tuned import faults, protocol
from tuned.core.errors import InvalidInput
from tuned.core.program.interpreter import OLDEST
from tuned.daemon.launch.launcher import Busy

_PATIENCE_S = 20.0
_QUESTION = "import sys; print('%d.%d.%d' % sys.version_info[:3])"


class Interpreters:
    """Remembers what interpreters have answered, as long as their files stay the same."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], str] = {}

    async def version(self, python: str, environment: Mapping[str, str]) -> str:
        """`Python 3.11.7`.

        Raises:
            InvalidInput: It does not run, or is too old.
            Busy: The machine has no process for the question now, which says nothing about the interpreter.
        """
        key = (python, await asyncio.to_thread(_changed, python))
        if key not in self._known:
            self._known[key] = await self._ask(python, environment)
        answer = self._known[key]
        if tuple(int(part) for part in answer.split(".")[:2]) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise InvalidInput(
                f"{python} is Python {answer}; trials need {oldest} or newer",
                where="run.python",
                hint="name another one, or run the program as a command",
            )
        return f"Python {answer}"

    async def _ask(self, python: str, environment: Mapping[str, str]) -> str:
        try:
            faults.check("fork", "interpreter")
            process = await asyncio.create_subprocess_exec(
                python,
                "-S",
                "-c",
                _QUESTION,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=dict(environment),
                cwd="/",
            )
        except OSError as error:
            if error.errno in protocol.SCARCE:
                raise Busy.of(error, python) from None
            raise _unusable(python, error.strerror or str(error)) from None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                out, err = await process.communicate()
        except TimeoutError:
            process.kill()
            raise _unusable(python, f"it printed nothing for {_PATIENCE_S:.0f} s") from None
        words = out.decode(errors="replace").split()
        if process.returncode != 0 or not words or words[-1].count(".") != 2:
            lines = err.decode(errors="replace").strip().splitlines()
            raise _unusable(python, lines[-1] if lines else f"it ended with code {process.returncode}")
        return words[-1]


def _changed(python: str) -> int:
    try:
        return Path(python).stat().st_mtime_ns
    except OSError as error:
        raise _unusable(python, error.strerror or str(error)) from None


def _unusable(python: str, why: str) -> InvalidInput:
    return InvalidInput(f"{python} does not run: {why[:160]}", where="run.python", hint="set run.python to a Python")
