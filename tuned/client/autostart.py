"""Starting the daemon when none runs, the way tmux starts its server.

Owns the detached start and the wait until the daemon answers. It never imports the daemon: it runs it.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Mapping
from pathlib import Path
from shutil import disk_usage
from time import monotonic, sleep

from tuned.client import api
from tuned.client.http import Client
from tuned.client.problems import OUTSIDE, NoDaemon
from tuned.client.unit import start_by_unit
from tuned.core.errors import Conflict, Unavailable
from tuned.home import Home, check_socket_folder, prepare_home
from tuned.installation import own_python
from tuned.protocol import ENV_ATTEMPT, ENV_HOME
from tuned.wire import DaemonStatus

_KEPT = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "TUNED_SLOTS",
    "TUNED_DISK_FLOOR",
    "TUNED_DISK_QUOTA",
)
POLL_S = 0.02
"""Seconds between two looks whether a starting daemon answers."""

LEAST_FREE = 64 * 1024
"""Bytes of disk without which no daemon can say why it ended."""

_KEPT_PREFIXES = ("LC_", "XDG_CONFIG", "XDG_STATE", "XDG_DATA", "XDG_CACHE")

# Runs as `python -I -S -c`: a new session, a second fork so that the daemon is nobody's child, then the daemon itself.
_DETACH = """
import os, sys
log, root, *command = sys.argv[1:]
os.setsid()
ready, tell = os.pipe()
if os.fork():
    os.close(tell)
    sys.stdout.write(os.read(ready, 32).decode())
    sys.stdout.flush()
    os._exit(0)
os.chdir(root)
null = os.open(os.devnull, os.O_RDONLY)
out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
os.dup2(null, 0)
os.write(tell, str(os.getpid()).encode())
os.dup2(out, 1)
os.dup2(out, 2)
os.closerange(3, 256)
os.execv(command[0], command)
"""


class Patience:
    """A wait for a process that ends when it stands still: how long it takes is the machine's business.

    Args:
        seconds: How long it may use no processor time.
        now: A monotonic time.
    """

    MOST = 20
    """Times the seconds: one that works for so long and does not answer never will."""

    def __init__(self, seconds: float, now: float) -> None:
        self._seconds, self._last = seconds, now + self.MOST * seconds
        self._deadline = now + seconds
        self._used: tuple[str, ...] = ()

    def lasts(self, now: float, used: tuple[str, ...]) -> bool:
        """Whether to wait on, given the processor time that the process has used so far."""
        if used and used != self._used:
            self._used, self._deadline = used, now + self._seconds
        return now < min(self._deadline, self._last)


def daemon_command(home: Home, slots: int | None = None) -> list[str]:
    """The argument list that runs the daemon of this state folder in the foreground."""
    command = [own_python(), "-I", "-m", "tuned.daemon", "run", "--home", str(home.root)]
    return command if slots is None else [*command, "--slots", str(slots)]


def repair_command(home: Home, verb: str) -> list[str]:
    """The argument list that makes the database of this state folder whole: `recover` or `rebuild`."""
    return [own_python(), "-I", "-m", "tuned.daemon", verb, "--home", str(home.root)]


def ensure_daemon(home: Home, *, start: bool = True, slots: int | None = None, patience: float = 30.0) -> DaemonStatus:
    """The daemon's status, after starting it when none runs.

    Args:
        home: The state folder.
        start: Whether to start one; without it a missing daemon is an error.
        slots: For a daemon that is started: how many trials at once; None: as the machine has it.
        patience: Seconds that it may stand still in before it answers: on a busy machine it takes longer.

    Raises:
        NoDaemon: None runs and `start` is not set.
        Conflict: None runs and this is a trial, which must not start one.
        Unavailable: It did not come up; the message holds its own last line.
    """
    client = Client(home.socket, caller="")  # whether a daemon runs is nobody's request
    check_socket_folder(home)
    try:
        return client.send(api.status())
    except NoDaemon:
        if not start:
            raise
    refuse_inside_trial(os.environ)
    prepare_home(home)
    begin = home.log.stat().st_size if home.log.exists() else 0
    pid = start_by_unit(home, os.environ) if slots is None else None
    if pid is None:
        pid = _spawn(home, daemon_command(home, slots))
    return _await(client, home, pid, begin, patience)


def refuse_inside_trial(environ: Mapping[str, str]) -> None:
    """A daemon that a trial started would die with it, and hold its slot while it lives.

    Raises:
        Conflict: This process belongs to a trial.
    """
    if environ.get(ENV_ATTEMPT):
        raise Conflict("a trial cannot start the daemon", where=ENV_ATTEMPT, hint=OUTSIDE)


def plain_environment(environ: Mapping[str, str], home: Home) -> dict[str, str]:
    """The part of its starter's environment that a daemon needs: nothing of the shell, the terminal or the project."""
    kept = {k: v for k, v in environ.items() if k in _KEPT or k.startswith(_KEPT_PREFIXES)}
    return {**kept, ENV_HOME: str(home.root)}


