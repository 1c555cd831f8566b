"""The way to a terminal at the other end of a slow line: one frame at a time, and of each what differs.

Owns the pace. Behind each frame the terminal is asked where its cursor is; until the answer comes, the frame is on its
way and no other one is begun, so that frames are dropped instead of waiting in the buffers of the line.
"""

from __future__ import annotations

import asyncio
import curses
import os
from typing import TYPE_CHECKING, Any

from textual.drivers.linux_driver import LinuxDriver
from textual.events import CursorPosition

from tui.shadow import Shadow

if TYPE_CHECKING:
    from textual.message import Message

ASK = "\x1b[6n"
FIRST_S, LOST_S = 3.0, 30.0
"""Seconds after which an answer counts as lost: of a terminal that may give none, and of one that has given some."""


class FarDriver(LinuxDriver):
    """Draws on a terminal far away.

    Attributes:
        in_flight: Whether a frame is on its way to the terminal.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.in_flight = False
        self._shadow = Shadow(erases_with_background())
        self._written: list[str] = []
        self._answers = False
        self._silent = False
        self._lost: asyncio.TimerHandle | None = None

    def write(self, data: str) -> None:
        """Keep it until it is complete."""
        self._written.append(data)

    def flush(self) -> None:
        """Send the part that differs from what the terminal shows."""
        text, self._written = "".join(self._written), []
        text, drawn = self._shadow.encode(text, self._app.size.width)
        if drawn and not self._silent:
            text += ASK
            self.in_flight = True
            self._lost = self._loop.call_later(LOST_S if self._answers else FIRST_S, self._give_up)
        if text and self._writer_thread is not None:
            self._writer_thread.write(text)

    def forget(self) -> None:
        """Note that the terminal's content is unknown."""
        self._shadow.forget()

    def start_application_mode(self) -> None:
        """Take the terminal over, at the beginning and after a stop in the shell."""
        self._answers = self._silent = self.in_flight = False
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def stop_application_mode(self) -> None:
        """Restore the terminal; nothing more is asked."""
        self._silent = True
        super().stop_application_mode()

    def process_message(self, message: Message) -> None:
        """An answer is no key."""
        if isinstance(message, CursorPosition):
            self._loop.call_soon_threadsafe(self._arrived)
        else:
            super().process_message(message)

    def _arrived(self) -> None:
        self._answers, self._silent = True, False
        self._go_on()

    def _give_up(self) -> None:
        # A terminal that never answers is drawn on without a pace.
        self._silent = not self._answers
        self._go_on()

    def _go_on(self) -> None:
        if self._lost is not None:
            self._lost.cancel()
        self._lost, self.in_flight = None, False
        self._app.call_later(self._app.frame_arrived)  # type: ignore[attr-defined]


def erases_with_background() -> bool:
    """Whether this kind of terminal erases with the present background."""
    try:
        curses.setupterm(os.environ.get("TERM", "dumb"))
    except curses.error:
        return False
    return curses.tigetflag("bce") == 1
