"""Examples that are in two splits, or twice in one: found by the hashes that `trial.data_hashes` left.

Owns the comparison, its table and its verdicts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tuned.analyses.examples.predictions import DataHashes, read_hashes
from tuned.analyses.study_data import StudyData
from tuned.analyses.table import Column, Table
from tuned.analyses.verdict import Verdict

LEAK = 0.01
"""Share of a split from which on its result is worth nothing: one image in a hundred was learned by heart."""
TOLD = 20


@dataclass(frozen=True, slots=True)
class Shared:
    """Examples of `split` that are also in `other`; for `split == other`, those that are there again.

    Attributes:
        places: (place in `split`, place in `other`) of each.
        share: Of the examples of `split`.
        contradictions: How many of them have another target there.
    """

    split: str
    other: str
    places: tuple[tuple[int, int], ...]
    share: float
    contradictions: int


def latest_hashes(study: StudyData) -> tuple[int, dict[str, DataHashes]] | None:
    """The newest trial of the search that left hashes, and these; None without any.

    The final model is trained on all there is: validation data among its training data is no leak.
    """
    for trial in reversed(study.searched):
        if trial.run_dir:
            found, _ = read_hashes(trial.run_dir)
            if found:
                return trial.number, found
    return None


def shared_examples(data: Mapping[str, DataHashes]) -> tuple[Shared, ...]:
    """Examples in two splits (counted in the one that judges), then those twice in one."""
    ordered = sorted(data, key=lambda split: (not split.startswith("train"), split))
    found = [_shared(other, split, data) for split, other in itertools.combinations(ordered, 2)]
    found += [_shared(split, split, data) for split in ordered]
    return tuple(one for one in found if one.places)


def _shared(split: str, other: str, data: Mapping[str, DataHashes]) -> Shared:
    mine, theirs = data[split], data[other]
    first: dict[int, int] = {}
    for place, value in enumerate(theirs.hashes.tolist()):
        first.setdefault(value, place)
    pairs = [(i, first[value]) for i, value in enumerate(mine.hashes.tolist()) if value in first]
    if split == other:
        pairs = [(i, j) for i, j in pairs if i != j]
    against = 0
    if mine.targets is not None and theirs.targets is not None:
        against = sum(bool(mine.targets[i] != theirs.targets[j]) for i, j in pairs)
    return Shared(split, other, tuple(pairs), len(pairs) / max(1, len(mine.hashes)), against)


def duplicates(study: StudyData) -> Iterator[Verdict]:
    """Examples shared by splits: a failure from `LEAK` of the judging split on, below that a warning."""
    latest = latest_hashes(study)
    if latest is None:
        return
    number, data = latest
    for shared in shared_examples(data):
        count = len(shared.places)
        evidence: dict[str, float | int | str] = {
            "examples": count,
            "share": shared.share,
            "contradictions": shared.contradictions,
        }
        if shared.split != shared.other:
            yield Verdict(
                "fail" if shared.share >= LEAK else "warn",
                "data.leak",
                f"{count} examples of {shared.split} ({shared.share:.1%}) are in {shared.other} as well: the result on "
                f"{shared.split} is better than it will be on new data.",
                evidence,
                f"Take them out of {shared.other}, and run again: the order of the trials may change.",
                f"tunectl data {study.name}",
                shared.split,
                (number,),
            )
        elif shared.share >= LEAK:
            yield Verdict(
                "info",
                "data.repeats",
                f"{count} examples of {shared.split} ({shared.share:.1%}) are there more than once.",
                evidence,
                "",
                f"tunectl data {study.name}",
                shared.split,
                (number,),
            )
    yield from _other_examples(study, number, data)


def _other_examples(study: StudyData, number: int, data: Mapping[str, DataHashes]) -> Iterator[Verdict]:
    """Trials that were judged on other examples than the latest: compares the first trial that left hashes."""
    judging = next((split for split in data if split.startswith(("val", "valid", "dev", "eval"))), None)
    if judging is None:
        return
    for trial in study.searched:
        if trial.number == number or not trial.run_dir:
            continue
        found, _ = read_hashes(trial.run_dir)
        if judging not in found:
            continue
        mine, theirs = np.unique(data[judging].hashes), np.unique(found[judging].hashes)
        same = len(np.intersect1d(mine, theirs)) / max(1, len(np.union1d(mine, theirs)))
        if same < 1:
            yield Verdict(
                "warn",
                "data.split-differs",
                f"Trials are judged on different examples: {judging} of trials {trial.number} and {number} share "
                f"{same:.0%} of theirs. Part of the difference between trials is luck of the draw.",
                {"same": same, "examples": len(mine)},
                "Split with a fixed seed, not the trial's; vary the split on purpose only, with trial.folds.",
                "",
                judging,
                (trial.number, number),
            )
        return


def duplicate_table(data: Mapping[str, DataHashes]) -> Table:
    """The first shared examples, by name where there are names."""
    columns = (
        Column("split"), Column("example"), Column("target"), Column("other"), Column("other_example", title="example"),
        Column("other_target", title="target"),
    )  # fmt: skip
    rows = []
    shared = shared_examples(data)
    for one in shared:
        for i, j in one.places[:TOLD]:
            rows.append((one.split, *_named(data[one.split], i), one.other, *_named(data[one.other], j)))
    notes = tuple(f"{one.split} and {one.other}: {len(one.places)} examples ({one.share:.1%})." for one in shared)
    if not shared:
        notes = (f"No example is twice in {', '.join(data)}: " + ", ".join(_sizes(data)) + ".",)
    return Table("data.duplicates", "Examples that are there twice", columns, tuple(rows), notes)


def _sizes(data: Mapping[str, DataHashes]) -> list[str]:
    return [f"{len(one.hashes)} in {split}" for split, one in data.items()]


def _named(data: DataHashes, place: int) -> tuple[str, str | None]:
    name = str(data.ids[place]) if data.ids is not None else f"#{place}"
    return name, None if data.targets is None else str(data.targets[place])
