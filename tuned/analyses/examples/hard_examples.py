"""Which examples every good model gets wrong, class by class, from the predictions that trials saved.

Owns what the best trials' predictions say together; averaging them for a better model is the ensemble's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuned.analyses.examples.predictions import Predictions, read_predictions
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Column, Table
from tuned.analyses.verdict import Verdict

TOP = 5
TOLD = 20
MOST_BYTES = 2**28
"""Of predictions at once; of larger ones fewer trials are looked at."""
CERTAIN = 0.9
"""So sure of the same wrong class are all models when the target itself is doubtful."""
IMBALANCE = 10.0
MAJORITY = 0.9


@dataclass(frozen=True, slots=True)
class Panel:
    """The best trials' predictions of one split, in one order of examples.

    Attributes:
        trials: The trials, best first.
        said: (trials, examples, classes) or (trials, examples).
        targets: (examples,).
        ids: (examples,) or None.
        left_out: Trials whose examples or targets are other ones.
    """

    split: str
    trials: tuple[TrialData, ...]
    said: NDArray[np.float64]
    targets: NDArray[Any]
    ids: NDArray[np.str_] | None
    left_out: tuple[int, ...]

    @property
    def classes(self) -> bool:
        """Whether classes are told apart, not numbers predicted."""
        return self.targets.dtype.kind in "iu" and (self.said.ndim == 3 or set(np.unique(self.targets)) <= {0, 1})

    @property
    def chosen(self) -> NDArray[np.int64]:
        """(trials, examples) class that each model gives."""
        return np.argmax(self.said, axis=2) if self.said.ndim == 3 else (self.said > 0.5).astype(np.int64)

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """(trials, examples)."""
        return np.asarray(self.chosen != self.targets, dtype=bool)

    def name(self, place: int) -> str:
        """How the user calls an example: its id, else its place."""
        return str(self.ids[place]) if self.ids is not None else f"#{place}"


def panel(study: StudyData, split: str = "validation", top: int = TOP) -> tuple[Panel | None, list[str]]:
    """The best trials that saved predictions of a split; None when none did. And what could not be read."""
    kept: list[tuple[TrialData, Predictions]] = []
    other: list[int] = []
    trouble: list[str] = []
    for trial in study.ranked:
        if len(kept) == top or not trial.run_dir:
            continue
        if sum(one.probabilities.nbytes for _, one in kept) > MOST_BYTES:
            break
        found, problems = read_predictions(trial.run_dir, only=split)
        trouble += problems
        said = found.get(split)
        if said is None or said.targets is None:
            continue
        fits: Predictions | None = said if not kept else said.ordered(kept[0][1].ids)
        if kept and (fits is None or not _alike(fits, kept[0][1])):
            other.append(trial.number)
        elif fits is not None:
            kept.append((trial, fits))
    if not kept:
        return None, trouble
    first = kept[0][1]
    assert first.targets is not None
    stacked = np.stack([one.probabilities for _, one in kept])
    return Panel(split, tuple(t for t, _ in kept), stacked, first.targets, first.ids, tuple(other)), trouble


def _alike(one: Predictions, other: Predictions) -> bool:
    if one.targets is None or other.targets is None:
        return False
    return one.probabilities.shape == other.probabilities.shape and np.array_equal(one.targets, other.targets)


def hard_table(panel: Panel) -> Table:
    """Examples that all of the models get wrong, the surest mistakes first; of numbers, those furthest off."""
    if not panel.classes:
        return _furthest(panel)
    everywhere = np.flatnonzero(panel.wrong.all(axis=0))
    chosen = panel.chosen
    sure = _probability_of(panel, chosen).mean(axis=0)
    ordered = everywhere[np.argsort(-sure[everywhere], kind="stable")]
    of_target = _probability_of(panel, np.broadcast_to(panel.targets, chosen.shape)).mean(axis=0)
    rows = []
    for place in ordered[:TOLD]:
        values, counts = np.unique(chosen[:, place], return_counts=True)
        rows.append(
            (
                panel.name(int(place)),
                str(panel.targets[place]),
                str(values[np.argmax(counts)]),
                int(counts.max()),
                float(sure[place]),
                float(of_target[place]),
            )
        )
    columns = (
        Column("example"), Column("target"), Column("said", title="predicted"),
        Column("models", "count", "models that predict it"),
        Column("sure", "share", "confidence"), Column("of_target", "share", "confidence in the target"),
    )  # fmt: skip
    note = (
        f"{len(everywhere)} of {len(panel.targets)} examples of {panel.split} are wrong in all of the "
        f"{len(panel.trials)} best models: trials {', '.join(str(t.number) for t in panel.trials)}."
    )
    title = f"Examples of {panel.split} that every top model gets wrong"
    return Table("data.hard", title, columns, tuple(rows), (note,))


def _probability_of(panel: Panel, classes: NDArray[Any]) -> NDArray[np.float64]:
    """(trials, examples): what each model gives to a class."""
    if panel.said.ndim == 2:
        return np.where(classes == 1, panel.said, 1 - panel.said)
    known = np.clip(classes, 0, panel.said.shape[2] - 1)
    return np.take_along_axis(panel.said, known[:, :, None], axis=2)[:, :, 0]


def _furthest(panel: Panel) -> Table:
    said = panel.said if panel.said.ndim == 2 else panel.said[:, :, 0]
    off = said - panel.targets
    least = np.abs(off).min(axis=0)
    order = np.argsort(-least, kind="stable")[:TOLD]
    rows = tuple(
        (panel.name(int(i)), float(panel.targets[i]), float(said[:, i].mean()), float(least[i])) for i in order
    )
    columns = (
        Column("example"),
        Column("target", "number"),
        Column("said", "number", "predicted"),
        Column("off", "number", "error"),
    )
    models = len(panel.trials)
    note = f"`error`: the least distance among the {models} best models; the typical one is {np.median(least):.4g}."
    return Table("data.hard", f"Examples of {panel.split} that every top model is furthest off", columns, rows, (note,))


def class_table(panel: Panel) -> Table | None:
    """Class by class: how many, how many are wrong, and with what they are confused; None for numbers."""
    if not panel.classes:
        return None
    chosen, wrong = panel.chosen, panel.wrong
    rows = []
    for value in np.unique(panel.targets):
        mine = panel.targets == value
        errors = chosen[:, mine][wrong[:, mine]]
        values, counts = np.unique(errors, return_counts=True)
        rows.append(
            (
                str(value),
                int(mine.sum()),
                float(mine.mean()),
                float(wrong[0, mine].mean()),
                float(wrong[:, mine].all(axis=0).mean()),
                str(values[np.argmax(counts)]) if len(values) else None,
            )
        )
    columns = (
        Column("class"), Column("examples", "count"), Column("share", "share"),
        Column("wrong_in_best", "share", "wrong in the best"), Column("wrong_in_all", "share", "wrong in all"),
        Column("confused_with", title="mostly taken for"),
    )  # fmt: skip
    return Table("data.classes", f"Classes of {panel.split}", columns, tuple(rows))


def example_verdicts(study: StudyData) -> Iterator[Verdict]:
    """Doubtful targets, uneven classes under an accuracy objective, trials judged on other targets."""
    found, _ = panel(study)
    if found is None:
        return
    if found.left_out:
        yield Verdict(
            "warn",
            "data.examples-differ",
            f"{len(found.left_out)} trials saved predictions of other examples or targets than the best one: results "
            f"on different {found.split} sets cannot be compared.",
            {"trials": len(found.left_out)},
            "Keep the split and its order the same in all trials, or pass ids.",
            "",
            found.split,
            found.left_out[:10],
        )
    if found.classes:
        yield from _doubtful(study, found)
        yield from _uneven(study, found)


def _doubtful(study: StudyData, found: Panel) -> Iterator[Verdict]:
    if len(found.trials) < 3:
        return
    chosen = found.chosen
    agreed = (chosen == chosen[0]).all(axis=0) & found.wrong.all(axis=0)
    sure = _probability_of(found, chosen).min(axis=0)
    doubtful = np.flatnonzero(agreed & (sure >= CERTAIN))
    if len(doubtful):
        yield Verdict(
            "info",
            "data.doubtful-targets",
            f"{len(doubtful)} of {len(found.targets)} examples of {found.split} are given the same other class by all "
            f"{len(found.trials)} best models, each with a confidence of at least {CERTAIN:.0%}: look whether "
            "their targets are right.",
            {"examples": len(doubtful), "first": found.name(int(doubtful[0]))},
            "Look at them.",
            f"tunectl data {study.name}",
            found.split,
        )


def _uneven(study: StudyData, found: Panel) -> Iterator[Verdict]:
    counts = np.unique(found.targets, return_counts=True)[1]
    share, ratio = counts.max() / counts.sum(), counts.max() / counts.min()
    if share < MAJORITY and ratio < IMBALANCE:
        return
    accuracy = "acc" in study.objective.metric.lower()
    yield Verdict(
        "warn" if accuracy and share >= MAJORITY else "info",
        "data.uneven-classes",
        f"The classes of {found.split} are uneven: the largest holds {share:.0%} of the examples, {ratio:.3g} times "
        "the smallest. " + (f"Always naming it gives an accuracy of {share:.3g}." if accuracy else ""),
        {"largest_share": float(share), "largest_over_smallest": float(ratio)},
        "Judge by balanced accuracy, F1 or the loss instead." if accuracy else "",
        f"tunectl data {study.name}",
        found.split,
    )
