"""Makes the interpreter's own shutdown quick in a process that was forked with large modules loaded.

Everything of the user's is shut down as always: threads joined, exit handlers called, modules cleared, buffers
flushed. Only what the launcher had loaded before the fork, and what the interpreter itself consists of, is left for the
kernel to take: freeing it would first copy every page of it. `register` must run before any preload, because exit
handlers run last registered first.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
from types import ModuleType
from typing import Dict, Optional

from tuned.launch import kernel

_KEPT = ("sys", "builtins", "__main__")
_BUFFERED = frozenset((io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper))
_preloaded: Dict[str, ModuleType] = {}
_LONG = 1 << 63
_quick = False
_status: Optional[int] = None
_free_slots: Optional[int] = None
_tells_of_leaks = False


def register() -> None:
    """Take the place of the last exit handler."""
    atexit.register(_leave_the_rest)


def remember() -> None:
    """Note what is loaded, in the launcher, once the preload is done."""
    global _tells_of_leaks
    _preloaded.update((n, m) for n, m in sys.modules.items() if n not in _KEPT)
    _tells_of_leaks = any(_is_nanobind(module) for module in _preloaded.values())


def remember_slots(free: Optional[int]) -> None:
    """Note how many exit functions of C the interpreter has room for after the preload; None when that is not known."""
    global _free_slots
    _free_slots = free


def make_quick() -> None:
    """Choose the quick end for this process; for a trial, before the user's code."""
    global _quick
    _quick = True
    kernel.skip_preloaded_destructors()


def expect(status: Optional[int]) -> None:
    """Note the exit status that the script has come to; None where the interpreter alone can end as it should."""
    global _status
    _status = status


def status_of(leaving: SystemExit) -> Optional[int]:
    """The exit status that the interpreter makes of an exception; None for one that may say something else later."""
    if type(leaving) is not SystemExit:
        return None
    if leaving.code is None:
        return 0
    if not isinstance(leaving.code, int):
        return 1
    return leaving.code & 0xFF if -_LONG <= leaving.code < _LONG else 0xFF


def _leave_the_rest() -> None:
    if not _quick:
        return
    _flush_files()
    kernel.keep_for_ever(_preloaded)
    # Of all that is cleared, what `sys` holds is cleared last, its private names before the others.
    if _status is not None and _streams_are_sound() and not _c_functions_wait():
        sys.tuned_end = _End(_status)  # type: ignore[attr-defined]
    elif _tells_of_leaks:
        sys._tuned_end = _Silence()  # type: ignore[attr-defined]


class _End:
    """Ends the process when the interpreter drops it, which is when nothing of the user's is left.

    From there on, the interpreter would only free the objects of its start: every interned string, every built-in
    type. It touches each page of the heap for that, and the kernel copies each, to free it in the same breath. Then it
    would call what libraries registered with `Py_AtExit`, where some end MPI; so a script that loaded such a library is
    left to the interpreter to the end.
    """

    def __init__(self, status: int) -> None:
        self._status = status
        self._exit = kernel.exit_function()
        self._is_finalizing = sys.is_finalizing

    def __del__(self) -> None:
        if self._exit is not None and self._is_finalizing():
            self._exit(self._status)


def _c_functions_wait() -> bool:
    """Whether something was registered with `Py_AtExit` since the preload, or may have been."""
    return _free_slots is None or kernel.take_exit_slots() != _free_slots


def _streams_are_sound() -> bool:
    """Whether flushing the standard streams works; the interpreter changes the exit status when it does not."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except BaseException:
        return False
    return True


class _Silence:
    """Closes the process's stderr with its own end.

    Bindings made with nanobind (triton's, which torch loads) look at the very end whether everything of theirs was
    freed, and write hundreds of lines about what was not. Here it was not on purpose, so a fresh process is silent.
    """

    def __init__(self) -> None:
        self._null = os.open(os.devnull, os.O_WRONLY)
        self._dup2 = os.dup2

    def __del__(self) -> None:
        self._dup2(self._null, 2)


def _is_nanobind(module: ModuleType) -> bool:
    return any(type(thing).__name__ in ("nb_func", "nb_method") for thing in list(vars(module).values()))


def _flush_files() -> None:
    """Flush what the user left open in places that will not be cleared, such as an attribute of a preloaded module.

    The collector knows only what came to be after the fork, since the launcher froze the rest.
    """
    for thing in gc.get_objects():
        if type(thing) in _BUFFERED:
            try:
                thing.flush()
            except (OSError, ValueError):
                pass  # closed, detached or full: a fresh process drops it silently too
