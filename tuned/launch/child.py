"""The trial's process between the supervisor's fork and the user's first line.

Owns descriptors, folder, environment, limits and the final step, which is an `exec` (cold) or a `Program` (warm). A
failure here is one line of `output.log`. Nothing here runs in the supervisor.
"""

from __future__ import annotations

import os
import resource
import sys
from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, NoReturn, Sequence

from tuned.launch import descendants, import_paths, kernel, signals
from tuned.launch.program import Program
from tuned.protocol import WORK_DIR, trial_environment

NOT_STARTED = 1
COMMAND_NOT_FOUND = 127
_OOM_SCORE = 500
_FUNCTION_RUNNER = ("tuned", "sdk", "function_runner.py")


class Origin(NamedTuple):
    """The launcher's knowledge that its forks need.

    Attributes:
        keep_fds: Descriptors that preloaded modules own.
        imported: Seconds that each preloaded module took.
        our_modules: Names of our own modules. Looking through `sys.modules` in the child would copy a page for each.
    """

    keep_fds: FrozenSet[int]
    imported: Dict[str, float]
    our_modules: Sequence[str]


class Pipes(NamedTuple):
    """The descriptors between supervisor and trial.

    Attributes:
        release: One byte arrives when the attempt is recorded; its end means never to start.
        status: The trial writes `r` right before user code, `x` after a failed exec.
        stdout: Becomes descriptor 1.
        stderr: Becomes descriptor 2.
    """

    release: int
    status: int
    stdout: int
    stderr: int


def is_warm(spec: Mapping[str, Any]) -> bool:
    """Whether the attempt runs in the forked interpreter itself."""
    return bool(spec["start"] == "warm" and spec["kind"] != "command")


def become_trial(spec: Dict[str, Any], run_dir: str, pipes: Pipes, origin: Origin) -> Program:
    """Turn the process that was just forked into the trial.

    Its duties, in this order, because each one protects the next:

    1. End with the supervisor from the first moment, before anything can be waited for.
    2. Lead a process group of its own, so that a signal to the trial reaches all of its processes and no other.
    3. Take back the launcher's signal handlers, which would run here otherwise.
    4. Wait for the release: until the attempt is recorded, nothing of the user's may run. A closed pipe means never.
    5. Exchange descriptors: empty input, output into the supervisor's pipes, none of ours left open.
    6. Become the first choice of the kernel when memory runs out.
    7. Bear the attempt's mark, as will whatever it starts, so that it is found when everything above it was killed.
    8. Take umask, limits, cores, folder and environment from the specification, in this order: the folder is checked
       under the limits, and paths of the environment are resolved in it.
    9. Replace itself by `exec` (cold), or return the program (warm). A failure up to here is one line in `output.log`.

    Returns:
        The program of a warm trial, to be run at the bottom of the stack. Any other trial never returns from here.
    """
    kernel.die_with_parent()
    os.setpgid(0, 0)
    signals.reset_for_trial()
    if os.read(pipes.release, 1) != b"g":
        os._exit(0)
    _take_descriptors(pipes, origin.keep_fds)
    _be_first_to_die()
    descendants.mark(spec["attempt_id"])
    try:
        return _enter(spec, run_dir, pipes.status, origin)
    except _CannotStart as reason:
        _tell(str(reason))
        os._exit(reason.code)


class _CannotStart(Exception):
    """One line for the user's log, and the exit code."""

    def __init__(self, line: str, code: int = NOT_STARTED) -> None:
        super().__init__(line)
        self.code = code


def _enter(spec: Dict[str, Any], run_dir: str, status_fd: int, origin: Origin) -> Program:
    if spec["umask"] is not None:
        os.umask(spec["umask"])
    _limit(spec["rlimits"])
    if not kernel.confine(spec.get("cores", ())):
        _tell("this trial cannot be confined to the cores %s: it runs on all" % spec["cores"])
    try:
        os.chdir(spec["cwd"])
    except OSError as error:
        raise _CannotStart("cannot enter the folder %s: %s" % (spec["cwd"], error.strerror)) from error
    os.environ.update(_environment(spec, run_dir))
    if spec["kind"] != "command":
        _check_readable(spec["script"])
    if not is_warm(spec):
        _execute(_command(spec), status_fd)
    return _program(spec, run_dir, status_fd, origin)


