"""`-H ssh://USER@HOST`: the daemon of another machine, through a socket that the ssh client forwards.

Owns the tunnel: where its local end lies, the calls of `ssh`, and opening it again when the line breaks. ssh does
the authentication, with its own configuration; nothing listens on a network port.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from tuned.core.errors import InvalidInput, Unavailable
from tuned.core.verbs import BY_NAME
from tuned.home import Home

OPEN_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1
AGAIN_SECONDS = 2.0
_ADDRESS = re.compile(r"ssh://(?:([A-Za-z0-9_][\w.-]*)@)?([A-Za-z0-9][\w.-]*|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?/?")
_COMMAND = 'PATH="$PATH:$HOME/.local/bin"; exec tunectl daemon start --json'
"""The command for the other machine: prints the socket's path, and starts the daemon when none runs."""


@dataclass(frozen=True, slots=True)
class Address:
    """A machine as ssh takes it."""

    destination: str
    port: int | None

    def options(self) -> list[str]:
        """Options and destination of the ssh command line; the destination never reads as an option."""
        return [*(["-p", str(self.port)] if self.port is not None else []), "--", self.destination]


def parse_address(text: str) -> Address:
    """The machine that `ssh://user@host:port` names.

    Raises:
        InvalidInput: It is no such address.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise InvalidInput(
            f"{text!r} is no address", where="-H", hint="write: ssh://user@host, or ssh://user@host:2222"
        )
    user, host, port = found.groups()
    host = host.strip("[]")
    return Address(f"{user}@{host}" if user else host, int(port) if port else None)


class Tunnel:
    """A local socket that leads to another machine's daemon, kept open until it is closed.

    Args:
        address: The machine.

    Attributes:
        socket: The local end.
        problem: Why the line is broken; empty while it is not.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._folder = Path(tempfile.mkdtemp(prefix="tunectl-"))
        self.socket = self._folder / "tuned.sock"
        self._told = self._folder / "ssh.log"
        self._closed = threading.Event()
        self.problem = ""
        self._process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """Ask for the socket over there, and forward it.

        Raises:
            Unavailable: ssh or the other side's `tunectl` says no.
        """
        try:
            self._connect(batch=False)
        except Unavailable:
            self.close()
            raise
        self._keep_open()

    def open_when_it_can(self) -> None:
        """The same, for a machine that may be away: then `problem` says why, and it is tried again and again."""
        try:
            self._connect(batch=False)
        except Unavailable as error:
            self.problem = error.what
        self._keep_open()

    def _connect(self, *, batch: bool) -> None:
        remote = self._remote_socket(batch=batch)
        self.socket.unlink(missing_ok=True)
        self._process = self._forward(remote, batch=batch)
        end = time.monotonic() + OPEN_SECONDS
        while not self.socket.exists():
            if self._process.poll() is not None or time.monotonic() > end:
                self._process.terminate()
                what = self._last_word() or "ssh forwards no socket"
                raise Unavailable(what, where=self.address.destination, hint="see: ssh -v")
            time.sleep(0.02)
        self.problem = ""

    def _last_word(self) -> str:
        """The last line that ssh said of the line; empty without one."""
        told = self._told.read_text(errors="replace").strip().splitlines() if self._told.exists() else []
        return told[-1] if told else ""

    def close(self) -> None:
        """End ssh and remove the local end."""
        self._closed.set()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _remote_socket(self, *, batch: bool) -> str:
        command = ["ssh", *_options(batch), *self.address.options(), f"sh -c {shlex.quote(_COMMAND)}"]
        where = self.address.destination
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                preexec_fn=_stay_until_we_end if batch else None,
            )
        except FileNotFoundError:
            raise Unavailable("there is no ssh client", where=where, hint="install OpenSSH's client") from None
        lines = done.stderr.strip().splitlines()
        if done.returncode:
            raise Unavailable(lines[-1] if lines else f"ssh ended with {done.returncode}", where=where)
        try:
            return str(json.loads(done.stdout.strip().splitlines()[-1])["socket"])
        except (IndexError, KeyError, TypeError, ValueError):
            raise Unavailable(
                "tunectl over there gave no socket", where=where, hint="is it the same version?"
            ) from None

    def _forward(self, remote: str, *, batch: bool) -> subprocess.Popen[bytes]:
        given = _options(batch, "ExitOnForwardFailure=yes", "StreamLocalBindUnlink=yes")
        command = ["ssh", "-N", "-T", *given, "-L", f"{self.socket}:{remote}", *self.address.options()]
        # In a session of its own it would lose the terminal for its password, which it opens itself; what else it has
        # to say would be painted over the UI. Ctrl-C in the UI must not reach it.
        with self._told.open("wb") as told:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=told,
                preexec_fn=_stay_until_we_end,
            )

    def _keep_open(self) -> None:
        threading.Thread(target=self._keep, daemon=True).start()

    def _keep(self) -> None:
        """Open the line again whenever it breaks; over there a daemon is started where none runs, as at first."""
        while not self._closed.is_set():
            if not self.problem and self._process is not None:
                self._process.wait()
                self.problem = self._last_word() or "the line is broken"
            if self._closed.wait(AGAIN_SECONDS):
                return
            try:
                self._connect(batch=True)
            except (OSError, Unavailable) as error:
                self.problem = error.what if isinstance(error, Unavailable) else str(error)
            if self._closed.is_set() and self._process is not None:
                self._process.terminate()


def _options(batch: bool, *more: str) -> list[str]:
    # A password can be typed before the UI is on the screen, never under it.
    options = [*more, "ServerAliveInterval=15", "ConnectTimeout=15", *(["BatchMode=yes"] if batch else [])]
    return [part for option in options for part in ("-o", option)]


def _stay_until_we_end() -> None:
    """Ctrl-C is for the UI, not for its line; and when the UI is killed, the kernel ends the line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def remote_home(home: Home, address: Address, socket: Path) -> Home:
    """The state folder of this machine, with a socket that leads to the other one."""
    return replace(home, socket=socket, why=f"-H {address.destination}", socket_note="")


def checked_verb(verb: str) -> None:
    """Refuse verbs that make no sense on another machine.

    Raises:
        InvalidInput: This is one of them.
    """
    if verb in BY_NAME and BY_NAME[verb].local:
        raise InvalidInput(
            f"{verb} works with the files of the machine that it runs on", where="-H", hint=f"ssh HOST tunectl {verb}"
        )
