"""The analyses by name: the one place where they are listed. Each module is imported when its kind is asked for.

An analysis is a function `(Question) -> Answer`; it reads nothing but its question.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from tuned.core.errors import InvalidInput
from tuned.playbook.answer import Answer
from tuned.playbook.question import Question

KINDS: dict[str, tuple[str, str]] = {
    "effects": ("tuned.playbook.parameters.effects", "effects"),
    "probe": ("tuned.playbook.probe", "probe"),
    "importance": ("tuned.playbook.parameters.importance", "importance"),
    "slice": ("tuned.playbook.parameters.slices", "slice_"),
    "contour": ("tuned.playbook.parameters.slices", "contour"),
    "fit": ("tuned.playbook.parameters.importance", "fit"),
    "advise": ("tuned.playbook.advise", "advise"),
    "confirm": ("tuned.playbook.comparing.confirm", "confirm"),
    "ensemble": ("tuned.playbook.examples.ensemble", "ensemble"),
    "folds": ("tuned.playbook.comparing.folds", "folds"),
    "data": ("tuned.playbook.examples.data", "data"),
    "compare": ("tuned.playbook.comparing.compare", "compare"),
    "explain": ("tuned.playbook.explain", "explain"),
    "report": ("tuned.playbook.reporting.report", "report"),
    "size": ("tuned.playbook.model_size", "size"),
    "gradients": ("tuned.playbook.curves.gradients", "gradients"),
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
