"""Makes the interpreter's own shutdown quick in a process that was forked with large modules loaded.

Everything of the user's is shut down as always: threads joined, exit handlers called, modules cleared, buffers
flushed. Only what the launcher had loaded before the fork is left for the kernel to take: freeing it would first copy
every page of it. `register` must run before any preload, because exit handlers run last registered first.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
from types import ModuleType
from typing import Dict

from tuned.launch import kernel

_KEPT = ("sys", "builtins", "__main__")
_BUFFERED = frozenset((io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper))
_preloaded: Dict[str, ModuleType] = {}
_quick = False
_tells_of_leaks = False


def register() -> None:
    """Take the place of the last exit handler."""
    atexit.register(_leave_the_rest)


def remember() -> None:
    """Note what is loaded, in the launcher, once the preload is done."""
    global _tells_of_leaks
    _preloaded.update((n, m) for n, m in sys.modules.items() if n not in _KEPT)
    _tells_of_leaks = any(_is_nanobind(module) for module in _preloaded.values())


def make_quick() -> None:
    """Choose the quick end for this process; for a trial, before the user's code."""
    global _quick
    _quick = True
    kernel.skip_preloaded_destructors()


def _leave_the_rest() -> None:
    if not _quick:
        return
    _flush_files()
    kernel.keep_for_ever(_preloaded)
    if _tells_of_leaks:
        # Of all that is cleared, what `sys` holds is cleared last: after the user's modules and their destructors.
        sys._tuned_end = _Silence()  # type: ignore[attr-defined]


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
