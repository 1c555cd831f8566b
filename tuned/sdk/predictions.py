"""The files in `predictions/`: what the model said of each example of a split, and hashes of the examples.

Owns their arrays' names and the checks of their shapes. `<split>.npz` holds `probabilities`, and where given `targets`,
`ids` and `step`; `data-<split>.npz` holds `hashes` (64 bits each), and where given `targets` and `ids`.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from array import array
from typing import Any, Dict, Optional

from tuned.protocol import DATA_PREFIX
from tuned.sdk.arrays import Block, as_block, little_endian, write_npz

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")


def save(folder: Optional[str], split: str, probabilities: Any, targets: Any, ids: Any, step: Optional[int]) -> None:
    """Write `<split>.npz`.

    Args:
        folder: The attempt's folder of predictions, made when it is not there; None: check, and write nothing.
        split: Name of the split.
        probabilities: (examples, classes) or (examples,).
        targets: (examples,) or None.
        ids: (examples,) or None.
        step: The last one that was reported, or None.

    Raises:
        ValueError: A shape or the name of the split is wrong.
    """
    call = "save_predictions(%r)" % (split,)
    said = as_block(probabilities, "%s: probabilities" % call)
    if len(said.shape) == 2 and said.shape[1] == 1:
        said = said._replace(shape=said.shape[:1])
    if len(said.shape) not in (1, 2) or not said.shape[0] or said.descr.startswith("<U"):
        raise ValueError(
            "%s: probabilities are (examples, classes) or (examples,) numbers; these are %s" % (call, said.shape)
        )
    blocks = {"probabilities": said}
    _add(blocks, "targets", targets, said.shape[0], call)
    _add(blocks, "ids", ids, said.shape[0], call)
    if step is not None:
        blocks["step"] = Block("<i8", (), step.to_bytes(8, "little", signed=True))
    _write(folder, _checked(split) + ".npz", blocks)


def save_hashes(folder: Optional[str], split: str, inputs: Any, targets: Any, ids: Any) -> None:
    """Write `data-<split>.npz`: 64 bits of BLAKE2 over each example's bytes.

    Raises:
        ValueError: A shape or the name of the split is wrong.
    """
    call = "data_hashes(%r)" % (split,)
    hashes = _hashes(inputs)
    blocks = {"hashes": Block("<u8", (len(hashes),), little_endian(hashes))}
    _add(blocks, "targets", targets, len(hashes), call)
    _add(blocks, "ids", ids, len(hashes), call)
    _write(folder, DATA_PREFIX + _checked(split) + ".npz", blocks)


def _checked(split: str) -> str:
    if not isinstance(split, str) or not _NAME.fullmatch(split):
        raise ValueError("%r cannot name a split: use letters, digits, _ and -, such as validation" % (split,))
    return split


def _add(blocks: Dict[str, Block], name: str, value: Any, examples: int, call: str) -> None:
    if value is None:
        return
    block = as_block(value, "%s: %s" % (call, name))
    if len(block.shape) == 2 and block.shape[1] == 1:
        block = block._replace(shape=block.shape[:1])
    if len(block.shape) != 1 or block.shape[0] != examples:
        hint = "; pass class numbers, such as targets.argmax(1)" if len(block.shape) == 2 else ""
        raise ValueError(
            "%s: %s are one for each of %d examples; these are %s%s" % (call, name, examples, block.shape, hint)
        )
    blocks[name] = block


def _write(folder: Optional[str], name: str, blocks: Dict[str, Block]) -> None:
    if folder is None:
        return
    try:
        os.makedirs(folder, exist_ok=True)
        write_npz(os.path.join(folder, name), blocks)
    except OSError as error:
        sys.stderr.write("tuned: cannot write %s: %s\n" % (os.path.join(folder, name), error.strerror))


def _hashes(inputs: Any) -> Any:
    """One 64-bit number for each example."""
    numpy = sys.modules.get("numpy")
    whole = _as_array(inputs)
    if whole is not None and numpy is not None:
        rows = numpy.ascontiguousarray(whole)
        count = len(rows)
        size = rows.nbytes // count if count else 0
        view = memoryview(rows.tobytes())
        return array("Q", [_hash(view[i * size : (i + 1) * size]) for i in range(count)])
    # Indexed, not iterated: a dataset that knows no end by itself has a length.
    return array("Q", [_hash(_bytes(inputs[i])) for i in range(len(inputs))])


def _as_array(value: Any) -> Any:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.numpy() if "numpy" in sys.modules and "bfloat16" not in str(value.dtype) else None
    return value if hasattr(value, "tobytes") and hasattr(value, "shape") and value.dtype.kind in "iubfUS" else None


def _bytes(example: Any) -> bytes:
    """An example as bytes; of a pair, as a dataset gives it, the first is meant."""
    if isinstance(example, (tuple, list)) and example and not isinstance(example[0], (int, float, str)):
        example = example[0]
    if isinstance(example, (bytes, bytearray, memoryview)):
        return bytes(example)
    if isinstance(example, str):
        return example.encode("utf-8", "surrogatepass")
    whole = _as_array(example)
    if whole is not None:
        return bytes(whole.tobytes())
    if hasattr(example, "tobytes"):
        return bytes(example.tobytes())  # an image of PIL
    return repr(example.tolist() if hasattr(example, "tolist") else example).encode()


def _hash(data: Any) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
