"""Arrays of whatever the script uses, and how they become a file that numpy reads.

Owns the conversion (torch's tensors, numpy's arrays and what offers itself as one, lists) and the `.npz` format: a zip
of headers and bytes, which can be written without numpy.
"""

from __future__ import annotations

import contextlib
import os
import sys
import zipfile
from array import array
from typing import Any, List, Mapping, NamedTuple, Tuple


class Block(NamedTuple):
    """An array as it lies in a file.

    Attributes:
        descr: Numpy's type, such as `<f4`.
        shape: Sizes of its axes.
        data: Its bytes, the last axis fastest.
    """

    descr: str
    shape: Tuple[int, ...]
    data: bytes


def as_block(value: Any, what: str) -> Block:
    """An array of floats (`<f4`, or `<f8` where the script computes in that), whole numbers (`<i8`) or texts.

    Args:
        value: A tensor, an array, a list (of lists) of numbers or texts, or a list of arrays: of rows, or of batches.
        what: Its name, for errors.

    Raises:
        ValueError: It is not an array of such.
    """
    plain = _plain(value)
    if isinstance(plain, (list, tuple)) and plain and hasattr(plain[0], "shape"):
        plain = _joined([_plain(item) for item in plain])
    numpy = sys.modules.get("numpy")
    if numpy is not None and not isinstance(plain, (list, tuple, int, float, str)):
        found = numpy.ascontiguousarray(plain)
        kind = found.dtype.kind
        if kind in "iub":
            found = found.astype("<i8")
        elif kind == "f":
            found = found.astype("<f8" if found.dtype.itemsize > 4 else "<f4")
        elif kind == "O":
            return _block_of_list(found.tolist(), what)
        elif kind != "U":
            raise ValueError("%s: an array of %s cannot be kept; pass numbers or texts" % (what, found.dtype))
        return Block(found.dtype.str, tuple(found.shape), found.tobytes())
    return _block_of_list(plain.tolist() if hasattr(plain, "tolist") else plain, what)


def _plain(value: Any) -> Any:
    """A tensor as an array where numpy is there, else as lists; anything else as it is."""
    if not hasattr(value, "detach"):
        return value
    tensor = value.detach().cpu()
    if "float" in str(tensor.dtype) and "float64" not in str(tensor.dtype):
        tensor = tensor.float()  # also bfloat16, which numpy does not know
    try:
        return tensor.numpy()
    except (RuntimeError, TypeError):
        return tensor.tolist()


def _joined(items: List[Any]) -> Any:
    """Rows stacked, or batches (two axes and more) put behind each other."""
    if isinstance(items[0], list):
        return [row for batch in items for row in batch] if items[0] and isinstance(items[0][0], list) else items
    numpy = sys.modules["numpy"]
    return numpy.concatenate(items) if getattr(items[0], "ndim", 0) > 1 else numpy.stack(items)


def _block_of_list(value: Any, what: str) -> Block:
    shape: Tuple[int, ...] = ()
    flat = value
    if not isinstance(value, (list, tuple)):
        raise ValueError("%s: %s is no array; pass a tensor, an array or a list" % (what, type(value).__name__))
    flat = list(value)
    shape = (len(flat),)
    while flat and isinstance(flat[0], (list, tuple)):
        width = len(flat[0])
        if any(not isinstance(row, (list, tuple)) or len(row) != width for row in flat):
            raise ValueError("%s: its rows differ in length" % what)
        shape += (width,)
        flat = [item for row in flat for item in row]
    if all(isinstance(item, str) for item in flat):
        longest = max([len(item) for item in flat] or [1]) or 1
        data = "".join(item.ljust(longest, "\0") for item in flat).encode("utf-32-le", "surrogatepass")
        return Block("<U%d" % longest, shape, data)
    try:
        if all(isinstance(item, int) for item in flat):
            return Block("<i8", shape, little_endian(array("q", flat)))
        return Block("<f8", shape, little_endian(array("d", [float(item) for item in flat])))
    except (TypeError, ValueError, OverflowError):
        raise ValueError("%s: it holds something that is neither a number nor a text" % what) from None


def little_endian(numbers: Any) -> bytes:
    """The bytes of an array of numbers."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return bytes(numbers.tobytes())


def write_npz(path: str, blocks: Mapping[str, Block]) -> None:
    """Write the arrays under their names, so that a reader sees all of the file or none.

    Raises:
        OSError: The folder is gone, read-only or full.
    """
    temporary = "%s.%d.new" % (path, os.getpid())
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, allowZip64=True) as file:
            for name, block in blocks.items():
                with file.open(name + ".npy", "w", force_zip64=True) as entry:
                    entry.write(_header(block))
                    entry.write(block.data)
        os.rename(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _header(block: Block) -> bytes:
    text = "{'descr': %r, 'fortran_order': False, 'shape': %r, }" % (block.descr, tuple(block.shape))
    length = len(text) + 1
    text += " " * (-(10 + length) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin1")
