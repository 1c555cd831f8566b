"""The head of a Ray cluster as its Jobs API shows it: a real HTTP server on loopback that runs what is submitted.

Owns the recorded shapes of Ray 2.60 (`tests.places.ray_real` shows that they are Ray's), its cards and cores, and what
its stop does: SIGTERM to all of a job's processes, SIGKILL after its own wait. It outlives the daemons that ask it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

AGENT = "http://127.0.0.1:52365"
PENDING = (
    "Job has not started yet. It may be waiting for resources (CPUs, GPUs, memory, custom resources) to become "
    "available. It may be waiting for the runtime environment to be set up."
)
NODE_DIED = (
    "Job supervisor actor died: The actor died unexpectedly before finishing this task.\n\tclass_name: JobSupervisor\n"
    "\tactor_id: e1f9\n\tpid: 12225\n\tname: _ray_internal_job_actor_tuned-b\n\tip: 192.0.2.2\n"
    "The actor died because its node has died. Node Id: d7ea\n"
    "\tthe actor's node was terminated unexpectedly: health check failed due to missing too many heartbeats"
)


@dataclass
class FakeJob:
    """A job, and its process once it runs."""

    body: dict[str, Any]
    status: str = "PENDING"
    message: str = PENDING
    error: str | None = None
    code: int | None = None
    begun: int = 0
    ended: int | None = None
    told: bool = False
    process: subprocess.Popen[bytes] | None = None

    def details(self, name: str) -> dict[str, Any]:
        """As the list shows it."""
        return {
            "type": "SUBMISSION",
            "job_id": None,
            "submission_id": name,
            "driver_info": None,
            "status": self.status,
            "entrypoint": self.body["entrypoint"],
            "message": self.message,
            "error_type": self.error,
            "start_time": self.begun,
            "end_time": self.ended,
            "metadata": {},
            "runtime_env": self.body["runtime_env"],
            "driver_agent_http_address": AGENT if self.status != "PENDING" else None,
            "driver_node_id": "n1" if self.status != "PENDING" else None,
            "driver_exit_code": self.code,
        }


@dataclass
class Asked:
    """Requests that came, by kind."""

    lists: int = 0
    submits: list[str] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)


class FakeRay:
    """Starts with the `with` and ends with it.

    Args:
        folder: Takes the output of jobs.
        cpus, gpus: Of the cluster.
        token: The token that it asks for; empty: none.
        port: 0: a free one.
    """

    def __init__(self, folder: Path, cpus: int = 4, gpus: int = 2, token: str = "", port: int = 0) -> None:
        self.folder = folder
        self.cpus, self.gpus, self.token = cpus, gpus, token
        self.jobs: dict[str, FakeJob] = {}
        self.asked = Asked()
        self.silent = False
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._orphans: list[subprocess.Popen[bytes]] = []
        handler = type("Handler", (_Handler,), {"ray": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._server.serve_forever, self._run)]

    @property
    def address(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FakeRay:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join()
        self.clear()

    def clear(self) -> None:
        """End all of its jobs."""
        with self._lock:
            for job in self.jobs.values():
                if job.process is not None and job.process.poll() is None:
                    _signal(job.process.pid, signal.SIGKILL)
                    job.process.wait()
            self.jobs.clear()
            for process in self._orphans:
                process.wait()
            self._orphans.clear()

    def lose(self, name: str, *, kill: bool = True) -> None:
        """Its node goes, and what ran there unless `kill` is false."""
        with self._lock:
            job = self.jobs[name]
            process, job.process = job.process, None
            job.status, job.error = "FAILED", "JOB_SUPERVISOR_ACTOR_DIED"
            job.message = NODE_DIED
        if process is None:
            return
        self._orphans.append(process)
        if kill:
            os.killpg(process.pid, signal.SIGKILL)

    def _run(self) -> None:
        while not self._over.wait(0.05):
            with self._lock:
                for name, job in list(self.jobs.items()):
                    self._advance(name, job)

    def _advance(self, name: str, job: FakeJob) -> None:
        if job.status == "PENDING" and self._fits(job):
            job.status, job.message = "RUNNING", "Job is currently running."
            job.process = self._start(name, job)
            if job.told:
                self._end(job)
        elif job.status == "RUNNING" and job.process is not None and job.process.poll() is not None:
            self._ended(job, job.process.returncode)

    def _ended(self, job: FakeJob, code: int) -> None:
        job.ended = _now()
        if job.told:
            job.status, job.message = "STOPPED", "Job was intentionally stopped."
        elif code == 0:
            job.status, job.code, job.message = "SUCCEEDED", 0, "Job finished successfully."
        else:
            job.status, job.code, job.error = "FAILED", code, "JOB_ENTRYPOINT_COMMAND_ERROR"
            job.message = f"Job entrypoint command failed with exit code {code}. No logs available."

    def _fits(self, job: FakeJob) -> bool:
        running = [one.body for one in self.jobs.values() if one.status == "RUNNING"]
        return all(
            sum(body.get(key, 0) for body in [*running, job.body]) <= room
            for key, room in (("entrypoint_num_cpus", self.cpus), ("entrypoint_num_gpus", self.gpus))
        )

    def _start(self, name: str, job: FakeJob) -> subprocess.Popen[bytes]:
        with open(self.folder / f"{name}.log", "ab") as log:
            return subprocess.Popen(
                job.body["entrypoint"],
                shell=True,
                start_new_session=True,
                stdout=log,
                stderr=log,
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "7" if job.body.get("entrypoint_num_gpus") else ""},
            )

    def _end(self, job: FakeJob) -> None:
        assert job.process is not None
        wait = float(job.body["runtime_env"]["env_vars"].get("RAY_JOB_STOP_WAIT_TIME_S", 3))
        pid = job.process.pid
        _signal(pid, signal.SIGTERM)
        timer = threading.Timer(wait, _signal, (pid, signal.SIGKILL))
        timer.daemon = True
        timer.start()

    def submit(self, body: dict[str, Any]) -> tuple[int, Any]:
        name = body["submission_id"]
        with self._lock:
            self.asked.submits.append(name)
            if name in self.jobs:
                said = f"Job with submission_id {name} already exists. Please use a different submission_id."
                return 500, f"RuntimeError: Request failed with status code 400: ...\nValueError: {said}\n."
            self.jobs[name] = FakeJob(body, begun=_now())
        return 200, {"job_id": name, "submission_id": name}

    def stop(self, name: str) -> tuple[int, Any]:
        with self._lock:
            self.asked.stops.append(name)
            job = self.jobs.get(name)
            if job is None:
                return 404, f"Job {name} does not exist"
            alive = job.status in ("PENDING", "RUNNING")
            if alive and not job.told:
                job.told = True
                if job.process is not None:
                    self._end(job)
            return 200, {"stopped": alive}

    def delete(self, name: str) -> tuple[int, Any]:
        with self._lock:
            self.asked.deletes.append(name)
            if name not in self.jobs:
                return 404, f"Job {name} does not exist"
            if self.jobs[name].status in ("PENDING", "RUNNING"):
                return 500, "RuntimeError: Attempted to delete job, but it is in a non-terminal state"
            del self.jobs[name]
            return 200, {"deleted": True}

    def get(self, path: str) -> tuple[int, Any]:
        if path == "/api/version":
            return 200, {"version": "4", "ray_version": "2.60.0", "ray_commit": "x", "session_name": "session_x"}
        if path.startswith("/api/v0/nodes"):
            total = {"CPU": float(self.cpus), "GPU": float(self.gpus), "accelerator_type:A100": 1.0}
            node = {"node_id": "n1", "node_ip": "127.0.0.1", "state": "ALIVE", "resources_total": total}
            return 200, {"result": True, "msg": "", "data": {"result": {"total": 1, "result": [node]}}}
        if path == "/api/jobs/":
            with self._lock:
                self.asked.lists += 1
                return 200, [job.details(name) for name, job in self.jobs.items()]
        name = path.removeprefix("/api/jobs/").removesuffix("/logs")
        if path.endswith("/logs") and name in self.jobs:
            log = self.folder / f"{name}.log"
            return 200, {"logs": log.read_text() if log.exists() else ""}
        return 404, "not found"


def _now() -> int:
    return int(time.time() * 1000)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        leader = psutil.Process(pid)
        for process in [leader, *leader.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)


class _Handler(BaseHTTPRequestHandler):
    ray: FakeRay

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def _answer(self, status: int, body: Any) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _admitted(self) -> bool:
        if self.ray.silent:
            self.close_connection = True
            return False
        self.ray.asked.tokens.append(self.headers.get("Authorization"))
        if self.ray.token and self.headers.get("Authorization") != f"Bearer {self.ray.token}":
            self._answer(401, "Unauthorized: Missing authentication token")
            return False
        return True

    def do_GET(self) -> None:
        if self._admitted():
            self._answer(*self.ray.get(self.path))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self._admitted():
            return
        if self.path == "/api/jobs/":
            self._answer(*self.ray.submit(json.loads(body)))
        else:
            self._answer(*self.ray.stop(self.path.removeprefix("/api/jobs/").removesuffix("/stop")))

    def do_DELETE(self) -> None:
        if self._admitted():
            self._answer(*self.ray.delete(self.path.removeprefix("/api/jobs/")))
