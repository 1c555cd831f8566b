"""Tables of real trainings as a search meets them: points, curves, costs. Owns their reading.

Our own have a curve for each point; published ones have end results alone, which are curves of one epoch here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuned.core.space import Point, SearchSpace
from tuned.core.study_file.space_file import parse_space

CURVES = Path(__file__).parent / "curves"
NEVER = 1e-5
"""Share of better points where there is none."""


@dataclass(frozen=True, eq=False)
class Table:
    """Every point of a grid with what its training gave.

    Attributes:
        loss: (points, epochs): what a trial reports, smaller is better.
        truth: (points,): what a point is really worth: its end result, the mean over the seeds that the table has.
        cost: (points,): of one epoch; 1 on average.
        held_out: Nothing is developed on it.
    """

    name: str
    space: SearchSpace
    loss: NDArray[np.float64]
    truth: NDArray[np.float64]
    cost: NDArray[np.float64]
    held_out: bool = False

    @property
    def epochs(self) -> int:
        """Of a whole curve."""
        return int(self.loss.shape[1])

    @cached_property
    def best_so_far(self) -> NDArray[np.float64]:
        """(points, epochs): the best that a trial has reported."""
        return np.minimum.accumulate(self.loss, axis=1)

    @cached_property
    def better(self) -> NDArray[np.float64]:
        """(points,): log10 of the share of points that are truly better."""
        order = np.sort(self.truth)
        share = np.searchsorted(order, self.truth, "left") / len(order)
        found: NDArray[np.float64] = np.log10(np.maximum(share, NEVER))
        return found

    @cached_property
    def _places(self) -> list[dict[Any, int]]:
        return [{value: i for i, value in enumerate(p.values)} for p in self.space.parameters]

    def place(self, point: Point) -> int:
        """The row of a point."""
        index = [known[point[p.name]] for p, known in zip(self.space.parameters, self._places, strict=True)]
        return int(np.ravel_multi_index(index, [len(p.values) for p in self.space.parameters]))


def _space(values: dict[str, list[Any]], ordered: dict[str, bool]) -> SearchSpace:
    return parse_space(
        {
            name: {"type": "choice", "values": listed, **({"ordered": True} if ordered.get(name) else {})}
            for name, listed in values.items()
        }
    )


def ours(path: Path) -> Table:
    """One of our own tables, by its validation loss."""
    data = np.load(path)
    about = json.loads(str(data["about"]))
    loss = data["curves"][1].astype(float)
    truth = np.min(loss, axis=1)
    again = data["again"][:, 1].astype(float).min(axis=2)
    truth[data["again_at"]] = (truth[data["again_at"]] + again.sum(0)) / (1 + len(again))
    cost = data["operations"] / data["operations"].mean()
    return Table(about["name"], _space(about["space"], {}), loss, truth, cost, about["held_out"])


def published(path: Path, seed: int = 0) -> Table:
    """A published table: a trial's value is that of one seed."""
    data = np.load(path)
    space = json.loads(str(data["space"]))
    sign = -1.0 if str(data["direction"]) == "maximize" else 1.0
    values = data["values"].astype(float)
    values = sign * values.reshape(-1, values.shape[-1])
    seen = values[:, seed % values.shape[1]]
    truth = np.nanmean(values, axis=1)
    cost = data["train_time_s"].reshape(-1).astype(float)
    known = _space({n: s["values"] for n, s in space.items()}, {n: s["kind"] == "ord" for n, s in space.items()})
    return Table(path.stem, known, np.where(np.isnan(seen), truth, seen)[:, None], truth, cost / cost.mean())


def tables(folder: Path | None = None, held_out: bool = False) -> list[Table]:
    """Our own tables, those of development or the others; or all published ones in a folder."""
    if folder is not None:
        return [published(path) for path in sorted(folder.glob("*.npz"))]
    return [table for path in sorted(CURVES.glob("*.npz")) if (table := ours(path)).held_out is held_out]
