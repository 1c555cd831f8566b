"""A launcher's imports before it forks, and whether forking is still safe afterwards.

Modules are imported and nothing of them is called: one parallel operation before a fork can hang every child.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import json
import os
import select
import signal
import sys
import threading
import time
import traceback
import warnings
import weakref
from typing import Callable, Dict, FrozenSet, Iterable, Iterator, Mapping, NamedTuple, Optional

from tuned import faults
from tuned.launch import kernel
from tuned.protocol import FORK_UNSAFE_MODULES, SCARCE

_GPU_DEVICES = ("/dev/nvidia", "/dev/kfd", "/dev/dri/renderD")

_FORK_PATIENCE = 10.0
"""Seconds for a forked process to say its first word."""

_AT_EXIT_COMPANIONS = {"torch._dynamo": ("tabulate",)}
"""Imports that a module makes only while the interpreter shuts down: made early, no trial pays for them."""


class Settled(NamedTuple):
    """The report of a process that was forked after the imports.

    Attributes:
        unsafe: Why forking is not safe, or None.
        exit_slots: Exit functions of C that the interpreter still has room for; None when that is not known.
    """

    unsafe: Optional[str]
    exit_slots: Optional[int] = None


class Preload(NamedTuple):
    """The outcome of the imports.

    Attributes:
        imported: Seconds that each import took, with all that it imported itself.
        failed: Why the others could not be imported.
        fds: Descriptors that the modules opened and expect to keep.
        brought: A hazard that forbids a fork as long as it is there -> the module whose import brought it.
    """

    imported: Dict[str, float]
    failed: Dict[str, str]
    fds: FrozenSet[int]
    brought: Dict[str, str]

    def to_blame(self) -> Dict[str, str]:
        """The modules without which a fork would be safe, each with what it brought along that is still there."""
        blamed: Dict[str, str] = {}
        for hazard in sorted(_hazards()):
            if hazard in self.brought:
                blamed.setdefault(self.brought[hazard], "%s, so no process could be forked" % hazard.partition(" #")[0])
        return blamed


def import_modules(
    names: Iterable[str],
    environment: Optional[Mapping[str, Optional[str]]] = None,
    announce: Optional[Callable[[str], None]] = None,
) -> Preload:
    """Import each module; what it prints goes to the log, and its failure, even `SystemExit`, is an answer.

    Args:
        names: The modules.
        environment: Variables that the trials' script sets before it imports them (None: takes out). They hold for
            these imports alone: each trial sets its own.
        announce: Told of each import before it begins: it may end this process.
    """
    changes = dict(environment or {})
    before = {name: os.environ.get(name) for name in changes}
    _set_environment(changes)
    try:
        return _import(names, announce)
    finally:
        _set_environment(before)


def _set_environment(values: Mapping[str, Optional[str]]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _import(names: Iterable[str], announce: Optional[Callable[[str], None]]) -> Preload:
    before = _open_fds()
    imported: Dict[str, float] = {}
    failed: Dict[str, str] = {}
    brought: Dict[str, str] = {}
    alone = _hazards()
    for name in names:
        if announce is not None:
            announce(name)
        began = time.perf_counter()
        try:
            importlib.import_module(name)
        except BaseException as error:
            lack = want(error)
            if lack is not None:
                raise lack from error  # the machine's state, not the module's fault
            failed[name] = traceback.format_exception_only(type(error), error)[-1].strip()
            continue
        imported[name] = time.perf_counter() - began
        for hazard in _hazards() - alone:
            brought.setdefault(hazard, name)
        for companion in _AT_EXIT_COMPANIONS.get(name, ()):
            try:
                importlib.import_module(companion)
            except Exception:
                pass  # not installed: then nothing imports it at the end either
    return Preload(imported, failed, frozenset(_open_fds() - before), brought)


def want(error: BaseException) -> Optional[OSError]:
    """The machine's lack of processes, threads, memory or descriptors behind an error; None for any other error."""
    if isinstance(error, OSError) and error.errno in SCARCE:
        return error
    if isinstance(error, MemoryError):
        return OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":
        return OSError(errno.EAGAIN, str(error))
    return None