def _spawn(home: Home, command: list[str]) -> int:
    detach = [own_python(), "-I", "-S", "-c", _DETACH, str(home.log), str(home.root), *command]
    done = subprocess.run(
        detach, env=plain_environment(os.environ, home), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode or not done.stdout.strip().isdigit():
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise Unavailable(f"the daemon cannot be started: {last}", where=str(home.log))
    return int(done.stdout)


def _await(client: Client, home: Home, pid: int, begin: int, patience: float) -> DaemonStatus:
    """Wait until the daemon answers, looking up at once when it ends instead."""
    waited, working = Patience(patience, monotonic()), pid
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        process = -1
    try:
        ended = process < 0
        while waited.lasts(monotonic(), _used(working)):
            if ended:
                sleep(POLL_S)
            else:
                ended = bool(select.select([process], [], [], POLL_S)[0])
            try:
                return client.send(api.status())
            except NoDaemon:
                # Another process may have started one at the same moment: ours gave way to that one.
                if ended:
                    owner = _owner(home, pid)
                    if owner is None:
                        break
                    working = owner
    finally:
        if process >= 0:
            os.close(process)
    what = "did not start" if ended else f"does not answer and stands still for {patience:g} s"
    if ended and disk_usage(home.root).free < LEAST_FREE:
        # Then its log has no last line either.
        raise Unavailable(f"the daemon {what}: the disk is full", where=str(home.root), hint="free some space")
    raise Unavailable(f"the daemon {what}: {_last_line(home.log, begin)}", hint=f"its log is {home.log}")


def _used(pid: int) -> tuple[str, ...]:
    """The processor time that a process has used so far, as the kernel writes it; empty for none."""
    try:
        # The name of the program, in brackets, may hold anything.
        return tuple(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])
    except OSError:
        return ()


def _owner(home: Home, besides: int) -> int | None:
    """The process of another daemon that has locked the state folder, be it that it has not signed the lock yet."""
    for owner in (_locker(home), _signer(home)):
        if owner is not None and owner != besides:
            return owner
    return None


def _locker(home: Home) -> int | None:
    """The process that holds the lock, as the kernel lists it; taking the lock to try it would keep others from it."""
    with contextlib.suppress(OSError, ValueError):
        found = home.lock.stat()
        device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if words[1:2] == ["FLOCK"] and words[5:6] == [device]:
                return int(words[4]) if int(words[4]) > 0 else None
    return None


def _signer(home: Home) -> int | None:
    """The live process whose number is in the lock's file."""
    try:
        owner = int(home.lock.read_text())
        os.kill(owner, 0)
    except (OSError, ValueError):
        return None
    return owner


def _last_line(log: Path, begin: int) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(begin, log.stat().st_size - 65536))
            lines = [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError as error:
        return f"no log ({error.strerror})"
    return lines[-1].strip() if lines else "it ended without a word"
