"""Makes the interpreter's own shutdown quick in a process that was forked with large modules loaded.

Everything of the user's is shut down as always: threads joined, exit handlers called, modules cleared, buffers
flushed. Only what the launcher had loaded before the fork is left for the kernel to take: freeing it would first copy
every page of it. `register` must run before any preload, because exit handlers run last registered first.
"""

from __future__ import annotations

import atexit
import gc
import io
import sys
from types import ModuleType
from typing import Dict

from tuned.launch import kernel

_KEPT = ("sys", "builtins", "__main__")
_BUFFERED = frozenset((io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper))
_preloaded: Dict[str, ModuleType] = {}
_quick = False


def register() -> None:
    """Take the place of the last exit handler."""
    atexit.register(_leave_the_rest)


def remember() -> None:
    """Note what is loaded, in the launcher, once the preload is done."""
    _preloaded.update((n, m) for n, m in sys.modules.items() if n not in _KEPT)


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
