"""The calls of Linux that the standard library has no names for, through ctypes; each tolerates its absence.

Owns ctypes. Nothing here decides when to call.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_MADV_COLLAPSE = 25
_LARGE_PAGE = 1 << 21
_MOST_EXIT_SLOTS = 200


def _load() -> Optional[ctypes.CDLL]:
    try:
        return ctypes.CDLL(None, use_errno=True)
    except OSError:
        return None


_LIBC = _load()


def adopt_orphans() -> bool:
    """Make this process the new parent of every descendant whose own parent ends; False when the kernel cannot."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> bool:
    """Have the kernel kill this process when its parent ends; False when the kernel cannot."""
    return _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def outlive_parent() -> bool:
    """Take `die_with_parent` back."""
    return _prctl(_PR_SET_PDEATHSIG, 0)


def confine(cores: Iterable[int]) -> bool:
    """Run on these cores alone, with all that is started from here; none: as before. False when that cannot be."""
    try:
        wanted = set(cores)
        if wanted:
            os.sched_setaffinity(0, wanted)
        return True
    except (OSError, ValueError):
        return False  # a core was switched off, or taken away from this user, meanwhile


def skip_preloaded_destructors() -> None:
    """End the process right after the interpreter's own shutdown, before the C destructors of preloaded libraries.

    Handlers of the C library run last registered first: those of libraries that the user's code loads later still run,
    then C streams are flushed, then the process ends with its exit code. Destructors of the preloaded libraries would
    take down what belongs to the launcher's image, at a cost of tens of milliseconds for torch.
    """
    try:
        assert _LIBC is not None
        on_exit, at_exit = _LIBC.on_exit, _LIBC.__cxa_atexit
        end = ctypes.cast(_LIBC._exit, ctypes.c_void_p)
        flush = ctypes.cast(_LIBC.fflush, ctypes.c_void_p)
    except (AssertionError, AttributeError):
        return
    on_exit(end, None)
    at_exit(flush, None, None)


def exit_function() -> Optional[Callable[[int], Any]]:
    """The C library's `exit`, which runs the handlers of the C library and no more of the interpreter's shutdown.

    Called with the interpreter's lock held, so that no other thread runs Python in between.
    """
    try:
        return ctypes.PyDLL(None).exit
    except (OSError, AttributeError):
        return None


def take_exit_slots() -> Optional[int]:
    """Fill the interpreter's table of C exit functions (`Py_AtExit`) with one that does nothing.

    Only for a process that is about to end: there is no way to give a slot back, nor another to count them.

    Returns:
        How many were free; None when that cannot be found out.
    """
    try:
        assert _LIBC is not None
        nothing = ctypes.cast(_LIBC.getpid, ctypes.c_void_p)
        register = ctypes.pythonapi.Py_AtExit
    except (AssertionError, AttributeError):
        return None
    for free in range(_MOST_EXIT_SLOTS):
        if register(nothing) != 0:
            return free
    return None


def keep_for_ever(modules: Dict[str, Any]) -> None:
    """Take modules out of the interpreter's shutdown: they leave `sys.modules` and are never freed.

    Clearing a thousand modules of torch that were loaded before the fork only copies their pages to free them.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(modules))
    for name, module in modules.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]


def use_large_pages() -> None:
    """Gather this process's memory in large pages, where the kernel can (Linux 6.1): forks then have less to copy.

    Only mappings that are nearly full are gathered, since a large page also holds what was never touched.
    """
    if _LIBC is None:
        return
    try:
        _LIBC.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for begin, end in _full_mappings():
            begin, end = -(-begin // _LARGE_PAGE) * _LARGE_PAGE, end // _LARGE_PAGE * _LARGE_PAGE
            if begin < end:
                _LIBC.madvise(begin, end - begin, _MADV_COLLAPSE)
    except (AttributeError, OSError, ValueError):
        return


def _full_mappings() -> List[Tuple[int, int]]:
    """Address ranges of private, writable memory that belongs to no file and is at least four fifths in use."""
    found = []
    candidate: Optional[Tuple[int, int]] = None
    with open("/proc/self/smaps") as file:
        for line in file:
            fields = line.split()
            if not fields[0].endswith(":"):
                begin, end = (int(address, 16) for address in fields[0].split("-"))
                private = fields[1].startswith("rw") and fields[1].endswith("p") and fields[4] == "0"
                stack = len(fields) > 5 and fields[5].startswith("[stack")
                candidate = (begin, end) if private and not stack else None
            elif fields[0] == "Rss:" and candidate is not None:
                if int(fields[1]) * 1024 * 5 >= (candidate[1] - candidate[0]) * 4:
                    found.append(candidate)
                candidate = None
    return found


def _prctl(option: int, value: int) -> bool:
    if _LIBC is None:
        return False
    try:
        return bool(_LIBC.prctl(option, value, 0, 0, 0) == 0)
    except AttributeError:
        return False


def pidfd_signal(pid: int, number: int) -> None:
    """Signal a process by a descriptor, so that a number given away in between is never hit.

    Raises:
        OSError: There is no such process, or it is not ours.
    """
    opener = getattr(os, "pidfd_open", None)
    if opener is None or not hasattr(signal, "pidfd_send_signal"):
        os.kill(pid, number)
        return
    fd = opener(pid)
    try:
        signal.pidfd_send_signal(fd, number)
    finally:
        os.close(fd)
