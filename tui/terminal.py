"""Running the app on a terminal, and ending it when the terminal goes away.

Owns the watch on the terminal. It is a thread of its own: with the terminal gone, Textual's writer stops and the event
loop blocks on it, so nothing on the loop could notice.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App

TERMINAL_LOST = 129
WATCH_SECONDS = 2.0


def is_far(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is at the other end of a line, which may be slow."""
    return bool(environ.get("SSH_CONNECTION"))


def has_terminal() -> bool:
    """Whether standard input is still a terminal that someone holds."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) > 0
    except OSError:
        return False


def watch(held: Callable[[], bool], lost: Callable[[], None], ended: threading.Event, period: float) -> None:
    """Call `lost` once `held` says no; returns then, or when `ended` is set.

    Args:
        held: Whether the terminal is there.
        lost: Called when it is gone.
        ended: Set when there is nothing to watch any more.
        period: Seconds between two looks.
    """
    while not ended.wait(period):
        if not held():
            lost()
            return


def run_app(app: App[Any], *, mouse: bool = True) -> int:
    """Show an app until it is left; its exit code, or the whole process ends with 129 when the terminal is lost."""
    # These hold the size of our parent's terminal, and would be believed over ours, resizes included.
    for stale in ("COLUMNS", "LINES"):
        os.environ.pop(stale, None)
    if is_far(os.environ):
        from tui.far_driver import FarDriver

        app.driver_class = FarDriver
    ended = threading.Event()
    # Nobody is left to restore a screen for, and the daemon needs no goodbye: leaving at once is the clean end.
    threading.Thread(
        target=watch, args=(has_terminal, lambda: os._exit(TERMINAL_LOST), ended, WATCH_SECONDS), daemon=True
    ).start()
    try:
        app.run(mouse=mouse)
    finally:
        ended.set()
    return app.return_code or 0
