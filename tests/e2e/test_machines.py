"""Several machines in one terminal: two daemons behind two real sshd, one of which goes away and comes back."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import DaemonProcess, wait_until
from tests.e2e.test_ui_drill import Pane

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not SSHD or not shutil.which("ssh"), reason="OpenSSH's server or client is not installed"),
    pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed"),
]


class Sshd:
    """A server of this machine's own user on a port of its own; who logs in finds one state folder."""

    def __init__(self, folder: Path, home: Path) -> None:
        folder.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        script = folder / "tunectl"
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -I -m tuned.cli "$@"\n')
        script.chmod(0o755)
        for name in ("host", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
        self.key, self.config = folder / "key", folder / "sshd_config"
        self.config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\nStrictModes no\n"
            f"AuthorizedKeysFile {folder / 'key.pub'}\nPasswordAuthentication no\nUsePAM no\n"
            f"SetEnv TUNED_HOME={home} PATH={folder}:/usr/bin:/bin\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        command = [str(SSHD), "-D", "-e", "-f", str(self.config)]
        self.process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        """With all of its connections, as when the machine is switched off."""
        if self.process is not None:
            for child in (mine := psutil.Process(self.process.pid)).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            mine.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def two(tmp_path: Path) -> Iterator[list[tuple[DaemonProcess, Sshd]]]:
    found = []
    try:
        for name in ("left", "right"):
            daemon = DaemonProcess(tmp_path / name)
            found.append((daemon, Sshd(tmp_path / f"sshd-{name}", daemon.home)))
            daemon.start()
            daemon.submit({"run": {"command": ["true"]}, "name": f"on-the-{name}", "search": {"trials": 1}}, tmp_path)
            daemon.wait_ended(f"on-the-{name}")
            found[-1][1].start()
        yield found
    finally:
        for daemon, server in found:
            server.stop()
            daemon.end_everything()


def lines_of(folder: Path) -> int:
    """The ssh processes that hold a line below this folder."""
    found = 0
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0") if entry.name.isdigit() else []
        except OSError:
            continue
        found += "-N" in words and any(word.startswith(f"{folder}/tunectl-") for word in words)
    return found


def test_a_list_of_machines(two: list[tuple[DaemonProcess, Sshd]], tmp_path: Path) -> None:
    (_, left), (_, right) = two
    here = tmp_path / "here"
    here.mkdir()
    config = here / "ssh_config"
    keys = "".join(f"IdentityFile {server.key}\n" for _, server in two)
    config.write_text(
        f"{keys}IdentitiesOnly yes\nUserKnownHostsFile /dev/null\nStrictHostKeyChecking no\nLogLevel ERROR\n"
    )
    (here / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {config} "$@"\n')
    (here / "ssh").chmod(0o755)
    environment = {
        "TUNED_HOME": str(tmp_path / "home"), "PATH": f"{here}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)
    }  # fmt: skip
    hosts = " ".join(f"-H ssh://{server.name}" for _, server in two)
    pane = Pane(tmp_path, f"{sys.executable} -I -m tuned.cli ui {hosts}; sleep 600", environment, wait_until)
    try:
        for _, server in two:
            pane.shows(f"{server.name}  ")
        screen = pane.shows("Machines 2 ")
        studies = {line.split()[1]: line.split()[0] for line in screen.splitlines() if "on-the-" in line}
        assert studies == {"on-the-left": left.name, "on-the-right": right.name}, screen
        assert lines_of(tmp_path) == 2
        right.stop()
        pane.shows("Machines 2, 1 away")
        screen = pane.shows("Connection refused")
        assert "on-the-right" in screen and "shown as of" in screen  # what is known of it is not thrown away
        right.start()
        pane.shows_not("away")
        assert lines_of(tmp_path) == 2
        pane.keys("G", "Enter")
        assert "on-the-left" not in pane.shows(f" {right.name}  on-the-right")
        pane.keys("q")
        assert "on-the-left" in pane.shows("Machines 2 ")
        pane.keys("q")
        pane.shows_not("Machines")
        wait_until(lambda: lines_of(tmp_path) == 0, "the lines are closed")
        wait_until(lambda: not list(tmp_path.glob("tunectl-*")), "so is their folder")
    finally:
        pane.close()
