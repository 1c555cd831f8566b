"""A library that is preloaded into a process to have SQLite's own input and output fail (`bad_disk.c` says how)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


def build(folder: Path) -> Path | None:
    """The library; None where there is no C compiler."""
    if shutil.which("cc") is None:
        return None
    library = folder / "bad_disk.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    return library
