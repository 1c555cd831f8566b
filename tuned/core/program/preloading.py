"""Imports that a launcher can make ahead for a script that has never run: a guess from the script's import statements.

Owns that guess. It holds until the first trial has taught better, so a wrong one costs some memory and no trial. Pure.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator, Sequence

from tuned.core.files import Files
from tuned.protocol import FORK_SAFE_MODULES

_BRINGS = {
    "torch": ("numpy",),
    "torchvision": ("torch", "numpy", "PIL"),
    "torchaudio": ("torch", "numpy"),
    "lightning": ("torch", "numpy"),
    "pytorch_lightning": ("torch", "numpy"),
    "timm": ("torch", "numpy"),
    "accelerate": ("torch", "numpy"),
    "scipy": ("numpy",),
    "sklearn": ("scipy", "numpy"),
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
    found, beside = _look(script, folder, files)
    for path in beside[:_MOST_FILES]:
        found |= _look(path, folder, files)[0]
    if "torch" not in found:
        found.discard("torch._dynamo")
    return tuple(name for name in FORK_SAFE_MODULES if name in found)


def _look(path: str, folder: str, files: Files) -> tuple[set[str], list[str]]:
    """A file's imports from elsewhere, with the modules they bring along, and its imports from the script's folder."""
    try:
        text = files.read_text(path)
        names = list(dict.fromkeys(_imported(ast.parse(text).body)))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return set(), []
    found: set[str] = set()
    beside = []
    for name in names:
        own, top = _beside(name, folder, files), name.partition(".")[0]
        if own:
            beside.append(own)
        elif not _beside(top, folder, files):
            found |= {top, *_BRINGS.get(top, ())}
    if _OPTIMISES.search(text):
        found.add("torch._dynamo")
    return found, beside


def _beside(name: str, folder: str, files: Files) -> str:
    """The file beside the script that an import means; empty when it means something installed."""
    base = posixpath.join(folder, *name.split("."))
    for path in (f"{base}.py", posixpath.join(base, "__init__.py")):
        if files.is_file(path):
            return path
    return ""


def _imported(body: Sequence[ast.stmt]) -> Iterator[str]:
    """Absolute names; what stands within functions and conditions may never be imported."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif isinstance(node, ast.Try | ast.With):
            yield from _imported(node.body)
