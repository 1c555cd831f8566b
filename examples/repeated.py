"""An ensemble's gain over several splits of the data: what one split shows may be that split's luck.

Owns the repetition of a study with other splits and the table over them; every figure is measured on images that
neither the search nor the choice of members has seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from statistics import mean, stdev
from typing import Any

from scipy.stats import t

SPLITS = (0, 1, 2, 3, 4)
SINGLE = "best single"


def errors_by_method(answer: dict[str, Any]) -> dict[str, float]:
    """Method -> error on the held-out images, of what `tunectl ensemble STUDY --test test --json` prints."""
    return {str(row["method"]): float(row["metric"]) for row in answer["figures"]["methods"]}


def split_table(found: Sequence[dict[str, float]]) -> str:
    """Methods by their mean error over the splits, each paired with the best single model of the same split."""
    lines = [
        "| method | error, mean of the splits | each split | better than the best single by (95 % interval) |",
        "| --- | ---: | --- | ---: |",
    ]
    for method in sorted(found[0], key=lambda name: mean(split[name] for split in found)):
        errors = [split[method] for split in found]
        each = ", ".join(f"{error:.4f}" for error in errors)
        gain = "-" if method == SINGLE else interval([split[SINGLE] - split[method] for split in found])
        lines.append(f"| {method} | {mean(errors):.4f} | {each} | {gain} |")
    return "\n".join(lines)


def interval(differences: Sequence[float]) -> str:
    """Mean and Student's t interval of paired differences."""
    half = float(t.ppf(0.975, len(differences) - 1)) * stdev(differences) / len(differences) ** 0.5
    return f"{mean(differences):.4f} ({mean(differences) - half:.4f} .. {mean(differences) + half:.4f})"


def over_splits(run_split: Callable[[int], str], tunectl: Callable[..., str]) -> str:
    """The table over all splits.

    Args:
        run_split: Runs the study on a split to its end; the study's name.
        tunectl: Runs a command; what it prints.
    """
    found = []
    for split in SPLITS:
        name = run_split(split)
        found.append(errors_by_method(json.loads(tunectl("ensemble", name, "--test", "test", "--json"))))
    return f"**The same over {len(SPLITS)} splits of the images**\n\n{split_table(found)}"
