"""`python -m benchmarks.replay.make_curves FOLDER`: train every point of the tasks' grids, from where it was cut off.

Owns the making of the tables. Each group of points leaves one file in the folder; `--pack` turns the files of a task
whose grid is whole into its table, in the repository. The first seed of every grid comes first, then two more seeds
for every tenth group.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.replay.tasks import TASKS, Task
from benchmarks.replay.training import epochs_of, operations

KEPT = Path(__file__).parent / "curves"
SEEDS = 3
REPEATED = 10
"""Every tenth group is trained with all seeds."""


def file_of(folder: Path, task: Task, seed: int, index: int) -> Path:
    """Where a group's curves lie until they are packed."""
    return folder / f"{task.name}-{seed}-{index}.npy"


def make(folder: Path) -> None:
    """Train what is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(SEEDS):
        for task in TASKS:
            data, began, done = task.data(), time.process_time(), 0
            for index, (group, _) in enumerate(task.groups()):
                path = file_of(folder, task, seed, index)
                if path.exists() or (seed and index % REPEATED):
                    continue
                curves = [torch.stack(row) for row in epochs_of(data, group, task.classes, task.epochs, seed)]
                part = path.with_suffix(".part")
                with part.open("wb") as file:
                    np.save(file, torch.stack(curves).permute(1, 2, 0).numpy())  # (figures, points, epochs)
                part.rename(path)
                done += len(group.lr)
            print(f"{task.name} seed {seed}: {done} points, {time.process_time() - began:.0f} CPU s", flush=True)


def pack(folder: Path) -> None:
    """Write the tables of the tasks whose grid is whole."""
    KEPT.mkdir(exist_ok=True)
    for task in TASKS:
        groups = task.groups()
        if not all(file_of(folder, task, 0, index).exists() for index in range(len(groups))):
            print(f"{task.name}: not whole yet")
            continue
        data = task.data()
        cost = np.zeros(task.size)
        curves = np.full((SEEDS, 4, task.size, task.epochs), np.nan, np.float32)
        for index, (group, places) in enumerate(groups):
            cost[places] = operations(data, group, task.classes)
            for seed in range(SEEDS):
                if (path := file_of(folder, task, seed, index)).exists():
                    curves[seed][:, places] = np.load(path)
        again = np.flatnonzero(np.isfinite(curves[1:]).all((0, 1, 3)))
        space = {name: list(values) for name, values in task.space.items()}
        about = {"name": task.name, "space": space, "epochs": task.epochs, "held_out": task.held_out}
        np.savez_compressed(
            KEPT / f"{task.name}.npz",
            about=json.dumps(about),
            curves=_short(curves[0, :3]),
            again_at=again,
            again=_short(curves[1:, :3][:, :, again]),
            operations=cost,
            seconds=_short(curves[0, 3].mean(-1)),
        )
        print(f"{task.name}: {task.size} points, {len(again)} with {SEEDS} seeds")


def _short(numbers: np.ndarray) -> np.ndarray:
    """Rounded to 11 binary digits, which compress to half."""
    whole = np.ascontiguousarray(numbers, np.float32).view(np.uint32)
    return ((whole + np.uint32(1 << 12)) & np.uint32(0xFFFFE000)).view(np.float32)


def main() -> None:
    """Make or pack."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pack", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    pack(given.folder) if given.pack else make(given.folder)


if __name__ == "__main__":
    main()
