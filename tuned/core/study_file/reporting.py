"""Whether the user's code can take parameters from us or report to us, judged from its text alone.

Owns a guess that must never refuse what would have worked: it answers "no" only when the script and every file of
its own that it imports are known and silent. The first trial of a study settles the rest.
"""

from __future__ import annotations

import posixpath
import re
import sys
from typing import Literal

from tuned.core.files import Files

Answer = Literal["yes", "no", "unsure"]

_OURS = re.compile(r"\btuned\b|\bTUNED_")
_IMPORT = re.compile(r"^\s*(?:from\s+([.\w]+)\s+import\b|import\s+([\w., \t]+))", re.MULTILINE)
_INDIRECT = re.compile(r"\b(?:importlib|runpy|subprocess|exec|execv\w*|__import__|os\.system|sys\.path)\b")
_SILENT = frozenset(
    {
        *sys.stdlib_module_names, "torch", "torchvision", "torchaudio", "numpy", "scipy", "sklearn", "pandas", "PIL",
        "matplotlib", "tqdm", "yaml", "jax", "flax", "optax", "tensorflow", "keras", "xgboost", "lightgbm", "cv2",
    }
)  # fmt: skip
_MOST_FILES = 50


def mentions_us(script: str, files: Files) -> Answer:
    """Whether a Python script, or a file beside it that it imports, names `tuned` or `TUNED_`.

    Args:
        script: Absolute path.
        files: Where it can be read.

    Returns:
        `unsure` when something that it imports or starts cannot be read from here.
    """
    folder = posixpath.dirname(script)
    waiting, seen, sure = [script], {script}, True
    while waiting:
        try:
            text = files.read_text(waiting.pop())
        except OSError:
            sure = False
            continue
        if _OURS.search(text):
            return "yes"
        if _INDIRECT.search(text) or len(seen) > _MOST_FILES:
            sure = False
        for module in _imported(text):
            path = posixpath.join(folder, *module.split(".")) + ".py"
            if not module.startswith(".") and files.is_file(path):
                if path not in seen:
                    seen.add(path)
                    waiting.append(path)
            elif module.split(".")[0] not in _SILENT:
                sure = False
    return "no" if sure else "unsure"


def own_files(script: str, files: Files) -> list[str]:
    """The script and the files beside it that it imports, also through each other; absolute, the script first."""
    folder = posixpath.dirname(script)
    found, i = [script], 0
    while i < len(found) and len(found) <= _MOST_FILES:
        try:
            text = files.read_text(found[i])
        except OSError:
            text = ""
        i += 1
        for module in _imported(text):
            base = posixpath.join(folder, *module.split("."))
            for path in (f"{base}.py", posixpath.join(base, "__init__.py")):
                if not module.startswith(".") and path not in found and files.is_file(path):
                    found.append(path)
    return found


def _imported(text: str) -> list[str]:
    names: list[str] = []
    for match in _IMPORT.finditer(text):
        if match[1]:
            names.append(match[1])
        else:
            names += [part.split()[0] for part in match[2].split(",") if part.split()]
    return names
