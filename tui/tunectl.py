"""Runs `tunectl` beside the UI: verbs that were typed, and what the shell's completion would offer.

Owns the child process. It has no terminal, so it never asks, and it ends with the one who waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from tuned.client.open_line import OPEN_LINE
from tuned.core.errors import InvalidInput

LONGEST_LINE = 2**14
"""Bytes beyond which a line comes in pieces: a trial's log may hold megabytes without a line's end."""
_SELF = (sys.executable, "-P", "-m", "tuned.cli")


class Tunectl:
    """The command line of this installation.

    Args:
        root: The state folder whose daemon is meant; None: the environment's.
        host: `ssh://...` of the machine whose daemon is meant; None: this one.
        socket: The local end of the line to that machine, so that no verb opens one of its own.
    """

    def __init__(self, root: Path | None = None, host: str | None = None, socket: str = "") -> None:
        self.root = root
        self.there = [] if host is None else ["-H", host]
        self.line = {} if host is None else {OPEN_LINE: f"{host} {socket}"}

    async def run(self, arguments: Sequence[str], width: int, told: Callable[[str], None]) -> int:
        """Run a verb; its exit code. Each line that it prints is told as it comes; cancelling ends it."""
        return await self._child([*_SELF, *self.there, *arguments], {"COLUMNS": str(width)}, told)

    async def run_own(self, program: Sequence[str], width: int, told: Callable[[str], None]) -> int:
        """Run a program of the user's own in the same way.

        Raises:
            InvalidInput: It cannot be started.
        """
        try:
            return await self._child(program, {"COLUMNS": str(width)}, told)
        except OSError as error:
            raise InvalidInput(f"cannot be started: {error.strerror}", where=program[0]) from error

    async def complete(self, text: str) -> list[str]:
        """The ends that the shell would offer for the last word of a line."""
        words = [*self.there, *text.split(" ")]
        found: list[str] = []
        asked = {
            "_TUNECTL_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["tunectl", *words]),
            "COMP_CWORD": str(len(words)),
        }
        await self._child(_SELF, asked, found.append)
        return [word for kind, _, word in (line.partition(",") for line in found) if kind == "plain" and word]

    async def _child(self, arguments: Sequence[str], extra: Mapping[str, str], told: Callable[[str], None]) -> int:
        env = {name: value for name, value in os.environ.items() if not name.startswith("TEXTUAL_")}
        if self.root is not None:
            env["TUNED_HOME"] = str(self.root)
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**env, **extra, **self.line, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            async for line in _lines(process.stdout):
                told(line.decode(errors="replace").rstrip("\r\n"))
            return await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                await process.wait()


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    rest = b""
    while piece := await stream.read(LONGEST_LINE):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line
        if len(rest) >= LONGEST_LINE:
            yield rest
            rest = b""
    if rest:
        yield rest
