"""A stand-in for the NVIDIA driver, behind the real `nvidia-ml-py`: cards with all their figures as files.

Owns its build and the writing of its folder; `nvml.c` says what the files mean.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tuned.nvidia import Look, Nvidia

LIBRARY = "libnvidia-ml.so.1"
ENV_FOLDER = "STANDIN_GPUS"
GIB = 2**30
LOST = 15
"""The driver's number for "GPU is lost"."""

_SOURCE = Path(__file__).with_name("nvml.c")


@cache
def library() -> Path:
    """The built library; the test is skipped where nothing can build it."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (cc) to build the stand-in for the NVIDIA driver with")
    name = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"tuned-standin-{os.getuid()}-{name}"
    if not (folder / LIBRARY).exists():
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as made:
            built = Path(made) / LIBRARY
            flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-Wl,-soname,{LIBRARY}"]
            subprocess.run([compiler, *flags, "-o", str(built), str(_SOURCE)], check=True)
            built.replace(folder / LIBRARY)
    return folder / LIBRARY


class NoDriver(Nvidia):
    """A machine without cards, whatever machine the tests run on."""

    def look(self) -> Look:
        return Look()


class Cards:
    """A machine's cards.

    Args:
        folder: Where they are described; made here.
        cards: The figures of each, by the names of `nvml.c`; identity and memory are filled in.
        driver: The driver's version.
    """

    def __init__(self, folder: Path, *cards: Mapping[str, Any], driver: str = "570.1") -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for number, card in enumerate(cards):
            known = {"uuid": f"GPU-{number}", "name": "H100", "bus": f"0000:{number:02}:00.0", "utilisation": 0}
            self.set(number, **{**known, "memory_total": 80 * GIB, **card})
        self.load(driver)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a process that is to see these cards."""
        return {ENV_FOLDER: str(self.folder), "LD_LIBRARY_PATH": str(library().parent)}

    def here(self, monkeypatch: pytest.MonkeyPatch) -> Cards:
        """Show them to this process, too."""
        ctypes.CDLL(str(library()))  # the loader finds it by its name from now on
        monkeypatch.setenv(ENV_FOLDER, str(self.folder))
        return self

    def load(self, driver: str | None) -> None:
        """Load the driver in this version; None: unload it."""
        self._write(self.folder / "driver", driver)

    def set(
        self,
        number: int,
        processes: Mapping[int, int | None] | None = None,
        busy: Mapping[int, int] | None = None,
        **figures: Any,
    ) -> None:
        """Change figures of a card; None takes one away.

        Args:
            number: The card.
            processes: Process id -> bytes, None where none are said.
            busy: Process id -> per cent of the time, of some of them.
            figures: By the names of `nvml.c`.
        """
        folder = self.folder / str(number)
        folder.mkdir(exist_ok=True)
        if processes is not None:
            share = busy or {}
            lines = (f"{pid} {'-' if size is None else size} {share.get(pid, '')}\n" for pid, size in processes.items())
            figures = {**figures, "processes": "".join(lines)}
        for name, value in figures.items():
            self._write(folder / name, value)

    def cut(self, number: int, *instances: Mapping[str, Any]) -> None:
        """Cut a card into instances with these figures; none makes it whole again."""
        shutil.rmtree(self.folder / str(number) / "mig", ignore_errors=True)
        for place, figures in enumerate(instances):
            folder = self.folder / str(number) / "mig" / str(place)
            folder.mkdir(parents=True)
            for name, value in figures.items():
                self._write(folder / name, value)

    @staticmethod
    def _write(path: Path, value: object) -> None:
        if value is None:
            path.unlink(missing_ok=True)
            return
        whole = path.with_name(f".{path.name}")
        whole.write_text(str(value))
        whole.replace(path)
