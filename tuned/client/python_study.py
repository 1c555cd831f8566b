"""A `.py` study file: run under the user's interpreter, as a child that prints what it defines.

Owns that child. The file may import whatever its own environment has; nothing of it is imported here.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tuned.core.errors import InvalidInput
from tuned.core.program.interpreter import choose_interpreter
from tuned.disk import Disk
from tuned.installation import own_prefix

LIMIT = 120.0
"""Seconds within which the file must have defined its study; importing a framework can take long."""

# argv: a folder that holds `tuned` alone, the file, the descriptor to answer on. The file's output goes to stderr.
_READ = """
import json, os, runpy, sys
bundle, path, answer = sys.argv[1], sys.argv[2], int(sys.argv[3])
sys.path[0] = os.path.dirname(path)
sys.path.insert(1, bundle)
sys.argv = [path]
os.dup2(2, 1)
from tuned.sdk.definition import Study
names = runpy.run_path(path, run_name="__study__")
found = {id(v): v for k, v in names.items() if isinstance(v, Study)}
with os.fdopen(answer, "w") as out:
    json.dump([study.to_dict() for study in found.values()], out)
"""


def read_python(path: Path) -> dict[str, Any]:
    """The content of the one `tuned.Study` that the file defines.

    Args:
        path: Absolute path of the file.

    Raises:
        InvalidInput: It fails, takes too long, or does not define exactly one study.
    """
    _refuse_training_script(path)
    python, _ = choose_interpreter(
        None, base=str(path.parent), environment=os.environ, files=Disk(), own_prefix=own_prefix()
    )
    studies = _run(python, path)
    if len(studies) != 1:
        raise InvalidInput(
            f"defines {len(studies)} tuned.Study, not one" if studies else "defines no tuned.Study",
            where=str(path),
            hint="write: study = tuned.Study(...) at its top level",
        )
    return studies[0]


def _refuse_training_script(path: Path) -> None:
    """A training script given in place of a study file must not begin to train in the foreground."""
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", where=str(path)) from error
    name = shlex.quote(path.name)
    if "study" not in text.lower():
        raise InvalidInput(
            "defines no tuned.Study: it is a script, not a study file",
            where=str(path),
            hint=f"tunectl tune {name} KEY=RANGE ... tunes it, tunectl init {name} drafts a study file",
        )


def _run(python: str, path: Path) -> list[dict[str, Any]]:
    """The child's answer, read from a file so that nothing it prints can mix with it."""
    with tempfile.TemporaryDirectory(prefix="tuned-study-") as folder, tempfile.TemporaryFile("w+") as answer:
        (Path(folder) / "tuned").symlink_to(Path(__file__).absolute().parents[1])
        command = [python, "-c", _READ, folder, str(path), str(answer.fileno())]
        try:
            done = subprocess.run(
                command,
                cwd=path.parent,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[answer.fileno()],
                timeout=LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise InvalidInput(f"did not define its study within {LIMIT:g} s", where=str(path)) from error
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
            typed = shlex.join([python, path.name])
            raise InvalidInput(f"failed: {lines[-1].strip()}", where=str(path), hint=f"try: {typed}")
        answer.seek(0)
        text = answer.read()
    if not text:  # it has ended itself, with a code that says nothing is wrong
        raise InvalidInput(
            "ended before it had defined its study", where=str(path), hint="leave out sys.exit at its top level"
        )
    studies: list[dict[str, Any]] = json.loads(text)
    return studies
