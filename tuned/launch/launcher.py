"""The launcher: imports the preload once, then forks a supervisor for each attempt it is asked to launch.

Owns the control protocol (JSON lines, one object each)::

    {"hello": {"preload": ["torch"], "cores": [0, 1], "environment": {"OMP_NUM_THREADS": "1"}}}
                                      -> {"importing": "torch"}   before each import
                                         {"ready": true, "pid": 7, "python": "3.11.7", "imported": {"torch": 812.5},
                                          "failed": {}, "fork_safe": true, "why": ""}
    {"launch": "/runs/digits/1/1"}    -> {"forked": "/runs/digits/1/1", "pid": 8}
                                       | {"refused": "/runs/digits/1/1", "why": "..."}
    {"quit": true}, or end of input   -> the launcher ends; supervisors live on, in sessions of their own

It has one thread, calls nothing of what it imported, and keeps no record of trials: the run directories do.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import traceback
from typing import Any, Dict, FrozenSet, Optional

from tuned import faults
from tuned.launch import child, import_paths, kernel, preload, shutdown, supervisor
from tuned.launch.control import Control
from tuned.launch.program import Program
from tuned.launch.signals import Wakeups, blocked, unblock
from tuned.protocol import SCARCE, SPEC_FILE, TRY_LATER, RecordError, read_record


def serve(bundle: str, at_start: FrozenSet[str]) -> Optional[Program]:
    """Serve the daemon until it is gone.

    Args:
        bundle: Folder that our own code was imported from.
        at_start: Names of the modules that were loaded before ours.

    Returns:
        In a forked trial: the program to run, once the stack is unwound. Otherwise it does not return.
    """
    try:
        os.setsid()
    except OSError:
        pass  # the daemon made the session already
    program = Launcher(bundle, at_start).serve()
    if program is None:
        # Nothing of the user's ever ran in this process: there is nothing to shut down.
        os._exit(0)
    return program


class Launcher:
    """The loop around the control line."""

    def __init__(self, bundle: str, at_start: FrozenSet[str]) -> None:
        self._bundle = bundle
        self._at_start = at_start
        self._control = Control()
        self._preloaded = preload.Preload({}, {}, frozenset(), {})
        self._unsafe: Optional[str] = None
        self._our_modules = [n for n in sys.modules if n == "tuned" or n.startswith("tuned.")]
        unblock()
        shutdown.register()
        self._wakeups = Wakeups(signal.SIGCHLD, signal.SIGUSR1)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def serve(self) -> Optional[Program]:
        """Answer requests; returns a program in a forked trial, None when the daemon is gone."""
        # select needs no descriptor of its own, which a fork would share.
        with selectors.SelectSelector() as selector:
            selector.register(self._control.fd, selectors.EVENT_READ)
            selector.register(self._wakeups.fd, selectors.EVENT_READ)
            while not self._control.closed:
                ready = {key.fd for key, _ in selector.select()}
                if self._wakeups.fd in ready:
                    self._wakeups.take()
                    _reap()
                if self._control.fd in ready:
                    requests = self._control.receive()
                    for request in requests:
                        if "quit" in request:
                            return None
                        program = self._handle(request)
                        if program is not None:
                            return program
        return None

    def _handle(self, request: Dict[str, Any]) -> Optional[Program]:
        if "hello" in request:
            try:
                self._hello(request["hello"])
            except OSError as error:
                if not _is_busy(error):
                    raise
                sys.stderr.write("not ready: %s\n" % error.strerror)
                sys.exit(TRY_LATER)
        elif "launch" in request:
            return self._launch(request["launch"])
        return None

    def _hello(self, hello: Dict[str, Any]) -> None:
        # The daemon may end before this is done: nothing else would stop it, and the next launcher needs the cores.
        kernel.die_with_parent()
        all_cores = os.sched_getaffinity(0)
        # Libraries count the cores when they are imported, and never again.
        kernel.confine(hello.get("cores", []))
        self._preloaded = preload.import_modules(
            hello.get("preload", []), hello.get("environment"), lambda name: self._control.answer(importing=name)
        )
        if hello.get("preload"):
            self._control.answer(importing="")
        kernel.confine(all_cores)
        kernel.outlive_parent()
        shutdown.remember()
        self._unsafe, exit_slots = preload.settle()
        shutdown.remember_slots(exit_slots)
        self._control.answer(
            ready=True,
            pid=os.getpid(),
            python="%d.%d.%d" % sys.version_info[:3],
            imported={name: s * 1000 for name, s in self._preloaded.imported.items()},
            failed={**self._preloaded.failed, **(self._preloaded.to_blame() if self._unsafe else {})},
            fork_safe=self._unsafe is None,
            why=self._unsafe or "",
        )

    def _launch(self, run_dir: str) -> Optional[Program]:
        try:
            spec = read_record(run_dir, SPEC_FILE)
        except (OSError, RecordError) as error:
            self._control.answer(refused=run_dir, why=str(error), busy=_is_busy(error))
            return None
        if spec is None:
            self._control.answer(refused=run_dir, why="there is no %s" % SPEC_FILE)
            return None
        why = self._refusal(spec)
        if why is not None:
            self._control.answer(refused=run_dir, why=why)
            return None
        with blocked():
            try:
                faults.check("fork", "supervisor")
                pid = os.fork()
            except OSError as error:
                why = "cannot fork: %s" % error.strerror
                self._control.answer(refused=run_dir, why=why, busy=_is_busy(error))
                return None
            if pid == 0:
                return self._supervise(spec, run_dir)
        self._control.answer(forked=run_dir, pid=pid)
        return None

    def _refusal(self, spec: Dict[str, Any]) -> Optional[str]:
        """Why this attempt cannot start warm here; a cold one always can."""
        if not child.is_warm(spec):
            return None
        script = spec["script"]
        if os.path.isdir(script) or script.endswith((".pyc", ".zip", ".pyz")):
            return "%s is no plain Python file" % script
        stale = import_paths.preloaded_from(spec.get("tree"), self._preloaded.imported)
        if stale is not None:
            return "%s was imported from the code that this study has a copy of" % stale
        hidden = preload.hidden_module(child.program_folder(spec), self._at_start)
        if hidden is not None:
            return "%s beside the script hides a module that is loaded already" % hidden
        return self._unsafe or preload.fork_hazard()

    def _supervise(self, spec: Dict[str, Any], run_dir: str) -> Optional[Program]:
        """In the forked process: returns in the trial alone."""
        try:
            self._control.close()
            self._wakeups.close()
            program = supervisor.supervise(
                spec,
                run_dir,
                child.Origin(self._preloaded.fds, self._preloaded.imported, self._our_modules),
            )
        except BaseException:
            traceback.print_exc()
            os._exit(70)
        return program


def _is_busy(error: Exception) -> bool:
    """Whether the machine lacks processes, memory or descriptors just now: the attempt may be launched later."""
    return isinstance(error, OSError) and error.errno in SCARCE


def _reap() -> None:
    """Collect supervisors that have ended, so that none stays a zombie."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
