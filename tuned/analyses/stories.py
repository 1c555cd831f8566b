"""One story out of many verdicts: a rule that explains another silences it, and a remedy is tried before it is shown.

Owns which verdict explains which, and the trial of remedies against the study's own space.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tuned.analyses.naming import is_learning_rate
from tuned.analyses.study_data import StudyData
from tuned.analyses.verdict import LEVELS, Verdict
from tuned.core.changes import settings
from tuned.core.changes.space import SpaceEdit, edited
from tuned.core.errors import InvalidInput
from tuned.core.space import Value

EXPLAINS: dict[str, tuple[str, ...]] = {
    "curve.not-learning": (
        "length.too-long", "length.too-short", "length.ok", "curve.", "space.near-bound", "space.sampling",
        "space.idle", "size.", "data.doubling",
    ),
    "curve.overfitting": ("length.too-short", "length.too-long", "length.ok", "curve.late-variance"),
    "curve.rising-training-loss": ("length.too-long", "length.too-short", "length.ok", "curve.late-variance"),
    "curve.periodic": ("curve.late-variance",),
}  # fmt: skip
"""Code of an alarm -> codes, or beginnings of codes, that follow from the same cause."""
SAME_PARAMETER: dict[str, tuple[str, ...]] = {
    "space.lr-linear": ("space.near-bound",),
    "space.steps": ("space.near-bound",),
    "space.infeasible": ("gradients.warm-up", "space.idle"),
}
"""The same where both are about one parameter."""


def one_story(study: StudyData, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts without those that another one explains, their remedies in the order of causes, each tried."""
    kept = [v for v in verdicts if not any(_explains(other, v) for other in verdicts)]
    return [_tried(study, v) for v in _in_order(kept)]


def _explains(one: Verdict, other: Verdict) -> bool:
    if one is other or one.level == "info" or LEVELS.index(one.level) > LEVELS.index(other.level):
        return False
    if any(other.code.startswith(code) and other.code != one.code for code in EXPLAINS.get(one.code, ())):
        return True
    shared = one.about and one.about == other.about
    return bool(shared) and other.code in SAME_PARAMETER.get(one.code, ())


def _in_order(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """A learning rate that is held too low makes training slow: its own remedy comes first."""
    low = [v for v in verdicts if v.code == "space.near-bound" and v.level == "warn" and is_learning_rate(v.about)]
    held = [v for v in low if v.evidence["proposed"] > v.evidence["bound"]]  # type: ignore[operator]
    if not held:
        return list(verdicts)
    first = f"First widen {held[0].about}, which may be the cause; then: "
    return [replace(v, remedy=first + v.remedy) if v.code == "length.too-short" else v for v in verdicts]


def _tried(study: StudyData, verdict: Verdict) -> Verdict:
    """The verdict, without a command that the study refuses."""
    words = shlex.split(verdict.command)
    try:
        if words[:2] == ["tunectl", "space"] and len(words) > 3:
            edited(study.space, edit_of(study, words[3:]))
        elif words[:2] == ["tunectl", "set"]:
            typed = (text.partition("=") for text in words[3:])
            settings.apply(study.spec, 0, {path: value for path, _, value in typed})
    except (InvalidInput, ValueError):
        return replace(verdict, command="")
    return verdict


def edit_of(study: StudyData, words: Sequence[str]) -> SpaceEdit:
    """The edit that the options of `tunectl space` mean: `--set NAME.KEY=VALUE`, `--fix NAME=VALUE`.

    Raises:
        ValueError: Another option.
    """
    set_: dict[str, Any] = {}
    fix: dict[str, Any] = {}
    for option, text in zip(words[::2], words[1::2], strict=True):
        path, _, value = text.partition("=")
        if option == "--set":
            name, _, key = path.rpartition(".")
            list_ = [_plain(part) for part in value.split(",")]
            set_[path] = _as_known(study, name, list_) if key == "values" else _plain(value)
        elif option == "--fix":
            fix[path] = _plain(value)
        else:
            raise ValueError(f"{option} is not tried")
    return SpaceEdit(set=set_, fix=fix)


def _as_known(study: StudyData, name: str, values: list[Value]) -> list[Value]:
    """Numbers in the type that the list's values have."""
    whole = all(isinstance(v, int) for v in study.space[name].values)
    return [v if whole or not isinstance(v, int) or isinstance(v, bool) else float(v) for v in values]


def _plain(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number == int(number) and not any(c in text for c in ".e") else number
