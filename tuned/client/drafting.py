"""A script on the disk to a draft of a study file beside it.

Owns reading the script and writing the file; what stands in it is `tuned.core.draft`'s.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Container
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tuned.client.study_source import similar_file
from tuned.core.errors import Conflict, InvalidInput, Unavailable
from tuned.core.names import study_name_of

if TYPE_CHECKING:
    from tuned.core.draft.study_text import Script

LARGEST = 4 * 2**20
"""Bytes of a script that are read; no script of a person is longer."""


def load_script(script: str, folder: Path) -> Script:
    """The facts in a script's text.

    Args:
        script: Its path, as it was typed.
        folder: Where the study file will lie: the script's path in it is relative to this.

    Raises:
        InvalidInput: It is not there, or no Python.
    """
    from tuned.core.draft.study_text import read_script
    from tuned.core.script.environment_options import environment_options
    from tuned.core.study import RunSpec
    from tuned.core.study_file.taking import options_of
    from tuned.disk import Disk

    path = Path(os.path.abspath(script))  # noqa: PTH100 - the name the user gave, links kept
    if path.is_dir():
        raise InvalidInput("is a folder, not a script", where=script)
    if not path.is_file():
        raise InvalidInput("no such file", where=script, hint=similar_file(path, (".py",)))
    if path.suffix == ".toml":
        raise InvalidInput("is a study file already", where=script, hint=f"tunectl check {shlex.quote(script)}")
    not_python = InvalidInput(
        "is not Python", where=script, hint="run another program with run.command: tunectl help study-file"
    )
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise not_python from None
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", where=script) from error
    if path.suffix != ".py" and not re.match(r"#!.*python", text):
        raise not_python
    typed = os.path.relpath(path, folder)
    read = read_script(text, str(path) if typed.startswith(os.pardir) else typed, lambda name: _beside(path, name))
    root = _root(path)
    if root != path.parent and re.search(r"^\s*from\s+\.", text, re.MULTILINE):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__main__")
        read = replace(read, module=module, cwd=os.path.relpath(root, folder))
    if not read.taken.how:
        beside = options_of(RunSpec("script", str(path), cwd=str(root), module=read.module), Disk())
        read = replace(read, taken=beside if beside.options else environment_options(text))
    return read


def _beside(script: Path, name: str) -> str | None:
    """Text of a file by its path relative to the script; None when it cannot be read."""
    try:
        with (script.parent / name).open("rb") as file:
            return file.read(LARGEST).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None


def _root(script: Path) -> Path:
    """The folder above a script's packages; its own folder when it lies in none."""
    folder = script.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def study_name(script: str) -> str:
    """A name that a study of this script may have."""
    return study_name_of(Path(script).stem) or "study"


def write_new(path: Path, text: str, *, force: bool = False) -> bool:
    """Write a file that is not there yet.

    Returns:
        False when it is there already with this very text.

    Raises:
        Conflict: It is there with other text, and `force` is not set.
        Unavailable: It cannot be written.
    """
    try:
        with path.open("w" if force else "x") as file:
            file.write(text)
    except FileExistsError:
        if path.read_text(errors="replace") == text:
            return False
        hint = "--force writes over it, -o names another"
        raise Conflict("is there already", where=str(path), hint=hint) from None
    except OSError as error:
        raise Unavailable(f"cannot be written: {error.strerror}", where=str(path)) from error
    return True


def write_under_free_name(folder: Path, name: str, text: str, taken: Container[str] = ()) -> tuple[Path, bool]:
    """Write `NAME.toml`, or `NAME-2.toml` and so on where a file of that name holds something else.

    Args:
        folder: Where the file is written.
        name: The name without its ending.
        text: Its content.
        taken: Names of studies: no new file is called so.

    Returns:
        The file, and False when it was there already with this very text.

    Raises:
        Conflict: A thousand files have such names.
        Unavailable: It cannot be written.
    """
    for i in range(1, 1000):
        candidate = name if i == 1 else f"{name}-{i}"
        path = folder / f"{candidate}.toml"
        if candidate in taken and not path.exists():
            continue
        try:
            return path, write_new(path, text)
        except Conflict:  # another text: it was there, or another process was quicker
            continue
    raise Conflict("has a thousand study files", where=str(folder), hint="name this one: --name")
