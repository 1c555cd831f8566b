"""The tasks of our own tables: data, network and grid of each. Owns which points a table has, and in which order."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.replay.training import Data, Group

Values = tuple[float | str, ...]
SHARED = ("optimizer", "width", "batch")
"""Parameters in which the points of a group agree."""
LR = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)


@dataclass(frozen=True, slots=True)
class Task:
    """One training problem with a grid.

    Attributes:
        name: Of its table.
        network: Kind of network.
        data: Makes the data anew.
        classes: 0 for a regression.
        epochs: Of each curve.
        space: Parameter -> values, ascending where they are numbers; the table has every combination.
        held_out: Whether nothing is developed on it.
    """

    name: str
    network: str
    data: Callable[[], Data]
    classes: int
    epochs: int
    space: dict[str, Values]
    held_out: bool = False

    @property
    def size(self) -> int:
        """Points of the grid."""
        return int(np.prod([len(values) for values in self.space.values()]))

    def groups(self) -> list[tuple[Group, list[int]]]:
        """The grid in groups, each with the places of its points in the order of the grid."""
        found: dict[tuple[float | str, ...], list[tuple[int, dict[str, float | str]]]] = {}
        for place, values in enumerate(itertools.product(*self.space.values())):
            point = dict(zip(self.space, values, strict=True))
            found.setdefault(tuple(point.get(name, "") for name in SHARED), []).append((place, point))
        return [(self._group([point for _, point in rows]), [place for place, _ in rows]) for rows in found.values()]

    def _group(self, points: list[dict[str, float | str]]) -> Group:
        first = points[0]

        def each(name: str) -> tuple[float, ...]:
            return tuple(float(point.get(name, 0.0)) for point in points)

        return Group(
            self.network,
            int(first["width"]),
            int(first["batch"]),
            str(first.get("optimizer", "sgd")),
            each("lr"),
            each("decay"),
            each("dropout"),
            tuple(point.get("schedule", "constant") == "cosine" for point in points),
        )


def _split(x: np.ndarray, y: np.ndarray, train: int, most: int, classes: int) -> Data:
    """Shuffled by a fixed seed, inputs scaled by those of the training part."""
    order = np.random.default_rng(0).permutation(len(y))[:most]
    x, y = x[order].astype(np.float32), y[order]
    level, spread = x[:train].mean(0), x[:train].std(0) + 0.1
    x = (x - level) / spread
    if not classes:
        y = (y - y[:train].mean()) / y[:train].std()
    target = torch.tensor(y, dtype=torch.long if classes else torch.float32)
    inputs = torch.tensor(x)
    return inputs[:train], target[:train], inputs[train:], target[train:]


def digits() -> Data:
    """1,797 pictures of 8 x 8 in ten classes: 500 to train on, 500 held out."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return _split(x / 16, y, 500, 1000, 10)


def digit_rows() -> Data:
    """The pictures as 8 rows of 8."""
    x, y, held_x, held_y = digits()
    return x.view(-1, 8, 8), y, held_x.view(-1, 8, 8), held_y


def digit_patches() -> Data:
    """The pictures as 36 patches of 3 x 3."""
    x, y, held_x, held_y = digits()

    def patches(rows: torch.Tensor) -> torch.Tensor:
        return rows.view(-1, 8, 8).unfold(1, 3, 1).unfold(2, 3, 1).reshape(len(rows), 36, 9)

    return patches(x), y, patches(held_x), held_y


def noisy_classes() -> Data:
    """A synthetic problem of five classes in 20 columns, a tenth of the labels wrong: it can be learned by heart."""
    from sklearn.datasets import make_classification

    x, y = make_classification(
        900, 20, n_informative=8, n_redundant=4, n_classes=5, n_clusters_per_class=2, flip_y=0.1, random_state=1
    )
    return _split(x, y, 500, 900, 5)


def friedman() -> Data:
    """A synthetic regression of five telling and five idle columns, with noise."""
    from sklearn.datasets import make_friedman1

    x, y = make_friedman1(900, noise=1.0, random_state=2)
    return _split(x, y, 500, 900, 0)


def diabetes() -> Data:
    """442 patients, ten columns: 300 to train on."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return _split(x, y, 300, 442, 0)


def cancer() -> Data:
    """569 tumours in 30 columns, two classes: 300 to train on."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return _split(x, y, 300, 569, 2)


TASKS = (
    Task("digits-mlp", "mlp", digits, 10, 40, {
        "optimizer": ("sgd", "momentum", "adam", "adamw"), "lr": LR, "width": (8, 16, 32), "batch": (16, 32, 64),
        "decay": (0.0, 1e-3, 1e-2)}),
    Task("classes-mlp", "mlp", noisy_classes, 5, 40, {
        "optimizer": ("momentum", "adam", "adamw"), "lr": LR, "width": (8, 24), "batch": (16, 64),
        "decay": (0.0, 1e-2), "dropout": (0.0, 0.25, 0.5), "schedule": ("constant", "cosine")}),
    Task("friedman-mlp", "mlp", friedman, 0, 40, {
        "optimizer": ("sgd", "momentum", "adam"), "lr": LR, "width": (8, 16, 32), "batch": (16, 64),
        "decay": (0.0, 1e-3, 1e-2), "schedule": ("constant", "cosine")}),
    Task("digits-cnn", "cnn", digit_patches, 10, 30, {
        "optimizer": ("sgd", "momentum", "adam", "adamw"), "lr": LR, "width": (4, 8), "batch": (16, 32, 64),
        "decay": (0.0, 1e-2), "schedule": ("constant", "cosine")}),
    Task("diabetes-mlp", "mlp", diabetes, 0, 40, {
        "optimizer": ("sgd", "momentum", "adam"), "lr": LR, "width": (8, 24), "batch": (16, 64),
        "decay": (0.0, 1e-2, 1e-1), "dropout": (0.0, 0.3), "schedule": ("constant", "cosine")}),
    Task("digits-rnn", "rnn", digit_rows, 10, 30, {
        "optimizer": ("sgd", "momentum", "adam"), "lr": LR, "width": (8, 16), "batch": (16, 32, 64),
        "decay": (0.0, 1e-3), "dropout": (0.0, 0.2), "schedule": ("constant", "cosine")}, held_out=True),
    Task("cancer-mlp", "mlp", cancer, 2, 40, {
        "optimizer": ("sgd", "momentum", "adamw"), "lr": LR, "width": (4, 16), "batch": (8, 32),
        "decay": (0.0, 1e-2, 1e-1), "dropout": (0.0, 0.3), "schedule": ("constant", "cosine")}, held_out=True),
)  # fmt: skip
