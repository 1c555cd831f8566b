"""Reading `metrics.jsonl`: bytes that were appended become observations, marks and bad lines.

Owns what a line means. It reads whole lines only: a torn tail stays for the next time. It opens no file.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

from tuned.protocol import (
    CHECKPOINT_MARK,
    QUIET_MARK,
    SDK_MARK,
    STEP_KEY,
    STOP_SEEN_MARK,
    TIME_KEY,
    decode_number,
)

BAD_TEXT = 500
"""Bytes that are kept of a line that could not be read."""
STEPS_BELOW = 2.0**53
"""From here on neighbouring whole numbers are one and the same step."""
LONGEST_LINE = 2**20
"""So many bytes without a newline are given up as a bad line, or reading would never get past them."""


@dataclass(slots=True)
class Chunk:
    """The content of a piece of the file.

    Attributes:
        observations: (name, step, value, unix seconds or None) in the order of the file.
        bad: (offset in the file, text) of lines that are no JSON object, and of values that are no numbers. A step too
            large to be told from its neighbour counts on, as long as there is a next one that can be told, and a time
            that is no number is left out: the metrics stay.
        consumed: Bytes up to and including the last newline; all of them when there is none in `LONGEST_LINE` bytes.
        sdk: The trial's code uses the SDK; `stop_seen`: its `should_stop()` returned true;
            `resumable`: it asked for its checkpoint folder.
    """

    observations: list[tuple[str, float, float, float | None]] = field(default_factory=list)
    bad: list[tuple[int, str]] = field(default_factory=list)
    consumed: int = 0
    sdk: bool = False
    stop_seen: bool = False
    resumable: bool = False


def parse_chunk(data: bytes, offset: int, next_steps: dict[str, int], final: bool = False) -> Chunk:
    """Parse what was appended since `offset`.

    Args:
        data: The bytes from `offset` on; only those up to the last newline are used.
        offset: Where `data` begins in the file.
        next_steps: Metric name -> the step that a line without one gets; updated in place.
        final: Nothing follows, so that a last line needs no newline: as an object of JSON it tells its own end.
    """
    chunk = Chunk(consumed=data.rfind(b"\n") + 1)
    if not chunk.consumed and len(data) >= LONGEST_LINE:
        _keep_bad(data, offset, chunk)
        chunk.consumed = len(data)
        return chunk
    position = offset
    for line in data[: chunk.consumed].split(b"\n")[:-1]:
        if line.strip(b" \t\r\0"):
            _parse_line(line, position, next_steps, chunk)
        position += len(line) + 1
    tail = data[chunk.consumed :] if final else b""
    if tail.strip(b" \t\r\0"):
        _parse_line(tail, position, next_steps, chunk)
        chunk.consumed = len(data)
    return chunk


def _parse_line(line: bytes, position: int, next_steps: dict[str, int], chunk: Chunk) -> None:
    try:
        record = json.loads(line.strip(b"\0"))
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        _keep_bad(line, position, chunk)
        return
    if len(record) == 1 and _is_mark(record, chunk):
        return
    raw_step, raw_time = record.pop(STEP_KEY, None), record.pop(TIME_KEY, None)
    try:
        step = None if raw_step is None else decode_number(raw_step)
        if step is not None and not math.isfinite(step):
            raise ValueError("a step is finite")
    except ValueError:
        _keep_bad(line, position, chunk)
        return
    too_large = step is not None and abs(step) >= STEPS_BELOW
    time, unreadable = _time(raw_time)
    if too_large or unreadable:
        _keep_bad(line, position, chunk)  # its metrics are kept all the same
    step = None if too_large else step
    for name, raw in record.items():
        try:
            value = decode_number(raw)
            name.encode()  # a lone surrogate is valid JSON, but no text that a database or a terminal takes
        except ValueError:
            _keep_bad(line, position, chunk)
            continue
        at = float(next_steps.get(name, 0)) if step is None else step
        if at >= STEPS_BELOW:
            _keep_bad(line, position, chunk)
            continue
        next_steps[name] = max(next_steps.get(name, 0), int(at) + 1)
        chunk.observations.append((name, at, value, time))


def _time(raw: object) -> tuple[float | None, bool]:
    """Unix seconds or None, and whether something stands there that is no number."""
    try:
        number = None if raw is None else decode_number(raw)
    except ValueError:
        return None, True
    return (number if number is not None and math.isfinite(number) else None), False


def _keep_bad(line: bytes, position: int, chunk: Chunk) -> None:
    chunk.bad.append((position, line[:BAD_TEXT].decode("utf-8", "replace")))


def _is_mark(record: dict[str, object], chunk: Chunk) -> bool:
    key = next(iter(record))
    if key == SDK_MARK:
        chunk.sdk = True
    elif key == STOP_SEEN_MARK:
        chunk.stop_seen = True
    elif key == CHECKPOINT_MARK:
        chunk.resumable = True
    elif key != QUIET_MARK:
        return False
    return True
