"""Imports that a launcher can make ahead for a script that has never run: a guess from the script's import statements.

Owns that guess. It holds until the first trial has taught better, so a wrong one costs some memory and no trial. Pure.
"""

from __future__ import annotations

import posixpath
import re

from tuned.core.files import Files
from tuned.core.parsing import parsed
from tuned.core.program.import_names import beside, imported
from tuned.protocol import FORK_SAFE_MODULES

_BRINGS = {
    "torch": ("numpy",),
    "torchvision": ("torch", "numpy", "PIL"),
    "torchaudio": ("torch", "numpy"),
    "lightning": ("torch", "numpy"),
    "pytorch_lightning": ("torch", "numpy"),
    "timm": ("torch", "numpy"),
    "stable_baselines3": ("torch", "numpy"),
    "accelerate": ("torch", "numpy"),
    "scipy": ("numpy",),
    "transformers": ("torch", "numpy"),
    "torchmetrics": ("torch", "numpy"),
    "sklearn": ("scipy", "numpy"),
    "xgboost": ("scipy", "numpy"),
    "lightgbm": ("scipy", "numpy"),
    "matplotlib": ("numpy",),
    "pandas": ("numpy",),
}
"""Modules that come along with a module."""

_OPTIMISES = re.compile(r"\boptim\b|\blr_scheduler\b|\btorch\.compile\b")
"""Where one of these is used, torch imports `torch._dynamo` at the first step."""
_MOST_FILES = 20


def guess(script: str, files: Files) -> tuple[str, ...]:
    """Fork-safe modules that a script, or a module beside it that it imports, imports at its top.

    Args:
        script: Absolute path.
        files: Where it can be read.

    Returns:
        In the order of `FORK_SAFE_MODULES`; empty where nothing can be told.
    """
    folder = posixpath.dirname(script)
    found, others = _look(script, folder, files)
    for path in others[:_MOST_FILES]:
        found |= _look(path, folder, files)[0]
    if "torch" not in found:
        found.discard("torch._dynamo")
    return tuple(name for name in FORK_SAFE_MODULES if name in found)


def _look(path: str, folder: str, files: Files) -> tuple[set[str], list[str]]:
    """A file's imports from elsewhere, with the modules they bring along, and its imports from the script's folder."""
    try:
        text = files.read_text(path)
        names = list(dict.fromkeys(imported(parsed(text).body)))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return set(), []
    found: set[str] = set()
    found_beside = []
    for name in names:
        own, top = beside(name, folder, files), name.partition(".")[0]
        if own:
            found_beside.append(own)
        elif not beside(top, folder, files):
            found |= {top, name, *_BRINGS.get(top, ())}
    if _OPTIMISES.search(text):
        found.add("torch._dynamo")
    return found, found_beside
