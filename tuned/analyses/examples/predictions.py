"""Predictions and example hashes that trials left in their run directories, read back.

Owns the reader; who writes them is `tuned.sdk.predictions`, or any program. A damaged file is said,
never fatal: a report about a hundred trials does not fail for one.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuned import protocol

DEFAULT_SPLIT = "validation"


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions of one model on one split.

    Attributes:
        probabilities: (examples, classes), or (examples,) for one probability or one number.
        targets: (examples,) class numbers or true values; None: not given.
        ids: (examples,) names as text; None: examples are known by their place.
        step: The step last reported when they were saved.
    """

    probabilities: NDArray[np.float64]
    targets: NDArray[Any] | None
    ids: NDArray[np.str_] | None
    step: int | None

    @property
    def classes(self) -> bool:
        """Whether these are probabilities of classes, with whole numbers as targets."""
        return self.probabilities.ndim == 2 and (self.targets is None or self.targets.dtype.kind in "iu")

    def ordered(self, ids: NDArray[np.str_] | None) -> Predictions | None:
        """The same in the order of other `ids`; None when the examples are not the same ones."""
        if ids is None or self.ids is None:
            return self
        if np.array_equal(ids, self.ids):
            return self
        mine, theirs = np.argsort(self.ids, kind="stable"), np.argsort(ids, kind="stable")
        if len(mine) != len(theirs) or not np.array_equal(self.ids[mine], ids[theirs]):
            return None
        order = np.empty_like(mine)
        order[theirs] = mine
        targets = None if self.targets is None else self.targets[order]
        return Predictions(self.probabilities[order], targets, ids, self.step)


@dataclass(frozen=True, slots=True)
class DataHashes:
    """The examples of one split: 64-bit `hashes`, and `targets` and `ids` where they were given; all (examples,)."""

    hashes: NDArray[np.uint64]
    targets: NDArray[Any] | None
    ids: NDArray[np.str_] | None


def read_predictions(run_dir: str | Path, only: str | None = None) -> tuple[dict[str, Predictions], list[str]]:
    """All predictions of one attempt, or those of one split.

    Returns:
        Split -> predictions; and what could not be read, one line each.
    """
    found: dict[str, Predictions] = {}
    trouble: list[str] = []
    for path in sorted(Path(run_dir, protocol.PREDICTIONS_DIR).glob("*.npz")):
        if not path.name.startswith(protocol.DATA_PREFIX) and only in (None, path.stem):
            arrays = _load(path, trouble)
            _take(found, path.stem, "", arrays, path, trouble)
    own = _own_file(Path(run_dir))
    if own is not None and own.is_file():
        arrays = _load(own, trouble)
        if "probabilities" in arrays:
            _take(found, DEFAULT_SPLIT, "", arrays, own, trouble)
        for name in sorted(arrays):
            split, _, what = name.rpartition("_")
            if what == "probabilities" and split:
                _take(found, split, f"{split}_", arrays, own, trouble)
    return {split: said for split, said in found.items() if only in (None, split)}, trouble


def read_hashes(run_dir: str | Path) -> tuple[dict[str, DataHashes], list[str]]:
    """Split -> hashes of its examples that one attempt left; and what could not be read."""
    found: dict[str, DataHashes] = {}
    trouble: list[str] = []
    for path in sorted(Path(run_dir, protocol.PREDICTIONS_DIR).glob(f"{protocol.DATA_PREFIX}*.npz")):
        arrays = _load(path, trouble)
        if "hashes" in arrays:
            split = path.stem.removeprefix(protocol.DATA_PREFIX)
            found[split] = DataHashes(
                arrays["hashes"].astype(np.uint64), _flat(arrays.get("targets")), _texts(arrays.get("ids"))
            )
    return found, trouble


def _own_file(run_dir: Path) -> Path | None:
    """Where an unmodified script leaves its predictions, as its study file says."""
    try:
        spec = protocol.read_record(str(run_dir), protocol.SPEC_FILE)
    except (protocol.RecordError, OSError):
        return None
    named = (spec or {}).get("predictions")
    return Path(named) if named else None


def _load(path: Path, trouble: list[str]) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        trouble.append(f"{path}: {error}")
        return {}


def _take(
    found: dict[str, Predictions],
    split: str,
    prefix: str,
    arrays: dict[str, NDArray[Any]],
    path: Path,
    trouble: list[str],
) -> None:
    said = arrays.get(f"{prefix}probabilities")
    if said is None:
        return
    if said.ndim == 2 and said.shape[1] == 1:
        said = said[:, 0]
    targets, ids = _flat(arrays.get(f"{prefix}targets")), _texts(arrays.get(f"{prefix}ids"))
    if (
        said.ndim not in (1, 2)
        or said.dtype.kind not in "iufb"
        or any(a is not None and len(a) != len(said) for a in (targets, ids))
    ):
        trouble.append(f"{path}: the arrays of {split} do not fit each other")
        return
    step = arrays.get("step")
    found[split] = Predictions(
        said.astype(np.float64), targets, ids, int(step) if step is not None and step.ndim == 0 else None
    )


def _flat(values: NDArray[Any] | None) -> NDArray[Any] | None:
    """Targets as one axis; whole numbers that came as floats are whole numbers."""
    if values is None:
        return None
    flat = values.reshape(-1) if values.ndim != 1 else values
    if flat.dtype.kind == "f" and flat.size and np.array_equal(flat, np.round(flat)):
        return flat.astype(np.int64)
    return flat


def _texts(values: NDArray[Any] | None) -> NDArray[np.str_] | None:
    return None if values is None else values.reshape(-1).astype(str)
