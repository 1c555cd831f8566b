"""A file for the user, written whole or not at all. Owns how, and the one line when it cannot be."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from tuned.core.errors import InvalidInput


def write_whole(path: Path, text: str, where: str) -> None:
    """Write a text to a path; a file that is there already is kept until the new one is whole.

    A path that is no regular file, such as a pipe or `/dev/stdout`, is written to, never replaced.

    Args:
        path: Where to. A folder that is not there is made.
        text: All of it.
        where: The option that named the path, such as `-o`.

    Raises:
        InvalidInput: It is a folder, or cannot be written.
    """
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder", where=where, hint="name a file")
    target = Path(os.path.realpath(path))
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            path.write_text(text, encoding="utf-8")
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, text)
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error.strerror}", where=where, hint="name another path") from None


def _replace(target: Path, text: str) -> None:
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(text)
            file.flush()
            temporary.chmod(mode)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
