"""A real Ray cluster of two raylets on this machine, from an environment of its own, ended by the ids of its processes.

Owns its folder, its token, its ports and its processes. Each raylet has two cores and a card that Ray believes in.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType

import psutil

from tests.places.cluster import _free_ports

READY_S = 120.0
TRIES = 4
END_S = 20.0
"""After which what has not ended by itself is killed."""
_HAS = ("--num-cpus=2", "--num-gpus=1", "--object-store-memory=100000000", "--disable-usage-stats")


class RayCluster:
    """Starts with the `with` and ends with it.

    Args:
        program: The program `ray`.

    Attributes:
        token: File with the token that it asks for.
        address: The URL of its head.
    """

    def __init__(self, program: Path) -> None:
        self._program = program
        # A socket's path is short.
        self.folder = Path(tempfile.mkdtemp(prefix="tuned-ray-", dir="/tmp"))
        self.token = self.folder / "token"
        self.token.write_text(secrets.token_hex(32))
        self._gcs, dashboard = _free_ports(2)
        self.address = f"http://127.0.0.1:{dashboard}"
        self._dashboard = dashboard
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> RayCluster:
        try:
            self._bring_up("head", 1, f"--port={self._gcs}", f"--dashboard-port={self._dashboard}", "--head")
            self.start_second()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start_second(self) -> None:
        """Start the second raylet, and wait for it."""
        self._bring_up("second", 2, f"--address=127.0.0.1:{self._gcs}")

    def kill_second(self) -> None:
        """Kill the second raylet's own process; what it has started notices by itself."""
        [raylet] = [one for one in self._processes("second") if one.name() == "raylet"]
        raylet.kill()
        raylet.wait()

    def close(self) -> None:
        """End all of its processes, and remove its folder."""
        for name in ("second", "head"):
            if name in self._running:
                self.end(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def end(self, name: str) -> None:
        """End a raylet with all that it has started."""
        left = self._processes(name)
        process = self._running.pop(name)
        process.terminate()
        _, alive = psutil.wait_procs(left, timeout=END_S)
        for one in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait()

    @property
    def memory(self) -> tuple[int, int]:
        """Processes of the cluster, and their resident bytes."""
        sizes = []
        for name in self._running:
            for one in self._processes(name):
                with contextlib.suppress(psutil.NoSuchProcess):
                    sizes.append(one.memory_info().rss)
        return len(sizes), sum(sizes)

    def _processes(self, name: str) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self._running[name].pid)
            return [root, *root.children(recursive=True)]
        return []

    def _bring_up(self, name: str, count: int, *arguments: str) -> None:
        """Start one, and wait until there are so many; Ray gives itself 30 s, which a loaded machine may not keep."""
        for _ in range(TRIES):
            self._start(name, *arguments)
            if self._comes_up(name, count):
                return
            self.end(name)
        raise AssertionError((self.folder / f"{name}.log").read_text()[-2000:])

    def _start(self, name: str, *arguments: str) -> None:
        ports = _free_ports(4)
        kinds = ("dashboard-agent-listen-port", "dashboard-agent-grpc-port", "runtime-env-agent-port")
        own = [f"--{kind}={port}" for kind, port in zip((*kinds, "metrics-export-port"), ports, strict=True)]
        head = [f"--temp-dir={self.folder}", "--dashboard-host=127.0.0.1"] if name == "head" else []
        with open(self.folder / f"{name}.log", "ab") as log:
            self._running[name] = subprocess.Popen(
                [self._program, "start", "--block", *arguments, *_HAS, *own, *head],
                env={**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.token)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _comes_up(self, name: str, count: int) -> bool:
        end = time.monotonic() + READY_S
        while self._running[name].poll() is None and time.monotonic() < end:
            if self._alive() >= count:
                return True
            time.sleep(0.5)
        return False

    def _alive(self) -> int:
        headers = {"Authorization": f"Bearer {self.token.read_text()}"}
        request = urllib.request.Request(f"{self.address}/api/v0/nodes", headers=headers)
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=10) as reply:
            return reply.read().count(b'"ALIVE"')
        return 0