def _program(spec: Dict[str, Any], run_dir: str, status_fd: int, origin: Origin) -> Program:
    search = [] if getattr(sys.flags, "safe_path", False) else [program_folder(spec)]
    copy = import_paths.copy_of(spec, _work(run_dir))
    if copy is not None:
        sys.path[:] = [*import_paths.extra(copy), *import_paths.moved_all(sys.path, copy)]
    return Program(
        argv=_python_arguments(spec),
        module=spec.get("module"),
        search=[*search, spec["bundle"]],
        seed=spec["seed"],
        learn=run_dir if spec["learn"] else None,
        preloaded=origin.imported,
        our_modules=origin.our_modules,
        status_fd=status_fd,
    )


def _python_arguments(spec: Mapping[str, Any]) -> List[str]:
    if spec["kind"] == "function":
        return [os.path.join(spec["bundle"], *_FUNCTION_RUNNER), *spec["argv"]]
    return list(spec["argv"])


def _command(spec: Mapping[str, Any]) -> List[str]:
    if spec["kind"] == "command":
        return list(spec["argv"])
    if spec.get("module"):
        return [spec["python"], "-m", spec["module"], *spec["argv"][1:]]
    return [spec["python"], *_python_arguments(spec)]


def program_folder(spec: Mapping[str, Any]) -> str:
    """The folder that the interpreter looks for modules in first: a script's own, or where `python -m` is run."""
    return str(spec["cwd"]) if spec.get("module") else os.path.dirname(os.path.realpath(spec["script"]))


def _environment(spec: Mapping[str, Any], run_dir: str) -> Dict[str, str]:
    """This attempt's changes of the launcher's environment; the same for warm and cold."""
    over = dict(spec["env"])
    search = over.get("PYTHONPATH", os.environ.get("PYTHONPATH"))
    folders = search.split(os.pathsep) if search else []
    copy = import_paths.copy_of(spec, _work(run_dir))
    if copy is not None:
        folders = [*import_paths.extra(copy), *import_paths.moved_all(folders, copy)]
    over["PYTHONPATH"] = os.pathsep.join([spec["bundle"], *dict.fromkeys(folders)])
    over["PYTHONUNBUFFERED"] = "1"
    over["PWD"] = spec["cwd"]
    over.update(trial_environment(spec, run_dir))
    return over


def _work(run_dir: str) -> str:
    return os.path.join(run_dir, WORK_DIR)


def _limit(limits: Mapping[str, int]) -> None:
    for name, value in limits.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        try:
            resource.setrlimit(kind, (value, hard))
        except (ValueError, OSError) as error:
            raise _CannotStart("cannot set the limit %s to %d: %s" % (name, value, error)) from error


def _check_readable(script: str) -> None:
    try:
        os.close(os.open(script, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        raise _CannotStart("cannot read the script %s: %s" % (script, error.strerror)) from error


def _execute(command: List[str], status_fd: int) -> NoReturn:
    signals.reset_for_exec()
    os.set_inheritable(status_fd, False)
    os.write(status_fd, b"r")
    try:
        os.execvpe(command[0], command, os.environ)
    except OSError as error:
        os.write(status_fd, b"x")
        raise _CannotStart("cannot run the command %s: %s" % (command[0], error.strerror), COMMAND_NOT_FOUND) from error


def _take_descriptors(pipes: Pipes, keep: FrozenSet[int]) -> None:
    """Standard input is empty, output goes where the supervisor says, and nothing else of ours stays open."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(pipes.stdout, 1)
    os.dup2(pipes.stderr, 2)
    kept = keep | {pipes.status}
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        if fd > 2 and fd not in kept:
            try:
                os.close(fd)
            except OSError:
                pass  # the descriptor that listed the folder
    for stream in (sys.stdout, sys.stderr):
        if not getattr(stream, "write_through", True):  # a launcher that was started without -u
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _be_first_to_die() -> None:
    """When memory runs out, the trial goes before the supervisor, the daemon and the user's desktop."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(str(_OOM_SCORE))
    except OSError:
        pass


def _tell(line: str) -> None:
    try:
        os.write(2, ("tuned: %s\n" % line).encode(errors="replace"))
    except OSError:
        pass
