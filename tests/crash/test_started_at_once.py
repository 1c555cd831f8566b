"""Clients that find no daemon at the same moment: one daemon comes up, and each of them waits for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.crash.lab import Lab
from tuned.client.autostart import ensure_daemon
from tuned.home import home_at, prepare_home

PATIENCE_S = 3.0
SLOW = """
import fcntl, os, sys, time
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
fcntl.flock(lock, fcntl.LOCK_EX)
if sys.argv[2] == "signed":
    os.pwrite(lock, f"{os.getpid()}\\n".encode(), 0)
print("locked", flush=True)
until = time.monotonic() + float(sys.argv[3])
while time.monotonic() < until:
    sum(range(10**5))
os.pwrite(lock, f"{os.getpid()}\\n".encode(), 0)
os.execv(sys.executable, [sys.executable, "-I", "-m", "tuned.daemon", "run", "--home", sys.argv[4]])
"""


@pytest.fixture
def starting(lab: Lab, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A daemon that has locked its folder, and works for longer than anybody waits for one that stands still."""
    home = home_at(lab.home, "test")
    prepare_home(home)
    command = [sys.executable, "-c", SLOW, str(home.lock), request.param, str(3 * PATIENCE_S), str(lab.home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


@pytest.mark.parametrize("starting", ["signed", "not signed yet"], indirect=True)
def test_who_finds_another_one_starting_waits_for_it(lab: Lab, starting: subprocess.Popen[str]) -> None:
    status = ensure_daemon(home_at(lab.home, "test"), patience=PATIENCE_S)
    assert status.pid == starting.pid


def test_clients_that_start_it_at_once_are_all_served(lab: Lab) -> None:
    program, clients = lab.base / "job.sh", 4
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TUNED_")} | {"TUNED_HOME": str(lab.home)}
    command = [sys.executable, "-I", "-m", "tuned.cli", "queue", "--", str(program)]
    queued = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(clients)
    ]
    said = [client.communicate()[0] for client in queued]
    assert [client.returncode for client in queued] == [0] * clients, said
    assert lab.daemon.get("/v1/status")["studies"] == clients
