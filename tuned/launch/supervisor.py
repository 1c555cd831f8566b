"""The supervisor of one attempt: holds its lock, starts the trial, stops it when asked, and records how it ended.

Owns `start.json`, `exit.json` and the wait in between. It is forked by a launcher, is a session of its own, outlives
launcher and daemon, and is told one thing only: SIGUSR1, "look at `stop.json` and `freeze.json`". It never runs user
code. One that an engine has started (`place` in `spec.json`) stays in the engine's session, looks at these files every
few seconds, and takes SIGTERM for the engine's word that its time is over, and `revoked` for the daemon's
that the trial's next attempt may run.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import resource
import signal
import sys
import time
from typing import Any, Dict, List, NoReturn, Optional

from tuned import faults, protocol
from tuned.launch import child, descendants, kernel, saving, trial_processes
from tuned.launch.claim import claim
from tuned.launch.output import Output
from tuned.launch.program import Program
from tuned.launch.signals import Wakeups, unblock
from tuned.launch.stopping import LOOK_EVERY, Stopping
from tuned.launch.trial_fork import fork_trial
from tuned.plain_files import read_plain

STUCK_AFTER = 20.0
"""Seconds after which a forked interpreter that has not reached the user's code is given up."""

SETTLE_AT_MOST = 0.5
"""Seconds that a trial which is to stop gets for the other files of a save, once the first is closed."""
_STAND_STILL = 0.002
"""Seconds that a signal may take to reach a process on another core."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_TRY_AGAIN = 1.0
"""Seconds between two tries to record its end."""

_NO_START, _NO_RECORD = 73, 74


def supervise(spec: Dict[str, Any], run_dir: str, origin: child.Origin) -> Optional[Program]:
    """Be the supervisor of an attempt, in a process that was forked for it with signals held back.

    Args:
        spec: The content of `spec.json`.
        run_dir: Absolute path of the run directory.
        origin: The launcher's knowledge.

    Returns:
        In the trial's process, when it starts warm: its program. The supervisor itself never returns.
    """
    gc.disable()
    placed = bool(spec.get("place"))
    if not placed:
        os.setsid()  # an engine finds what it started by its session
    if not claim(run_dir):
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    own = (signal.SIGCHLD, signal.SIGUSR1, *((signal.SIGTERM,) if placed else ()))
    wakeups = Wakeups(*own)
    subreaper = kernel.adopt_orphans()
    os.makedirs(os.path.join(run_dir, protocol.WORK_DIR), exist_ok=True)
    output = Output(run_dir, spec["patterns"], spec.get("metric_files", ()), spec.get("rename"))
    release, release_trial = os.pipe2(os.O_CLOEXEC)
    status, status_trial = os.pipe2(os.O_CLOEXEC)
    pid = fork_trial(spec, run_dir, output)
    if pid < 0:
        os._exit(_NO_START)
    if pid == 0:
        gc.enable()
        os.close(release_trial)
        pipes = child.Pipes(release, status_trial, output.stdout, output.stderr)
        return child.become_trial(spec, run_dir, pipes, origin)
    os.close(release)
    os.close(status_trial)
    output.close_trial_side()
    unblock()
    processes = trial_processes.TrialProcesses(pid, subreaper)
    Supervisor(spec, run_dir, processes, output, wakeups, status).run(release_trial)


class Supervisor:
    """The wait for one trial.

    Args:
        spec: The content of `spec.json`.
        run_dir: Absolute path of the run directory.
        processes: The trial, which waits to be released.
        output: Where its output goes.
        wakeups: SIGCHLD and SIGUSR1.
        status: Read end of the pipe on which the trial says that user code begins.
    """

    def __init__(
        self,
        spec: Dict[str, Any],
        run_dir: str,
        processes: trial_processes.TrialProcesses,
        output: Output,
        wakeups: Wakeups,
        status: int,
    ) -> None:
        self._spec = spec
        self._run_dir = run_dir
        self._folder = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._processes = processes
        self._output = output
        self._wakeups = wakeups
        self._status_fd = status
        self._status = b""
        self._warm = child.is_warm(spec)
        self._began = 0.0
        self._stopping = Stopping(spec["grace"], spec["timeout"], 0.0)
        self._frozen = False
        self._settled_by = 0.0
        self._placed = bool(spec.get("place"))
        self._by_place = False
        self._look_at = 0.0

    def run(self, release: int) -> NoReturn:
        """Release the trial, wait for its end, record it, and exit."""
        start = self._start_record()
        try:
            protocol.write_record(self._run_dir, protocol.START_FILE, start, durable=False)
        except OSError as error:
            # The trial sees the end of its pipe and exits without a line of user code.
            _complain("cannot record the start in %s: %s" % (self._run_dir, error))
            os._exit(_NO_START)
        self._began = time.monotonic()
        self._stopping = Stopping(self._spec["grace"], self._spec["timeout"], self._began)
        os.write(release, b"g")
        os.close(release)
        self._look_at_files()
        while self._processes.main_status is None:
            self._act()
            self._wait(self._patience())
            self._output.look(time.monotonic())
        self._stopping.go_on(time.monotonic())
        seconds = time.monotonic() - self._began - self._stopping.held
        self._end_the_rest(start)
        self._output.finish(clean=self._processes.main_status == 0)
        self._take_status()
        self._write_exit(seconds)
        os._exit(0)

    def _start_record(self) -> Dict[str, Any]:
        me, pid = os.getpid(), self._processes.main
        return {
            "attempt_id": self._spec["attempt_id"],
            "supervisor_pid": me,
            "supervisor_start": protocol.process_start_time(me),
            "pid": pid,
            "pid_start": protocol.process_start_time(pid),
            "pgid": pid,
            "boot_id": protocol.boot_id(),
            "host": os.uname().nodename,
            "pipes": self._output.pipes(),
            "started_at": faults.wall("supervisor"),
            "mode": "warm" if self._warm else "cold",
            "code": self._spec.get("code"),
            "argv": self._spec["argv"],
            "env": self._spec.get("shown_env", {}),
        }

    def _act(self) -> None:
        """Send the signal that is due."""
        now = time.monotonic()
        number = self._stopping.due(now, self._saving)
        if number is not None:
            self._processes.signal(number)
            self._processes.thaw()
        if self._stuck_in(now) == 0.0:
            self._warm = False
            self._output.tell("the forked interpreter did not reach the script in %d s" % STUCK_AFTER)
            self._processes.signal(signal.SIGKILL)

    def _saving(self) -> bool:
        """Whether the trial is in the middle of a save. If not, it stands still from here to its signal.

        Its saves are then copied: its answer to the signal may be a save that nobody waits for.
        """
        folders = [os.path.realpath(folder) for folder in self._spec.get("saves", ())]
        if not folders:
            return False
        if self._writes(folders):
            return True
        now = time.monotonic()
        self._settled_by = self._settled_by or now + SETTLE_AT_MOST
        if now < self._settled_by and saving.unsettled(folders, time.time()):
            return True
        self._processes.freeze()
        time.sleep(_STAND_STILL)
        if self._writes(folders):
            self._processes.thaw()
            return True
        checkpoint = self._spec["checkpoint_dir"]
        saving.keep_copy(checkpoint, checkpoint + protocol.COPY_SUFFIX)
        return False

    def _writes(self, folders: List[str]) -> bool:
        return saving.writing((p.pid for p in descendants.below(os.getpid())), folders, time.time())

    def _stuck_in(self, now: float) -> Optional[float]:
        """Seconds until a warm start counts as failed; None when it has succeeded."""
        if not self._warm or self._status or self._frozen:
            return None
        return max(0.0, self._began + STUCK_AFTER - now)

    def _patience(self) -> Optional[float]:
        now = time.monotonic()
        look = max(0.0, self._look_at - now) if self._placed else None
        times = [t for t in (self._stopping.wait(now), self._stuck_in(now), look) if t is not None]
        return min(times, default=None)

    def _wait(self, seconds: Optional[float]) -> None:
        """Wait for a signal, output or the trial's first word, and take in what came."""
        now = time.monotonic()
        rest = self._output.wait(now)
        if rest is not None:
            seconds = rest if seconds is None else min(seconds, rest)
        fds = [self._wakeups.fd, *self._output.readable(now)]
        if self._status_fd >= 0:
            fds.append(self._status_fd)
        for fd in trial_processes.wait_readable(fds, seconds):
            if fd == self._wakeups.fd:
                numbers = self._wakeups.take()
                if signal.SIGUSR1 in numbers:
                    self._look_at_files()
                if signal.SIGTERM in numbers:
                    self._leave_place()
                self._processes.reap()
            elif fd == self._status_fd:
                self._take_status()
            else:
                self._output.pump(fd)
        if self._placed and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_EVERY
            self._look_at_files()

    def _leave_place(self) -> None:
        """The engine says that this process is to end: where the daemon has not said so, it is a pause."""
        self._look_at_files()
        if self._stopping.reason is not None:
            return
        self._by_place = True
        try:
            protocol.write_record(self._run_dir, protocol.STOP_FILE, {"reason": "pause", "by": "place"})
        except OSError as error:
            _complain(str(error))
            self._stopping.request("pause", self._uses_sdk(), time.monotonic())
        self._look_at_files()

    def _take_status(self) -> None:
        if self._status_fd < 0:
            return
        os.set_blocking(self._status_fd, False)
        try:
            data = os.read(self._status_fd, 16)
        except BlockingIOError:
            return
        self._status += data
        if not data:
            os.close(self._status_fd)
            self._status_fd = -1

    def _look_at_files(self) -> None:
        """Do what the daemon asks for: end, stand still, move again. A frozen trial must move to end."""
        self._look_at_stop()
        self._freeze(self._stopping.reason is None and self._frozen_wanted())

    def _frozen_wanted(self) -> bool:
        try:
            record = protocol.read_record(self._run_dir, protocol.FREEZE_FILE)
        except (OSError, protocol.RecordError) as error:
            _complain(str(error))
            return self._frozen
        return record is not None and bool(record["frozen"])

    def _freeze(self, wanted: bool) -> None:
        if wanted == self._frozen:
            return
        self._frozen = wanted
        if wanted:
            self._processes.freeze()
            self._stopping.hold(time.monotonic())
        else:
            self._processes.thaw()
            self._stopping.go_on(time.monotonic())

    def _look_at_stop(self) -> None:
        if self._placed and os.path.exists(os.path.join(self._run_dir, protocol.REVOKED_FILE)):
            # The engine has called this attempt over, wrongly: the trial's next one may run already.
            if self._stopping.reason != "kill":
                self._by_place = True
                self._stopping.request("kill", False, time.monotonic())
            return
        try:
            record = protocol.read_record(self._run_dir, protocol.STOP_FILE)
        except (OSError, protocol.RecordError) as error:
            _complain(str(error))
            return
        if record is not None and record["reason"] != self._stopping.reason:
            self._stopping.request(record["reason"], self._uses_sdk(), time.monotonic())

    def _uses_sdk(self) -> bool:
        """Whether the trial has said, near the start of its metrics, that it will notice a stop by itself."""
        try:
            with read_plain(os.path.join(self._run_dir, protocol.METRICS_FILE)) as file:
                return protocol.encode_line({protocol.SDK_MARK: 1}) in file.read(1 << 20)
        except OSError:
            return False

    def _end_the_rest(self, start: Dict[str, Any]) -> None:
        """End what the trial left running; output goes on being read, so that nobody is stuck on a full pipe."""
        polite = self._stopping.reason != "kill"
        for seconds in self._processes.end_rest(polite, self._spec["attempt_id"], self._run_dir, start):
            self._wait(seconds)

    def _write_exit(self, seconds: float) -> None:
        """Record the end, however long that takes: a finished training is worth the wait.

        Where the run directory takes no record, it goes to a second place in the state folder.
        """
        record, said = self._exit_record(seconds), ""
        while True:
            error = self._output.flush()
            try:
                if error is not None and error.errno in _FULL:
                    raise error
                self._record_end(record)
                return
            except OSError as problem:
                if str(problem) != said:
                    said = str(problem)
                    _complain("cannot record the end in %s: %s" % (self._run_dir, said))
                if self._folder_now() is None:
                    os._exit(_NO_RECORD)  # its study was deleted
                record["disk_full"] = problem.errno in _FULL
            # Nothing tells of freed space.
            time.sleep(_TRY_AGAIN)

    def _record_end(self, record: Dict[str, Any]) -> None:
        run_dir = self._folder_now() or self._run_dir
        try:
            protocol.write_record(run_dir, protocol.EXIT_FILE, record)
        except OSError as error:
            if error.errno in _FULL:
                raise
            name = "%s.json" % self._spec["attempt_id"]
            protocol.write_record(protocol.exits_dir(run_dir), name, record)

    def _folder_now(self) -> Optional[str]:
        """Where the run directory lies now, as the state folder may have been moved; None when it was removed."""
        try:
            if os.fstat(self._folder).st_nlink:
                return os.readlink("/proc/self/fd/%d" % self._folder)
        except OSError:
            pass
        return None

    def _exit_record(self, seconds: float) -> Dict[str, Any]:
        status = self._processes.main_status
        assert status is not None
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "attempt_id": self._spec["attempt_id"],
            "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            "ended_at": faults.wall("supervisor"),
            "seconds": round(seconds, 6),
            "timed_out": self._stopping.timed_out and self._processes.signalled,
            "timeout": self._spec["timeout"],
            "stop": self._stopping.reason,
            "stop_signalled": self._stopping.reason is not None and self._processes.signalled,
            "max_rss_kb": usage.ru_maxrss,
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 6),
            "user_code": self._status == b"r",
            "left_behind": self._processes.left_behind,
            "by_place": self._by_place,
        }


def _complain(text: str) -> None:
    """Say it in the launcher's log, which may lie on the disk that is full."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text + "\n")
