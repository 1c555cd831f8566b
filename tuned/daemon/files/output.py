"""Reading an attempt's `output.log` in pieces. Owns decoding: a piece never ends within a character."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from tuned.protocol import OUTPUT_FILE


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
        with open(run_dir / OUTPUT_FILE, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = max(0, size + offset) if offset < 0 else min(offset, size)
            file.seek(start)
            data = file.read(limit)
    except FileNotFoundError:
        return "", max(0, offset)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data)
    pending = len(decoder.getstate()[0])
    if pending and start + len(data) >= size and not text:
        return decoder.decode(b"", final=True), start + len(data)
    return text, start + len(data) - pending