def _hazards() -> FrozenSet[str]:
    """Everything in this process that may forbid a fork: some threads of libraries end at one, and forbid nothing."""
    found = {"it imports %s" % name for name in FORK_UNSAFE_MODULES if name in sys.modules}
    found.update("it starts a thread #%s" % thread for thread in os.listdir("/proc/self/task"))
    found.update("it opens %s" % target for target in _gpu_devices())
    cuda = sys.modules.get("torch.cuda")
    if cuda is not None and cuda.is_initialized():
        found.add("it initialises CUDA")
    if _ignores_children():
        found.add("it ignores SIGCHLD")
    return frozenset(found)


def _ignores_children() -> bool:
    """Whether the kernel tells nobody of this process's children any more."""
    return signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN


def _gpu_devices() -> Iterator[str]:
    """The graphics devices that are open."""
    for fd in _open_fds():
        try:
            target = os.readlink("/proc/self/fd/%d" % fd)
        except OSError:
            continue
        if target.startswith(_GPU_DEVICES):
            yield target


def settle() -> Settled:
    """Make this process ready to be forked many times, once, after the imports.

    Finalizers that the modules registered belong to this process: a forked trial must neither run nor pay for them.
    One fork is tried, because fork handlers end the threads of maths libraries that are built for it (OpenBLAS).
    """
    for finalizer in list(getattr(weakref.finalize, "_registry", ())):
        finalizer.atexit = False
    gc.collect()
    gc.freeze()
    kernel.use_large_pages()
    tried = _try_fork()
    return tried._replace(unsafe=tried.unsafe or fork_hazard())


def _try_fork() -> Settled:
    """A forked process's report on itself; there may be none."""
    alive, alive_child = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        faults.check("fork", "probe")
        pid = os.fork()
    if pid == 0:
        try:
            os.write(alive_child, json.dumps(_of_a_fork()).encode())
        finally:
            os._exit(0)  # whatever happened: this is no second launcher
    os.close(alive_child)
    said = os.read(alive, 4096) if select.select([alive], [], [], _FORK_PATIENCE)[0] else b""
    os.close(alive)
    with contextlib.suppress(ProcessLookupError, ChildProcessError):  # a module may have said that none is waited for
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return Settled(*json.loads(said)) if said else Settled("a process forked after the preload did not come to life")


def _of_a_fork() -> Settled:
    cuda = sys.modules.get("torch.cuda")
    spoiled = cuda is not None and cuda._is_in_bad_fork()
    why = "the preloaded modules touched CUDA, which no forked process can use any more" if spoiled else None
    return Settled(why, kernel.take_exit_slots())


def fork_hazard() -> Optional[str]:
    """Why a fork of this process might not work like a fresh one, or None. Microseconds; asked before each fork."""
    for name in FORK_UNSAFE_MODULES:
        if name in sys.modules:
            return "%s was imported, which does not work in a forked process" % name
    for target in _gpu_devices():
        return "%s is open in the launcher" % target
    cuda = sys.modules.get("torch.cuda")
    if cuda is not None and cuda.is_initialized():
        return "CUDA is initialised in the launcher"
    if _ignores_children():
        return "a preloaded module ignores SIGCHLD"
    if threading.active_count() > 1:
        others = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
        return "a preloaded module runs a thread: %s" % ", ".join(others)
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        return "the preloaded modules run %d threads that do not end at a fork" % (threads - 1)
    return None


def hidden_module(folder: str, at_start: FrozenSet[str]) -> Optional[str]:
    """The name of a module beside the script that a fresh process would import instead of the one already loaded here.

    Args:
        folder: Where a fresh process would look first.
        at_start: The modules that any interpreter has loaded before it looks at a script's folder.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return None
    for name in names:
        stem, _, suffix = name.partition(".")
        if stem not in sys.modules or stem in at_start or stem in sys.builtin_module_names:
            continue
        if stem in ("tuned", "__main__"):
            continue  # `tuned` is looked up anew in the trial
        package = os.path.join(folder, name, "__init__.py")
        if suffix in ("py", "pyc") or suffix.endswith("so") or os.path.exists(package):
            return stem
    return None


def _open_fds() -> FrozenSet[int]:
    """The open descriptors, without the one that reads them."""
    fds = frozenset(int(name) for name in os.listdir("/proc/self/fd"))
    return frozenset(fd for fd in fds if _is_open(fd))


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
