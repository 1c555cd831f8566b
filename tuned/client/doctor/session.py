"""The machine's limits for a user: processes that outlive the login, watches, open files, git.

Owns these looks at the system.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tuned.client.finding import Finding
from tuned.client.unit import UNIT

_LIBC: Any = ctypes.CDLL(None) if hasattr(ctypes.CDLL(None), "inotify_init1") else None
FEW_FILES, FEW_WATCHES = 1024, 4096


def examine(environ: Mapping[str, str], root: Path = Path("/")) -> Iterator[Finding]:
    """Findings on the session.

    Args:
        environ: This process's environment.
        root: The file system's root.
    """
    yield from _linger(environ, root)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FEW_FILES:
        yield Finding("warn", f"at most {hard} open files", "raise it: ulimit -Hn, or limits.conf")
    else:
        yield Finding("ok", f"open files: {soft}")
    watches = _number(root / "proc/sys/fs/inotify/max_user_watches")
    if watches is not None and watches < FEW_WATCHES:
        yield Finding("warn", f"{watches} inotify watches a user", "sysctl fs.inotify.max_user_watches=65536")
    if _LIBC is not None:
        fd = _LIBC.inotify_init1(os.O_CLOEXEC)
        if fd < 0:
            yield Finding(
                "warn",
                "no inotify instance is left: the daemon sees what trials write up to 5 s late",
                "end programs that watch files, or sysctl fs.inotify.max_user_instances=1024",
            )
        else:
            os.close(fd)
    if shutil.which("git", path=environ.get("PATH")) is None:
        yield Finding("warn", "git is not on PATH: trials do not know their commit", "install git")


def _linger(environ: Mapping[str, str], root: Path) -> Iterator[Finding]:
    """Whether the daemon and its trials outlive the login."""
    user = environ.get("USER") or environ.get("LOGNAME") or ""
    if not (root / "run/systemd/system").is_dir():
        yield Finding("ok", "no systemd here: the daemon outlives the login by itself")
        return
    if (root / "var/lib/systemd/linger" / user).is_file() if user else False:
        yield Finding("ok", "lingering is on: the daemon and its trials outlive the login")
        return
    remedy = f"loginctl enable-linger {user}".strip()
    config = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    if (config / "systemd/user" / UNIT).is_file():
        yield Finding("fail", f"{UNIT} is installed, but ends at logout, with its trials", remedy)
    elif _kills(root):
        yield Finding("fail", "logind ends all processes at logout (KillUserProcesses=yes)", remedy)
    else:
        yield Finding("warn", "lingering is off: some systems end the daemon at logout", remedy)


def _kills(root: Path) -> bool:
    files = [root / "etc/systemd/logind.conf", *sorted((root / "etc/systemd/logind.conf.d").glob("*.conf"))]
    answer = False
    for file in files:
        try:
            lines = file.read_text(errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            key, _, value = line.strip().partition("=")
            if key == "KillUserProcesses":
                answer = value.strip().lower() in ("yes", "true", "on", "1")
    return answer


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def effective_user(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Said of root alone: what it starts belongs to it."""
    if os.geteuid() == 0 and environ.get("SUDO_USER"):
        yield Finding("warn", "this runs under sudo: its state folder and its trials are root's", "run it as yourself")
