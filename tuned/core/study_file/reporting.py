"""Whether the user's code can take parameters from us or report to us, judged from its text alone.

Owns a guess that must never refuse what would have worked: it answers "no" only when the script and every file of
its own that it imports are known and silent. The first trial of a study settles the rest.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tuned.core.files import Files

Answer = Literal["yes", "no", "unsure"]

_OURS = re.compile(r"\btuned\b|\bTUNED_")
_IMPORT = re.compile(
    r"^\s*(?:from\s+(\.*)([.\w]*)\s+import\s+(?:\(([^)]*)\)|([^\n#;]*))|import\s+([\w., \t]+))", re.MULTILINE
)
_NAMED = re.compile(r"['\"]([\w./-]+\.py)['\"]")
"""A text that is a Python file's path: executed, run by another interpreter, or looked for beside the script."""
_IMPORT_MODULE = re.compile(r"\b(?:import_module|run_module|__import__)\(\s*['\"]([\w.]+)['\"]")
_INDIRECT = re.compile(r"\b(?:importlib|runpy|subprocess|exec|execv\w*|__import__|os\.system|sys\.path)\b")
_ARGUMENTS = re.compile(r"argv|argparse|optparse|getopt|fileinput|cmdline|flags", re.IGNORECASE)
"""Words without which no script of silent imports gets at its command line."""
SILENT = frozenset(
    {
        *sys.stdlib_module_names, "torch", "torchvision", "torchaudio", "numpy", "scipy", "sklearn", "pandas", "PIL",
        "matplotlib", "tqdm", "yaml", "jax", "flax", "optax", "tensorflow", "keras", "xgboost", "lightgbm", "cv2",
    }
)  # fmt: skip
"""Packages that neither read a command line for a script nor know of us."""
_MOST_FILES = 50


def mentions_us(script: str, files: Files, root: str = "") -> Answer:
    """Whether a Python script, or a file beside it that it imports, names `tuned` or `TUNED_`.

    Args:
        script: Absolute path.
        files: Where it can be read.
        root: Folder that its imports start from; empty for the script's own.

    Returns:
        `unsure` when something that it imports or starts cannot be read from here.
    """
    root = root or posixpath.dirname(script)
    waiting, seen, sure = [script], {script}, True
    while waiting:
        path = waiting.pop()
        try:
            text = files.read_text(path)
        except OSError:
            sure = False
            continue
        if _OURS.search(text):
            return "yes"
        if _INDIRECT.search(text) or len(seen) > _MOST_FILES:
            sure = False
        for imported in _imported(text):
            found = _found(imported, path, root, files)
            waiting += [file for file in found if file not in seen]
            seen.update(found)
            if not found and imported.name.split(".")[0] not in SILENT:
                sure = False
    return "no" if sure else "unsure"


def names_arguments(script: str, files: Files, root: str = "") -> bool:
    """Whether a script all of whose files can be read might look at its command line; given what `mentions_us` is."""
    return any(reads_arguments(files.read_text(path)) for path in own_files(script, files, root))


def reads_arguments(text: str) -> bool:
    """Whether the text of a file holds a word by which Python gets at its command line."""
    return _ARGUMENTS.search(text) is not None


def own_files(script: str, files: Files, root: str = "", *, named: bool = True) -> list[str]:
    """The script and the files of its own that it imports, or names as it does those it executes; absolute.

    The script comes first.

    Args:
        script: Absolute path.
        files: Where it can be read.
        root: Folder that its imports start from; empty for the script's own.
        named: Whether files that are named without being imported count.
    """
    root = root or posixpath.dirname(script)
    found, i = [script], 0
    while i < len(found) and len(found) <= _MOST_FILES:
        path = found[i]
        try:
            text = files.read_text(path)
        except OSError:
            text = ""
        i += 1
        for imported in _imported(text):
            found += [file for file in _found(imported, path, root, files) if file not in found]
        folders = dict.fromkeys((root, posixpath.dirname(path)))
        paths = [posixpath.join(f, name) for name in _NAMED.findall(text) for f in folders] if named else []
        found += [file for file in map(posixpath.normpath, paths) if file not in found and files.is_file(file)]
    return found


@dataclass(frozen=True, slots=True)
class _Import:
    """One imported module: dots before its name, the name, and what is taken from it, which may be modules, too."""

    dots: int
    name: str
    taken: tuple[str, ...] = ()


def _found(imported: _Import, path: str, root: str, files: Files) -> list[str]:
    """The files of an import; empty when it is none of the user's own that lies where it is looked for."""
    folder = posixpath.normpath(posixpath.join(posixpath.dirname(path), *[".."] * (imported.dots - 1)))
    base = posixpath.join(folder if imported.dots else root, *filter(None, imported.name.split(".")))
    inner = [posixpath.join(base, name) for name in imported.taken]
    places = [place for stem in (base, *inner) for place in (f"{stem}.py", posixpath.join(stem, "__init__.py"))]
    return list(dict.fromkeys(place for place in places if files.is_file(place)))


def _imported(text: str) -> Iterator[_Import]:
    yield from (_Import(0, name) for name in _IMPORT_MODULE.findall(text))
    for match in _IMPORT.finditer(text):
        dots, module, inside, line, plain = match.groups()
        if plain is not None:
            yield from (_Import(0, part.split()[0]) for part in plain.split(",") if part.split())
        else:
            names = re.findall(r"(?:^|,)\s*(\w+)", re.sub(r"#[^\n]*", "", inside or line or ""))
            yield _Import(len(dots), module, tuple(names))
