"""A terminal in tmux with a program in it, and how a test reads the UI's table there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any


class Pane:
    """A terminal of 120x36 with a command in it.

    Args:
        folder: Where the tmux server's socket lies.
        command: What runs, as a shell reads it.
        environment: Beside the present one.
        until: Waits for a condition.
    """

    def __init__(self, folder: Path, command: str, environment: dict[str, str], until: Any) -> None:
        self.tmux = ["tmux", "-u", "-S", str(folder / "t"), "-f", "/dev/null"]
        self.until = until
        env = {k: v for k, v in os.environ.items() if not k.startswith(("TUNED_", "TMUX"))}
        # A size in the environment is not this terminal's, and must not be believed.
        env.update(environment, TERM="screen-256color", LC_ALL="C.UTF-8", COLUMNS="80", LINES="24")
        size = ["-x", "120", "-y", "36"]
        subprocess.run([*self.tmux, "new-session", "-d", *size, command], env=env, check=True)

    def text(self) -> str:
        done = subprocess.run([*self.tmux, "capture-pane", "-p"], capture_output=True, text=True, check=False)
        return done.stdout

    def keys(self, *keys: str) -> None:
        subprocess.run([*self.tmux, "send-keys", *keys], check=True)

    def type(self, text: str) -> None:
        subprocess.run([*self.tmux, "send-keys", "-l", text], check=True)

    def shows(self, text: str) -> str:
        """Wait until it shows a text; the screen."""
        try:
            self.until(lambda: text in self.text(), f"{text!r} on the screen")
        except AssertionError as error:
            raise AssertionError(f"{self.text()}\n{error}") from None
        return self.text()

    def shows_not(self, text: str) -> None:
        self.until(lambda: text not in self.text(), f"no {text!r} on the screen")

    def resize(self, width: int, height: int) -> None:
        subprocess.run([*self.tmux, "resize-window", "-x", str(width), "-y", str(height)], check=True)

    def close(self) -> None:
        subprocess.run([*self.tmux, "kill-server"], capture_output=True, check=False)


def rows(screen: str) -> list[int]:
    """Numbers of the trials in the table, from top to bottom."""
    return [int(number) for number in re.findall(r"^[^\w\n]*?#(\d+) ", screen, re.MULTILINE)]


def filtered(pane: Pane, text: str, *numbers: int) -> None:
    """Filter the table, and wait until it shows these trials."""
    pane.until(lambda: rows(pane.text()), "a table of trials")
    pane.keys("/", "C-u")
    pane.shows("act=relu text")
    pane.type(text)
    pane.keys("Enter")
    pane.until(lambda: sorted(rows(pane.text())) == sorted(numbers), f"the trials {numbers} under {text!r}")
