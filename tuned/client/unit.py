"""The systemd user unit: its text, where it lies, and starting the daemon through it.

Owns the unit. Without systemd everything works by autostart; the unit adds a start at boot and after a crash.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tuned.core.errors import Unavailable
from tuned.home import Home
from tuned.installation import own_python

UNIT = "tuned-hpo.service"

_TEXT = """[Unit]
Description=tuned: queue and hyperparameter search of this workstation
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=exec
ExecStart={command}
Restart=on-failure
RestartSec=2
# Trials outlive the daemon: stopping or upgrading it must not touch them.
KillMode=process
OOMPolicy=continue

[Install]
WantedBy=default.target
"""


def unit_path(environment: Mapping[str, str]) -> Path:
    """Where systemd looks for the unit of this user."""
    config = environment.get("XDG_CONFIG_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".config")
    return Path(config) / "systemd" / "user" / UNIT


def unit_text(home: Home, slots: int | None = None) -> str:
    """The unit of this state folder's daemon, with absolute paths."""
    command = [own_python(), "-I", "-m", "tuned.daemon", "run", "--home", str(home.root)]
    if slots is not None:
        command += ["--slots", str(slots)]
    return _TEXT.format(command=" ".join(_quoted(part) for part in command))


def _quoted(part: str) -> str:
    escaped = part.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def install_unit(home: Home, environment: Mapping[str, str], slots: int | None = None) -> tuple[Path, list[str]]:
    """Write the unit and have systemd take it in.

    Returns:
        Its path, and what the user should know: what could not be done here, and about lingering.

    Raises:
        Unavailable: The unit cannot be written.
    """
    path = unit_path(environment)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(unit_text(home, slots))
    except OSError as error:
        raise Unavailable(f"cannot be written: {error.strerror}", where=str(path)) from error
    notes = []
    if not _systemctl("daemon-reload"):
        notes.append("systemd does not answer for this user here; the daemon starts with the first verb instead")
        return path, notes
    _systemctl("enable", UNIT)
    user = environment.get("USER", "")
    if not Path(f"/var/lib/systemd/linger/{user}").exists():
        notes.append(
            f"the unit ends when you log out and starts when you log in, unless lingering is on: "
            f"loginctl enable-linger {user}".rstrip()
        )
    return path, notes


def start_by_unit(home: Home, environment: Mapping[str, str]) -> int | None:
    """Start the daemon through its unit, if the unit is installed and belongs to this state folder.

    Returns:
        The daemon's process id, or None when it must be started otherwise.
    """
    path = unit_path(environment)
    try:
        text = path.read_text()
    except OSError:
        return None
    if f'"--home" {_quoted(str(home.root))}' not in text or not _systemctl("start", UNIT):
        return None
    shown = _run("show", "--property", "MainPID", "--value", UNIT)
    pid = shown.stdout.strip() if shown is not None else ""
    return int(pid) if pid.isdigit() and pid != "0" else None


def _systemctl(*arguments: str) -> bool:
    done = _run(*arguments)
    return done is not None and done.returncode == 0


def _run(*arguments: str) -> subprocess.CompletedProcess[str] | None:
    if shutil.which("systemctl") is None:
        return None
    return subprocess.run(
        ["systemctl", "--user", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
