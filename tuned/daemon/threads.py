"""The daemon's threads: all are made at its start, so that a machine that has none to give later hinders nothing.

Owns the pool of `asyncio.to_thread`, that processes are waited for without a thread each, and that all share one heap.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

WORKERS = min(32, (os.cpu_count() or 1) + 4)
_M_ARENA_MAX = -8
"""Of glibc's malloc.h."""
_LACK = "can't start new thread"


def is_lack(error: BaseException) -> bool:
    """Whether the machine has no thread to give."""
    return isinstance(error, RuntimeError) and str(error) == _LACK


def started_pool(workers: int = WORKERS) -> ThreadPoolExecutor:
    """A pool whose threads all run: one that starts them on demand does a job and refuses it, where none can be had.

    Raises:
        RuntimeError: The machine has no thread to give; `is_lack` knows it.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="daemon")
    together = threading.Barrier(workers)
    try:
        for waiting in [pool.submit(together.wait) for _ in range(workers)]:
            waiting.result()
    except RuntimeError:
        together.abort()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    return pool


def spare_watchers() -> None:
    """Have ends of processes noticed by a descriptor. Up to Python 3.11 asyncio starts a thread for each process."""
    if sys.version_info < (3, 12):
        with contextlib.suppress(OSError):  # the kernel may be older
            os.close(os.pidfd_open(os.getpid()))
            asyncio.set_child_watcher(asyncio.PidfdChildWatcher())


def share_heap() -> None:
    """Have all threads allocate from one heap: glibc gives each its own, of which a little is used (2 MB in all).

    They take turns at the interpreter anyhow. Before the first thread; another C library keeps its ways.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
