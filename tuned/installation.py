"""Where tunectl's own interpreter is: this one, or the one that put this copy into another environment.

`tunectl sdk` copies the SDK and the client into an environment and leaves a note beside them; scripts there then start
the daemon with tunectl's interpreter, never with its own. The wheel of the SDK has no such note.
Python 3.9, standard library alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

NOTE = "installation.json"
"""File beside this module in a copy: `python` and `prefix` of tunectl's environment, and its `version`."""


def note() -> dict[str, str]:
    """The copy's record of tunectl's installation; empty in the installation itself."""
    try:
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), NOTE), encoding="utf-8") as file:  # noqa: PTH118, PTH120, PTH100
            found: dict[str, str] = json.load(file)
    except (OSError, ValueError):
        return {}
    return found


def own_python() -> str:
    """The interpreter that has all of tuned: the note's, else that of the `tunectl` that is found, else this one."""
    return note().get("python") or _of_tunectl() or sys.executable


def _of_tunectl() -> str:
    """The interpreter beside the `tunectl` of this user, for an SDK that pip installed; empty for anything else."""
    if os.path.isdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "daemon")):  # noqa: PTH112, PTH118, PTH120, PTH100
        return ""
    link = shutil.which("tunectl") or os.path.expanduser("~/.local/bin/tunectl")  # noqa: PTH111
    python = os.path.join(os.path.dirname(os.path.realpath(link)), "python")  # noqa: PTH118, PTH120
    return python if os.path.exists(python) else ""  # noqa: PTH110


def own_prefix() -> str:
    """`sys.prefix` of that interpreter."""
    return note().get("prefix") or sys.prefix


def load_toml(text: str) -> dict[str, Any]:
    """The content of a TOML document.

    Raises:
        ValueError: It is malformed, with TOML's own words; or nothing here can read TOML.
    """
    try:
        import tomllib
    except ImportError:  # before Python 3.11 it is tunectl's interpreter that can
        return _load_elsewhere(text)
    return tomllib.loads(text)


_LOAD = """
import json, sys, tomllib
try:
    print(json.dumps(["", tomllib.loads(sys.stdin.buffer.read().decode())], default=repr))
except ValueError as error:
    print(json.dumps([str(error), {}]))
"""


def _load_elsewhere(text: str) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [own_python(), "-I", "-c", _LOAD], input=text.encode(), capture_output=True, timeout=30, check=True
        )
        trouble, content = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise ValueError("this Python cannot read TOML, and tunectl's does not answer") from error
    if trouble:
        raise ValueError(trouble)
    loaded: dict[str, Any] = content
    return loaded
