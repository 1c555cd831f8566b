"""Reading an attempt's `output.log` in pieces.

Owns decoding (a piece never ends within a character), the word on a hole that the cap has left, and the word on a log
that is not there.
"""

from __future__ import annotations

import codecs
import errno
import os
from pathlib import Path
from typing import BinaryIO

from tuned.plain_files import NotPlain, read_plain
from tuned.protocol import OUTPUT_FILE

HOLE = "\n[tuned: {} bytes are cut out here: the log had outgrown its share of the disk]\n"


def read_output(run_dir: Path, offset: int, limit: int) -> tuple[str, int]:
    """A piece of the output.

    Args:
        run_dir: The attempt's run directory.
        offset: First byte; negative: counted from the end.
        limit: At most so many bytes.

    Returns:
        The text, undecodable bytes replaced, and the offset at which the following piece begins.
    """
    try:
        with read_plain(run_dir / OUTPUT_FILE) as file:
            size = os.fstat(file.fileno()).st_size
            start = max(0, size + offset) if offset < 0 else min(offset, size)
            begin, end = _written(file, start, size)
            file.seek(begin)
            data = file.read(min(limit, end - begin))
    except (FileNotFoundError, NotPlain):
        return "", max(0, offset)
    hole = HOLE.format(begin - start) if begin > start else ""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data)
    pending = len(decoder.getstate()[0])
    if pending and begin + len(data) >= end and not text:
        return hole + decoder.decode(b"", final=True), begin + len(data)
    return hole + text, begin + len(data) - pending


def missing_output(run_dir: Path) -> str:
    """Why there is nothing to read of an attempt that has ended; empty when there is."""
    try:
        read_plain(run_dir / OUTPUT_FILE).close()
    except FileNotFoundError:
        return "its log was removed to free the disk" if run_dir.is_dir() else "its run directory is gone"
    except NotPlain as error:
        return f"{error.filename}: {error.strerror}"
    return ""


def _written(file: BinaryIO, start: int, size: int) -> tuple[int, int]:
    """The next stretch of written bytes from `start` on; what lies before it is a hole."""
    try:
        begin = os.lseek(file.fileno(), start, os.SEEK_DATA)
        return begin, os.lseek(file.fileno(), begin, os.SEEK_HOLE)
    except OSError as error:
        return (size, size) if error.errno == errno.ENXIO else (start, size)
