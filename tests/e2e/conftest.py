"""A real daemon on a state folder of its own, and the ways to talk to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.e2e.tunectl_process import Tunectl
from tests.patience import DEADLINE_S
from tuned.protocol import process_start_time


def wait_until(what: Callable[[], Any], why: str, deadline_s: float = DEADLINE_S) -> Any:
    """The first true value of `what()`; fails with `why` when none comes in time."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {deadline_s:g} s in vain: {why}")


class Refusal(Exception):
    """The daemon said no."""

    def __init__(self, status: int, problem: Any) -> None:
        super().__init__(f"{status}: {problem}")
        self.status = status
        self.problem = problem


def call(path: str, method: str, target: str, body: Any = None) -> Any:
    """One request over a Unix socket; the decoded JSON of the reply."""
    connection = http.client.HTTPConnection("tuned", timeout=DEADLINE_S)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(DEADLINE_S)
    try:
        connection.sock.connect(path)
        payload = None if body is None else json.dumps(body)
        with contextlib.suppress(BrokenPipeError):  # it was answered before all of it was sent
            connection.request(method, target, payload, {"Content-Type": "application/json", "Connection": "close"})
        reply = connection.getresponse()
        data = json.loads(reply.read())
        if reply.status >= 400:
            raise Refusal(reply.status, data)
        return data
    finally:
        connection.close()


class DaemonProcess:
    """A daemon under test: started, asked, killed, started again on the same folder."""

    def __init__(self, home: Path, slots: int = 2) -> None:
        self.home = home
        self.slots = slots
        self.process: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}

    @property
    def socket(self) -> str:
        return str(self.home / "tuned.sock")

    def start(self, **environment: str) -> DaemonProcess:
        self.spawn(**environment)
        wait_until(self._answers, f"daemon does not answer: {self.log()[-2000:]}")
        return self

    def spawn(self, **environment: str) -> None:
        env = {k: v for k, v in os.environ.items() if not k.startswith("TUNED_")}
        self.home.mkdir(exist_ok=True, parents=True)
        command = [sys.executable, "-I", "-m", "tuned.daemon", "run", "--home", str(self.home)]
        with (self.home / "test-daemon.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--slots", str(self.slots)], env={**env, **environment}, stdout=log, stderr=log, cwd="/"
            )

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()[-4000:]
        with contextlib.suppress(OSError):
            self.get("/v1/status")
            return True
        return False

    def log(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.home / "test-daemon.log").read_text()
        return ""

    def get(self, path: str, **query: Any) -> Any:
        return call(self.socket, "GET", path + ("?" + urlencode(query, doseq=True) if query else ""))

    def post(self, path: str, body: Any) -> Any:
        return call(self.socket, "POST", path, body)

    def delete(self, path: str) -> Any:
        return call(self.socket, "DELETE", path)

    def submit(self, study: dict[str, Any], base: Path) -> Any:
        body = {"study": study, "base": str(base), "environment": dict(os.environ), "stem": "study"}
        return self.post("/v1/studies", body)

    def study(self, name: str) -> Any:
        return self.get(f"/v1/studies/{name}")["study"]

    def trials(self, name: str) -> list[Any]:
        return list(self.get(f"/v1/studies/{name}/trials"))

    def wait_ended(self, name: str, deadline_s: float = DEADLINE_S) -> Any:
        def ended() -> Any:
            study = self.study(name)
            return study if study["ended_at"] else None

        try:
            return wait_until(ended, f"{name} does not end", deadline_s)
        except AssertionError as error:
            shown = json.dumps([self.study(name), self.trials(name)[:5]], indent=1)
            raise AssertionError(f"{error}\n{shown}\n{self.log()[-3000:]}") from None

    def wait_state(self, name: str, number: int, *states: str) -> Any:
        def reached() -> Any:
            trial = self.get(f"/v1/studies/{name}/trials/{number}")["trial"]
            return trial if trial["state"] in states else None

        return wait_until(reached, f"{name}/{number} does not become {' or '.join(states)}: {self.log()[-2000:]}")

    def until(self, what: Callable[[], Any], why: str) -> Any:
        return wait_until(what, f"{why}: {self.log()[-2000:]}")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(DEADLINE_S)

    def end_everything(self) -> None:
        """End the daemon and every process of its trials."""
        self.stop()
        for record in self.home.glob("runs/*/*/*/start.json"):
            start = json.loads(record.read_text())
            if process_start_time(start["supervisor_pid"]) == start["supervisor_start"]:
                # The trial goes with its supervisor, and with it everything that the supervisor adopted.
                os.kill(start["supervisor_pid"], signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(start["pgid"], signal.SIGKILL)


@pytest.fixture(scope="module")
def shared_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """One daemon that runs for a whole file of tests, for those that neither kill nor configure it."""
    process = DaemonProcess(tmp_path_factory.mktemp("shared") / "home").start()
    try:
        yield process
    finally:
        process.end_everything()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    """A daemon that is started by the test (`daemon.start()`), and ended with all it started."""
    process = DaemonProcess(tmp_path / "home")
    try:
        yield process
    finally:
        process.end_everything()


@pytest.fixture
def tunectl(tmp_path: Path) -> Iterator[Tunectl]:
    """The command on a state folder of its own; what it started is ended."""
    with tempfile.TemporaryDirectory(prefix="tuned-", ignore_cleanup_errors=True) as folder:
        command = Tunectl(Path(folder) / "home", tmp_path)
        try:
            yield command
        finally:
            command.end()
