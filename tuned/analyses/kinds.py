"""The analyses by name: the one place where they are listed. Each module is imported when its kind is asked for.

An analysis is a function `(Question) -> Answer`; it reads nothing but its question.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from tuned.analyses.answer import Answer
from tuned.analyses.question import Question
from tuned.core.errors import InvalidInput

KINDS: dict[str, tuple[str, str]] = {
    "effects": ("tuned.analyses.parameters.effects", "effects"),
    "probe": ("tuned.analyses.probe", "probe"),
    "importance": ("tuned.analyses.parameters.importance", "importance"),
    "slice": ("tuned.analyses.parameters.slices", "slice_"),
    "contour": ("tuned.analyses.parameters.slices", "contour"),
    "fit": ("tuned.analyses.parameters.importance", "fit"),
    "advise": ("tuned.analyses.advise", "advise"),
    "confirm": ("tuned.analyses.comparing.confirm", "confirm"),
    "ensemble": ("tuned.analyses.examples.ensemble", "ensemble"),
    "folds": ("tuned.analyses.comparing.folds", "folds"),
    "data": ("tuned.analyses.examples.data", "data"),
    "compare": ("tuned.analyses.comparing.compare", "compare"),
    "pair": ("tuned.analyses.comparing.pair", "pair"),
    "explain": ("tuned.analyses.explain", "explain"),
    "report": ("tuned.analyses.reporting.report", "report"),
    "size": ("tuned.analyses.model_size", "size"),
    "gradients": ("tuned.analyses.curves.gradients", "gradients"),
}
"""Kind -> (module, function)."""


def analysis(kind: str) -> Callable[[Question], Answer]:
    """The function behind a kind.

    Raises:
        InvalidInput: There is none.
    """
    if kind not in KINDS:
        raise InvalidInput(f"there is no analysis {kind!r}", where="kind", hint="kinds are " + ", ".join(KINDS))
    module, function = KINDS[kind]
    found: Callable[[Question], Answer] = getattr(import_module(module), function)
    return found
