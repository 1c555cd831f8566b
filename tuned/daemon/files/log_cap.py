"""Keeps an attempt's output from filling the disk: the middle of a log that grew too long is punched out.

Owns the cap. Offsets stay as they are: the hole reads as NULs and takes no space, beginning and end are kept.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from tuned.daemon.files.removal import opened
from tuned.plain_files import open_plain
from tuned.protocol import OUTPUT_FILE

CAP_BYTES = 64 * 2**20
HEAD_BYTES = 8 * 2**20
TAIL_BYTES = 32 * 2**20
_KEEP_SIZE_PUNCH_HOLE = 0x01 | 0x02
_BLOCK = 4096

_libc = ctypes.CDLL(None, use_errno=True)


def cap_log(run_dir: Path, cap: int = CAP_BYTES, head: int = HEAD_BYTES, tail: int = TAIL_BYTES) -> int:
    """Punch out the middle of `output.log` when it takes more than `cap` bytes of disk.

    Args:
        run_dir: The attempt's run directory.
        cap: Bytes on the disk that are allowed.
        head: Bytes kept at the beginning.
        tail: Bytes kept at the end.

    Returns:
        Length of the hole, 0 when the log is short enough or cannot be punched.
    """
    *_, study, number, attempt = run_dir.parts
    try:
        with opened(run_dir.parents[2], study, number, attempt) as folder:
            fd = open_plain(OUTPUT_FILE, os.O_RDWR, dir_fd=folder)
    except OSError:
        return 0
    try:
        status = os.fstat(fd)
        if status.st_blocks * 512 <= cap or status.st_nlink > 1:  # a second name: it may be a file of the user's
            return 0
        start = -(-head // _BLOCK) * _BLOCK
        length = (status.st_size - tail - start) // _BLOCK * _BLOCK
        if length <= 0:
            return 0
        failed = _libc.fallocate(fd, _KEEP_SIZE_PUNCH_HOLE, ctypes.c_int64(start), ctypes.c_int64(length))
    finally:
        os.close(fd)
    return 0 if failed else length
