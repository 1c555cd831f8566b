"""The state folder: where it is, whether it can hold a database, how much room there is, and who else runs here.

Owns these looks. It creates nothing and starts nothing.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from tuned.client.finding import Finding
from tuned.core import words
from tuned.core.errors import Unavailable
from tuned.file_systems import MEMORY, NETWORK, file_system
from tuned.home import Home, check_private

LOW, LEAST = 20 * 10**9, 10**9
"""Bytes: below the first a few checkpoints fill it, below the second the daemon launches nothing."""


def examine(home: Home, environ: Mapping[str, str], mounts: str, processes: Path = Path("/proc")) -> Iterator[Finding]:
    """Findings on the state folder and on the daemons of this user.

    Args:
        home: The state folder.
        environ: This process's environment.
        mounts: The content of `/proc/mounts`.
        processes: Where the kernel lists processes.
    """
    place = _existing(home.root)
    if place == home.root:
        try:
            check_private(place)
        except Unavailable as error:
            yield Finding("fail", f"state folder {place} ({home.why}): {error.what}", error.hint or "")
            return
    yield Finding("ok", f"state folder {home.root} ({home.why})")
    kind = file_system(home.root, mounts)
    if kind in NETWORK:
        yield Finding(
            "fail",
            f"{home.root} is on a network file system ({kind}), which would damage the database",
            _local(environ),
        )
    elif kind in MEMORY:
        yield Finding(
            "warn", f"{home.root} is in memory ({kind}): a restart of the machine empties it", _local(environ)
        )
    if not os.access(place, os.W_OK | os.X_OK):
        yield Finding("fail", f"{place} cannot be written by this user", "name another folder with TUNED_HOME")
    yield _room(place)
    if home.socket_note:
        yield Finding("warn", home.socket_note, "a shorter TUNED_HOME avoids it")
    yield from _daemons(home, processes)


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next((p for p in (path, *path.parents) if p.exists()), Path("/"))


def _local(environ: Mapping[str, str]) -> str:
    """A place to propose: the first local folder that this user can write to."""
    user = environ.get("USER") or environ.get("LOGNAME") or str(os.getuid())
    for folder in ("/scratch", "/data", "/local", "/var/tmp"):
        if os.access(folder, os.W_OK | os.X_OK):
            return f"export TUNED_HOME={folder}/{user}/tuned, or name it in ~/.config/tuned-hpo/config.toml"
    return "set TUNED_HOME to a folder on a local disk"


def _room(place: Path) -> Finding:
    free = shutil.disk_usage(place).free
    shown = f"{words.size(free)} free at {place}"
    if free < LEAST:
        return Finding("fail", f"{shown}: nothing is launched below {words.size(LEAST)}", "free some: tunectl gc")
    if free < LOW:
        return Finding("warn", f"{shown}: checkpoints may fill it", "tunectl gc shows what can go")
    return Finding("ok", shown)


def _daemons(home: Home, processes: Path) -> Iterator[Finding]:
    found = dict(_running(processes))
    own = [pid for pid, folder in found.items() if folder == str(home.root)]
    others = {pid: folder for pid, folder in found.items() if folder != str(home.root)}
    yield Finding("ok", f"its daemon runs: pid {own[0]}" if own else "no daemon runs on it; the first verb starts one")
    for pid, folder in others.items():
        yield Finding(
            "warn",
            f"a second daemon runs on {folder} (pid {pid}), and gives its trials the same GPUs and cores",
            f"TUNED_HOME={shlex.quote(folder)} tunectl daemon stop",
        )


def _running(processes: Path) -> Iterator[tuple[int, str]]:
    """Process id -> state folder of each daemon of this user."""
    for entry in sorted(processes.iterdir(), key=lambda path: path.name):
        if not entry.name.isdigit():
            continue
        try:
            if entry.stat().st_uid != os.getuid():
                continue
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "tuned.daemon" in words and "--home" in words[:-1]:
            yield int(entry.name), words[words.index("--home") + 1]
