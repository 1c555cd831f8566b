"""Entry of the launcher: `python -u <bundle>/tuned/launch/__main__.py`.

Owns the bottom of the stack: a warm trial unwinds to here, runs the user's code, and leaves through the interpreter's
own shutdown. Nothing else may live here: these frames stay below the user's for the whole trial.
"""

from __future__ import annotations

import sys

_AT_START = frozenset(sys.modules)

import os  # noqa: E402

from typing import TYPE_CHECKING, Optional  # noqa: E402  isort:skip

if TYPE_CHECKING:
    from tuned.launch.program import Program


def _serve() -> Optional[Program]:
    """Import our own code from the bundle without leaving a trace of it on `sys.path`, and serve."""
    folder = os.path.dirname(os.path.abspath(__file__))
    bundle = os.path.dirname(os.path.dirname(folder))
    if sys.path and os.path.abspath(sys.path[0]) == folder:
        del sys.path[0]
    sys.path.insert(0, bundle)
    from tuned.launch import launcher

    sys.path.remove(bundle)
    return launcher.serve(bundle, _AT_START)


if __name__ == "__main__":
    _program = _serve()
    if _program is not None:
        _program.run()
