"""Import paths of a trial that runs in a copy of the user's code: what pointed into the tree points into the copy.

Owns that translation for `sys.path`, `PYTHONPATH` and packages installed in editable mode. A path that the copy does
not have, such as a virtual environment inside the tree, stays what it is.
"""

from __future__ import annotations

import os
import sys
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional


class Copy(NamedTuple):
    """The tree and the folder of the trial that was made from it; both absolute."""

    tree: str
    work: str


def copy_of(spec: Mapping[str, object], work: str) -> Optional[Copy]:
    """The copy that a trial runs in; None when it runs in the tree itself."""
    tree = spec.get("tree")
    return Copy(os.path.realpath(str(tree)), work) if tree else None


def moved(path: str, copy: Copy) -> str:
    """The path within the copy, where there is one."""
    real = os.path.realpath(path)
    if real != copy.tree and not real.startswith(copy.tree.rstrip(os.sep) + os.sep):
        return path
    inside = os.path.normpath(os.path.join(copy.work, os.path.relpath(real, copy.tree)))
    return inside if os.path.exists(inside) else path


def moved_all(paths: Iterable[str], copy: Copy) -> List[str]:
    """All of them, in their order."""
    return [moved(path, copy) if path else path for path in paths]


def extra(copy: Copy) -> List[str]:
    """Folders of the copy that a fresh interpreter would not look into: from `.pth` files and editable installs."""
    named = [path for path in sys.path if path]
    for name, module in list(sys.modules.items()):
        if name.startswith("__editable__") and name.endswith("_finder"):
            mapping: Dict[str, str] = getattr(module, "MAPPING", {})
            named += [os.path.dirname(path) for path in mapping.values()]
    found = []
    for path in named:
        inside = moved(path, copy)
        if inside != path and inside not in found:
            found.append(inside)
    return found


def preloaded_from(tree: Optional[str], names: Iterable[str]) -> Optional[str]:
    """The first of these imported modules that comes from the tree itself; None without a tree."""
    if not tree:
        return None
    real = os.path.realpath(tree) + os.sep
    for name in names:
        path = getattr(sys.modules.get(name), "__file__", None) or ""
        if os.path.realpath(path).startswith(real) and "site-packages" not in path:
            return name
    return None
