"""Reading an attempt's `output.log` in pieces.

Owns decoding (a piece never ends within a character), the ends of lines, the search for a text, the word on a hole that
the cap has left, and the word on a log that is not there.
"""

from __future__ import annotations

import codecs
import errno
import os
from pathlib import Path
from typing import BinaryIO

from tuned.plain_files import NotPlain, read_plain
from tuned.protocol import OUTPUT_FILE

_CHUNK = 262_144

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


def output_size(run_dir: Path) -> int:
    """Bytes of the output; 0 where there is none."""
    try:
        with read_plain(run_dir / OUTPUT_FILE) as file:
            return os.fstat(file.fileno()).st_size
    except (FileNotFoundError, NotPlain):
        return 0


def line_start(run_dir: Path, offset: int) -> int:
    """The first byte at `offset` or behind it that begins a line; `offset` itself within a line that is very long."""
    if offset <= 0:
        return 0
    try:
        with read_plain(run_dir / OUTPUT_FILE) as file:
            file.seek(offset - 1)
            found = file.read(_CHUNK).find(b"\n")
    except (FileNotFoundError, NotPlain):
        return offset
    return offset if found < 0 else offset + found


def read_before(run_dir: Path, before: int, limit: int) -> tuple[str, int]:
    """The lines that end at a byte.

    Args:
        run_dir: The attempt's run directory.
        before: Byte behind the last line.
        limit: At most so many bytes.

    Returns:
        The text, and the byte at which it begins.
    """
    begin = start if (start := line_start(run_dir, before - limit)) < before else max(0, before - limit)
    text, at = "", begin
    while at < before:
        piece, following = read_output(run_dir, at, before - at)
        if following <= at:
            break
        text, at = text + piece, following
    return text, begin


def find_text(run_dir: Path, text: str, offset: int, up: bool) -> int | None:
    """Where the next line with a text begins; capital and small letters are alike.

    Args:
        run_dir: The attempt's run directory.
        text: The text to find.
        offset: Upwards: the line ends there or before; else it begins there or behind.
        up: Direction.
    """
    needle = text.lower().encode()
    overlap = max(0, len(needle) - 1)
    try:
        with read_plain(run_dir / OUTPUT_FILE) as file:
            size = os.fstat(file.fileno()).st_size
            at = min(offset, size)
            while needle and (at > 0 if up else at < size):
                start = max(0, at - _CHUNK) if up else at
                end = min(size, (at if up else at + _CHUNK) + (0 if up and at == min(offset, size) else overlap))
                file.seek(start)
                data = file.read(end - start).lower()
                place = data.rfind(needle) if up else data.find(needle)
                if place >= 0:
                    back = max(0, start + place - _CHUNK)
                    file.seek(back)
                    return back + file.read(start + place - back).rfind(b"\n") + 1
                at = start if up else start + _CHUNK
    except (FileNotFoundError, NotPlain):
        return None
    return None


def cut_out(run_dir: Path, begin: int, end: int) -> int:
    """Bytes between two places that the cap has cut out."""
    total, at = 0, begin
    try:
        with read_plain(run_dir / OUTPUT_FILE) as file:
            size = os.fstat(file.fileno()).st_size
            end = min(end, size)
            while at < end:
                data, behind = _written(file, at, size)
                total, at = total + min(data, end) - at, max(behind, at + 1)
    except (FileNotFoundError, NotPlain):
        return 0
    return total


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
