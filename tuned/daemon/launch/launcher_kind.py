"""The key of a launcher: two trials with the same one may be forked from one process.

Owns what belongs to that key: interpreter, its packages, environment, imports, cores.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SESSION_NOISE = frozenset({"PWD", "OLDPWD", "SHLVL", "_", "DISPLAY", "LS_COLORS", "COLUMNS", "LINES"})
_NOISE_PREFIXES = ("SSH_", "TMUX", "XDG_SESSION_", "DBUS_", "TUNED_")


def trial_environment(captured: Mapping[str, str], overlay: Mapping[str, str]) -> dict[str, str]:
    """The environment of a study's trials: what was captured at submit, less what belongs to that session."""
    kept = {
        name: value
        for name, value in captured.items()
        if name not in _SESSION_NOISE and not name.startswith(_NOISE_PREFIXES)
    }
    return {**kept, **overlay, "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True, slots=True)
class LauncherKind:
    """The key of a launcher.

    Attributes:
        python: Absolute path of the interpreter.
        environment: The whole environment.
        preload: Modules to import before forking.
        cores: To how many cores it is confined while it imports: libraries count them once, then; 0: to none.
        ahead: Variables that hold while these are imported; None: one that is taken out.
        installed: The result of `installed` for the interpreter: a launcher does not see packages that came later.
    """

    python: str
    environment: tuple[tuple[str, str], ...]
    preload: tuple[str, ...]
    cores: int = 0
    installed: tuple[tuple[str, int], ...] = ()
    ahead: tuple[tuple[str, str | None], ...] = ()


def installed(python: str) -> tuple[tuple[str, int], ...]:
    """The interpreter behind a path and its folders of packages, each with the time of its last change (ns).

    An upgrade of the interpreter, and whatever is installed into its environment or taken out of it, changes them.
    """
    here, real = Path(python), Path(os.path.realpath(python))
    folders = {folder for path in (here, real) for folder in path.parent.parent.glob("lib/python3*/site-packages")}
    return tuple((str(path), path.stat().st_mtime_ns) for path in (real, *sorted(folders)) if path.exists())
