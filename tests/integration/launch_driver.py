"""A small stand-in for the daemon's side of launching: writes specs, talks to a launcher, waits for records."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.patience import DEADLINE_S
from tuned import protocol
from tuned.launch.bundle import launcher_path, make_bundle


def wait_until(condition: Callable[[], Any], what: str, seconds: float = DEADLINE_S) -> Any:
    """The first true value of the condition.

    Raises:
        AssertionError: It stayed false.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.005)
    return value


class Attempt:
    """One run directory with its spec."""

    def __init__(self, run_dir: Path, spec: dict[str, Any]) -> None:
        self.dir = run_dir
        self.spec = spec

    def record(self, name: str) -> dict[str, Any] | None:
        return protocol.read_record(str(self.dir), name)

    def started(self) -> dict[str, Any]:
        return wait_until(lambda: self.record(protocol.START_FILE), f"start of {self.dir}")

    def ended(self) -> dict[str, Any]:
        return wait_until(lambda: self.record(protocol.EXIT_FILE), f"end of {self.dir}")

    def output(self) -> str:
        path = self.dir / protocol.OUTPUT_FILE
        return path.read_text(errors="replace") if path.exists() else ""

    def shows(self, text: str) -> None:
        wait_until(lambda: text in self.output(), f"{text!r} in the output")

    def metrics(self) -> list[dict[str, Any]]:
        path = self.dir / protocol.METRICS_FILE
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def stop(self, reason: str) -> None:
        """Ask as the daemon does: write the file, then say so."""
        start = self.started()
        protocol.write_record(str(self.dir), protocol.STOP_FILE, {"reason": reason, "at": time.time()})
        os.kill(start["supervisor_pid"], signal.SIGUSR1)


class Launcher:
    """A launcher process and its control line."""

    def __init__(
        self,
        folder: Path,
        preload: list[str] | None = None,
        python: str = sys.executable,
        env: dict[str, str] | None = None,
        bundle: str = "",
    ) -> None:
        self.folder = folder
        self.python = python
        self.bundle = bundle or make_bundle(str(folder / "bundles"))
        self.log = folder / f"launcher-{uuid.uuid4().hex[:6]}.log"
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("TUNED_", "PYTEST_", "COV_"))}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [python, "-u", launcher_path(self.bundle)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**clean, **(env or {})},
                cwd="/",
                start_new_session=True,
                bufsize=0,
            )
        self.announced: list[str] = []
        self.ready = self.ask(hello={"preload": preload or [], "bundle": self.bundle})
        while "importing" in self.ready:
            self.announced.append(self.ready["importing"])
            self.ready = self.answer("hello")
        self._count = 0

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and read its answer."""
        self.send(**request)
        return self.answer(request)

    def answer(self, request: object) -> dict[str, Any]:
        """The next answer."""
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], DEADLINE_S)
        line = self.process.stdout.readline() if readable else b""
        assert line, f"no answer to {request}: {self.log.read_text()}"
        return json.loads(line)

    def send(self, **request: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write((json.dumps(request) + "\n").encode())
        self.process.stdin.flush()

    def attempt(self, script: Path | str | None, **over: Any) -> Attempt:
        """A new run directory with a spec."""
        self._count += 1
        run_dir = self.folder / "runs" / "study" / str(self._count) / "1"
        run_dir.mkdir(parents=True)
        spec: dict[str, Any] = {
            "attempt_id": uuid.uuid4().hex,
            "study": "study",
            "number": self._count,
            "attempt": 1,
            "seed": 7,
            "stage": "search",
            "kind": "script",
            "start": "warm",
            "argv": [str(script)],
            "script": None if script is None else str(script),
            "function": None,
            "cwd": str(run_dir),
            "env": {},
            "params": {"lr": 0.1},
            "checkpoint_dir": str(run_dir.parent / "checkpoint"),
            "device": "cpu:0",
            "resumed": False,
            "timeout": None,
            "grace": 30.0,
            "patterns": [],
            "objective_metric": "loss",
            "learn": False,
            "umask": None,
            "rlimits": {},
            "python": self.python,
            "bundle": self.bundle,
            **over,
        }
        protocol.write_record(str(run_dir), protocol.SPEC_FILE, spec, durable=False)
        return Attempt(run_dir, spec)

    def launch(self, attempt: Attempt) -> dict[str, Any]:
        return self.ask(launch=str(attempt.dir))

    def start(self, script: Path | str | None, **over: Any) -> Attempt:
        """A new attempt that runs."""
        attempt = self.attempt(script, **over)
        answer = self.launch(attempt)
        assert answer.get("forked") == str(attempt.dir), answer
        return attempt

    def run(self, script: Path | str | None, **over: Any) -> tuple[dict[str, Any], str]:
        """Exit record and output of a whole attempt."""
        attempt = self.start(script, **over)
        return attempt.ended(), attempt.output()

    def close(self) -> None:
        """End the launcher and wait for it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(timeout=DEADLINE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
