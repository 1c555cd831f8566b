"""The console script: makes sure that our own packages are imported, then runs the command line.

Owns the guard alone, and imports nothing before it has looked. A user's project may hold a `storage/`, `tui/` or
`tuned/` of its own and put it on PYTHONPATH; then the script is run again without the user's paths.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder

PACKAGES = ("tuned", "storage", "tui")


def main() -> None:
    """Run `tunectl` and exit with its code."""
    stranger = shadowing_package()
    if stranger is not None:
        if sys.flags.isolated:
            sys.stderr.write(f"tunectl: {stranger} shadows a package of this installation (install tunectl again)\n")
            sys.exit(1)
        os.execv(sys.executable, [sys.executable, "-I", "-m", "tuned.cli", *sys.argv[1:]])
    from tuned.cli.run import run

    sys.exit(run(sys.argv[1:]))


def shadowing_package() -> str | None:
    """Where a package of ours would be imported from, when that is not beside the others; None when all is well."""
    own = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    for name in PACKAGES:
        spec = PathFinder.find_spec(name)
        places = list(spec.submodule_search_locations or [spec.origin or ""]) if spec is not None else []
        expected = os.path.join(own, name)  # noqa: PTH118 - pathlib would be imported for this alone
        if places and os.path.realpath(places[0]) != os.path.realpath(expected):
            return places[0]
    return None
