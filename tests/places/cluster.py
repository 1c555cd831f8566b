"""A Slurm cluster of two virtual nodes on this machine, made by a test and ended with it.

Owns its folder, its key, its configuration and its processes, which are ended by their ids alone. Nothing is installed,
no service of the machine is used, and a fake GPU is a terminal's device file.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from tests.patience import DEADLINE_S

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo")
NODES = ("n1", "n2")
READY_S = 30.0
_SBIN = "/usr/sbin:/sbin"


def missing() -> str:
    """Why there can be no cluster here; empty when there can."""
    path = f"{os.environ.get('PATH', '')}:{_SBIN}"
    absent = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    return f"no {', '.join(absent)} here: apt-get install -y slurm-wlm munge" if absent else ""


class Cluster:
    """Starts with the `with` and ends with it.

    Attributes:
        folder: Its configuration and logs.
        environment: What a client needs to find it, over its own environment.
    """

    def __init__(self, cpus: int = 4, lines: str = "") -> None:
        # A socket's path is short, and pytest's folders are not.
        self.folder = Path(tempfile.mkdtemp(prefix="tuned-slurm-"))
        self.folder.chmod(0o755)
        self._cpus = cpus
        self._lines = lines
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def __enter__(self) -> Cluster:
        try:
            self._configure()
            for name in ("munged", "slurmctld", *NODES):
                self.start(name)
            self._await_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, *command: str) -> str:
        """The output of one of Slurm's commands."""
        done = subprocess.run(
            command,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def start(self, name: str) -> None:
        """Start `munged`, `slurmctld` or the daemon of a node."""
        arguments = {
            "munged": [
                "munged",
                "--foreground",
                "--force",
                "--num-threads=2",
                f"--key-file={self.folder}/munge.key",
                f"--socket={self.folder}/munge.sock",
                f"--pid-file={self.folder}/munge.pid",
                f"--log-file={self.folder}/munged.log",
                f"--seed-file={self.folder}/munge.seed",
            ],
            "slurmctld": ["slurmctld", "-D", "-i"],
        }.get(name, ["slurmd", "-D", "-N", name])
        with open(self.folder / f"{name}.out", "ab") as log:
            self._running[name] = subprocess.Popen(
                arguments,
                env={**os.environ, **self.environment, "PATH": f"{os.environ['PATH']}:{_SBIN}"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if name == "munged":
            _until(lambda: (self.folder / "munge.sock").exists(), "munged made no socket")

    def kill(self, name: str) -> None:
        """Kill one of its daemons; jobs live on."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def clear(self) -> None:
        """End all of its jobs, and wait until their processes are gone."""
        user = getpass.getuser()
        self.run("scancel", "--user", user, "--state=PENDING")
        self.run("scancel", "--user", user, "--signal=KILL", "--full")
        _until(lambda: not self.run("squeue", "-h", "-o", "%i").strip(), "its jobs do not end")

    def close(self) -> None:
        """End its jobs, then its daemons, and remove its folder."""
        if "slurmctld" in self._running:
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                self.clear()
        for name in reversed([*self._running]):
            process = self._running.pop(name)
            process.terminate()
            try:
                process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _configure(self) -> None:
        (self.folder / "munge.key").write_bytes(os.urandom(128))
        (self.folder / "munge.key").chmod(0o400)
        for name in ("state", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir()
        ports = _free_ports(1 + len(NODES))
        host, user = socket.gethostname().split(".")[0], getpass.getuser()
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={self._cpus} "
            "RealMemory=500 Gres=gpu:1 State=UNKNOWN"
            for node, port in zip(NODES, ports[1:], strict=True)
        )
        (self.folder / "gres.conf").write_text(
            "".join(f"NodeName={node} Name=gpu File=/dev/tty{i}\n" for i, node in enumerate(NODES, 1))
        )
        (self.folder / "slurm.conf").write_text(f"""
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={self.folder}/munge.sock
CryptoType=crypto/munge
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool-%n
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmdPidFile={self.folder}/slurmd-%n.pid
SlurmctldLogFile={self.folder}/slurmctld.log
SlurmdLogFile={self.folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=100000
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
GresTypes=gpu
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=300
KillWait=3
MinJobAge=300
InactiveLimit=0
{self._lines}
{nodes}
PartitionName=main Nodes={",".join(NODES)} Default=YES MaxTime=INFINITE OverSubscribe=NO State=UP
""")

    def _await_ready(self) -> None:
        def ready() -> bool:
            with contextlib.suppress(AssertionError):
                return self.run("sinfo", "-N", "-h", "-o", "%N %t").count("idle") == len(NODES)
            return False

        _until(ready, f"the nodes did not come up: see {self.folder}")


def _until(holds: object, complaint: str) -> None:
    deadline = time.monotonic() + READY_S
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    found = [socket.socket() for _ in range(count)]
    try:
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in found]
    finally:
        for one in found:
            one.close()
