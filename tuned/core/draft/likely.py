"""Values that are good more often than not, by an option's name: what a draft calls likely where the script is silent.

Owns the table, with the source of each. A script's own default comes first: it runs as the baseline of the draft.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from tuned.core.draft.ranges import Choice
from tuned.core.script.option import Option

_KNOWN: tuple[tuple[str, float, str], ...] = (
    ("learning_rate|lr|base_lr", 1e-3, "Adam's default in PyTorch"),
    ("weight_decay|wd", 1e-2, "AdamW's default in PyTorch"),
    ("momentum", 0.9, "customary with SGD"),
    ("beta_?1", 0.9, "Adam's default"),
    ("beta_?2", 0.999, "Adam's default"),
    ("dropout|drop_rate", 0.1, "that of the first Transformer"),
    ("label_smoothing", 0.1, "that of the first Transformer"),
    ("grad_clip|clip_norm|max_grad_norm|clip_grad", 1.0, "customary for Transformers"),
)


def with_likely(choice: Choice, option: Option) -> Choice:
    """The choice with a likely value, where the option is well known and says no default of its own.

    Args:
        choice: The use that is made of the option.
        option: It.
    """
    entry = choice.entry
    if choice.use != "tune" or option.default is not None or not isinstance(entry, Mapping) or "low" not in entry:
        return choice
    name = option.name.lower().replace("-", "_").replace(".", "_")
    for pattern, value, source in _KNOWN:
        if re.search(rf"(?:^|_)(?:{pattern})$", name) and entry["low"] <= value <= entry["high"]:
            why = f"likely: {source}"
            return replace(choice, entry={**entry, "likely": value}, why=f"{choice.why}; {why}" if choice.why else why)
    return choice
