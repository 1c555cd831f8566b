"""Starting the terminal UI: the check for a terminal, the environment, the exit code.

Owns exit codes and the environment that must be set before Textual is imported. Everything heavy is imported inside.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tui.terminal import is_far
from tuned.core.errors import InvalidInput
from tuned.home import Home, settings

if TYPE_CHECKING:
    from tui.machine import Endpoint

_NO_TERMINAL = {
    True: "there is no terminal (run it in one, or use: tunectl studies)",
    False: "this terminal cannot move its cursor (TERM=dumb; set TERM, or use: tunectl studies)",
}


def run(
    home: Home,
    *,
    read_only: bool = False,
    ascii: bool = False,
    mouse: bool = True,
    study: str | None = None,
    host: str | None = None,
    require_tty: bool = False,
    endpoints: Sequence[Endpoint] = (),
) -> int:
    """Show the terminal UI until it is left; without a terminal, print one picture in text.

    Args:
        home: The state folder of the daemon to watch; of several machines, where the UI's choices are remembered.
        read_only: Offer nothing that changes anything.
        ascii: Draw with ASCII characters only.
        mouse: Ask the terminal for mouse events (then selecting text needs shift).
        study: Name of the study to show first; None: the one that runs.
        host: `ssh://...` of the machine whose daemon it is; None: this one.
        require_tty: Refuse to start without a terminal instead of printing.
        endpoints: Several machines: a list of them comes first.

    Returns:
        The exit code: 0 left by the user or printed, 1 error, 2 a terminal was required, 3 no daemon (printing only;
        the UI itself waits for one), 129 the terminal went away.
    """
    # Textual draws on standard error: with that one redirected, the picture would go into the file.
    plain = ascii or not _unicode(sys.stdout.encoding) or _is_console(os.environ)
    terminal = sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()
    if not terminal or os.environ.get("TERM", "dumb") == "dumb":
        if terminal or require_tty:
            print(f"tunectl ui: {_NO_TERMINAL[not terminal]}", file=sys.stderr)  # noqa: T201
        if require_tty:
            return 2
        from tui.plain import print_machines, print_snapshot

        if endpoints:
            return print_machines(endpoints, ascii=plain)
        return print_snapshot(home, ascii=plain, study=study)
    prepare_environment(os.environ)
    if not endpoints:
        return _show(home, read_only=read_only, ascii=plain, mouse=mouse, study=study, host=host)
    from tui.machines import Choice, Machines, turn
    from tui.terminal import run_app

    def choose(app: Machines) -> Choice | None:
        run_app(app, mouse=mouse)
        return app.return_value

    def show(endpoint: Endpoint, named: str | None) -> int:
        there = replace(home, socket=endpoint.socket)
        return _show(there, read_only=read_only, ascii=plain, mouse=mouse, study=named, host=endpoint.host)

    return turn(endpoints, choose, show, ascii=plain)


def prepare_environment(environ: MutableMapping[str, str]) -> None:
    """Set the variables that Textual reads when it is imported; the user's own stay."""
    environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    environ.setdefault("TEXTUAL_FPS", "15" if is_far(environ) else "30")
    if _is_console(environ):
        environ.setdefault("TEXTUAL_DISABLE_KITTY_KEY", "1")
        environ.setdefault("TEXTUAL_THEME", "ansi-dark")
    if environ.get("NO_COLOR"):
        # The default theme computes shades of grey even without colours; this one sends none.
        environ.setdefault("TEXTUAL_THEME", "ansi-dark")


def _is_console(environ: Mapping[str, str]) -> bool:
    """Whether it is the kernel's own console, whose font has neither braille nor most of our signs."""
    return environ.get("TERM") == "linux"


def _unicode(encoding: str | None) -> bool:
    return (encoding or "").lower().replace("-", "") in ("utf8", "utf16", "utf32")


def _show(home: Home, *, read_only: bool, ascii: bool, mouse: bool, study: str | None, host: str | None) -> int:
    from tui.app import TunedApp
    from tui.config import read_config
    from tui.context import Options
    from tui.terminal import run_app
    from tuned.client.aio import AsyncClient

    try:
        config = read_config(settings(os.environ, "ui"))
    except InvalidInput as error:
        print(f"tunectl ui: config.toml: {error}", file=sys.stderr)  # noqa: T201
        return 1
    options = Options(
        read_only=read_only,
        ascii=ascii,
        study=study,
        host=host,
        config=config,
        period=1.0 if is_far(os.environ) else 0.5,
    )
    return run_app(TunedApp(AsyncClient(home.socket), options, folder=home.root), mouse=mouse)
