"""The names that a file imports at its top, and the files beside a script that they mean. Pure."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator, Sequence

from tuned.core.files import Files


def beside(name: str, folder: str, files: Files) -> str:
    """The file beside the script that an import means; empty when it means something installed."""
    base = posixpath.join(folder, *name.split("."))
    for path in (f"{base}.py", posixpath.join(base, "__init__.py")):
        if files.is_file(path):
            return path
    return ""


def imported(body: Sequence[ast.stmt]) -> Iterator[str]:
    """Absolute names; what stands within functions and conditions may never be imported."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif isinstance(node, ast.Try | ast.With):
            yield from imported(node.body)
