"""Scalars out of TensorBoard's event files, without TensorBoard: the few fields of its records that hold them.

Owns the format: framed records, and inside them protocol buffers. It steps over unknown records.
"""

from __future__ import annotations

import struct
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

_HEADER = 12
_FOOTER = 4
_LARGEST = 64 * 2**20
"""A record longer than this is no event."""

_FLOAT, _DOUBLE, _INT32, _INT64 = 1, 2, 3, 9
_FIXED: Dict[int, str] = {_FLOAT: "<f", _DOUBLE: "<d", _INT32: "<i", _INT64: "<q", 19: "<e"}
"""Numbers of TensorFlow's types -> how one value is packed in `tensor_content`."""


class Scalar(NamedTuple):
    """One value of one tag; `wall_time` in Unix seconds."""

    tag: str
    step: int
    value: float
    wall_time: float


class DamagedEvents(ValueError):
    """The file is no event file, or its rest cannot be read."""


def records(data: bytes) -> Iterator[Tuple[bytes, int]]:
    """The whole records at the beginning of the data, each with the offset behind it.

    Raises:
        DamagedEvents: The next one cannot be a record.
    """
    offset = 0
    while len(data) - offset >= _HEADER:
        length = int(struct.unpack_from("<Q", data, offset)[0])
        if length > _LARGEST:
            raise DamagedEvents("a record of %d bytes" % length)
        end = offset + _HEADER + length + _FOOTER
        if end > len(data):
            return
        yield data[offset + _HEADER : end - _FOOTER], end
        offset = end


def scalars(event: bytes) -> List[Scalar]:
    """The scalars of one event; empty for events of other kinds.

    Raises:
        DamagedEvents: It is cut off or no protocol buffer.
    """
    wall_time, step, found = 0.0, 0, []
    for number, value in _fields(event):
        if number == 1 and isinstance(value, bytes):
            wall_time = float(_unpacked("<d", value))
        elif number == 2 and isinstance(value, int):
            step = value - (1 << 64) if value >> 63 else value
        elif number == 5 and isinstance(value, bytes):
            found += [_value(content) for inner, content in _fields(value) if inner == 1 and isinstance(content, bytes)]
    return [Scalar(tag, step, number, wall_time) for tag, number in filter(None, found)]


def _value(data: bytes) -> Optional[Tuple[str, float]]:
    tag, number = "", None
    for field, value in _fields(data):
        if field == 1 and isinstance(value, bytes):
            tag = value.decode("utf-8", "replace")
        elif field == 2 and isinstance(value, bytes) and len(value) == 4:
            number = float(_unpacked("<f", value))
        elif field == 8 and isinstance(value, bytes):
            number = _tensor(value)
    return (tag, number) if tag and number is not None else None


def _tensor(data: bytes) -> Optional[float]:
    """The number in a tensor of one element; None for any other tensor."""
    kind, shape, content, listed = 0, 1, b"", []
    for field, value in _fields(data):
        if field == 1 and isinstance(value, int):
            kind = value
        elif field == 2 and isinstance(value, bytes):
            shape = _elements(value)
        elif field == 4 and isinstance(value, bytes):
            content = value
        elif field in (5, 6) and isinstance(value, bytes):
            packing = "<f" if field == 5 else "<d"
            size = struct.calcsize(packing)
            listed += [struct.unpack_from(packing, value, i)[0] for i in range(0, len(value) - size + 1, size)]
        elif field in (7, 10):
            listed += [value] if isinstance(value, int) else _varints(value)
    if shape != 1 or kind not in _FIXED:
        return None
    if content:
        return float(_unpacked(_FIXED[kind], content)) if len(content) == struct.calcsize(_FIXED[kind]) else None
    if kind == 19 or len(listed) != 1:
        return None
    number = listed[0]
    return float(number - (1 << 64) if isinstance(number, int) and number >> 63 else number)


def _elements(shape: bytes) -> int:
    """The number of elements of a tensor's shape: 1 for a scalar."""
    product = 1
    for field, dimension in _fields(shape):
        if field == 2 and isinstance(dimension, bytes):
            sizes = [value for inner, value in _fields(dimension) if inner == 1 and isinstance(value, int)]
            product *= sizes[-1] if sizes else 0
    return product


def _unpacked(packing: str, data: bytes) -> Any:
    try:
        return struct.unpack(packing, data)[0]
    except struct.error as error:
        raise DamagedEvents(str(error)) from None


def _varints(data: bytes) -> List[int]:
    numbers, at = [], 0
    while at < len(data):
        number, at = _varint(data, at)
        numbers.append(number)
    return numbers


def _varint(data: bytes, at: int) -> Tuple[int, int]:
    number = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise DamagedEvents("a number is cut off")
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def _fields(data: bytes) -> Iterator[Tuple[int, Any]]:
    """Number and content of each field: an int for varints, bytes for all else."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise DamagedEvents("a field of kind %d" % wire)
        if at + size > len(data):
            raise DamagedEvents("a field is cut off")
        yield number, data[at : at + size]
        at += size
