"""The SDK in somebody else's environment: copied there, listed by pip, and taken away again.

Owns what belongs to the copy: the SDK and the client, standard library alone. An environment that has another package
called `tuned` is left as it is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tuned
from tuned.core.errors import Conflict, InvalidInput, Unavailable
from tuned.core.program.interpreter import OLDEST
from tuned.installation import NOTE
from tuned.version import VERSION

FOLDERS = ("sdk", "integrations", "client", "core", "core/trials", "wire")
LEFT_OUT = frozenset({"aio.py", "sdk_copy.py"})
DIST = "tuned_hpo_sdk"

_ASK = """
import importlib.util, json, sys, sysconfig
spec = importlib.util.find_spec("tuned")
there = list(spec.submodule_search_locations or [spec.origin or ""]) if spec else []
print(json.dumps([list(sys.version_info[:3]), sysconfig.get_path("purelib"), sys.prefix, there]))
"""


@dataclass(frozen=True)
class Copy:
    """A copy: the interpreter that finds it, the folder that holds it, and whether anything was changed."""

    python: str
    folder: Path
    changed: bool


def add(python: str) -> Copy:
    """Copy the SDK to where an interpreter looks for packages; a copy that is there is replaced.

    Args:
        python: Absolute path of the interpreter.

    Raises:
        InvalidInput: It is too old, or has all of tuned already.
        Conflict: Another package is called `tuned` there.
        Unavailable: The folder cannot be written.
    """
    folder, known = _site_packages(python)
    target, dist = folder / "tuned", _dist(folder)
    strangers = [place for place in (*known, target) if place.exists() and not (place / NOTE).is_file()]
    if strangers:
        raise Conflict(
            f"{python} has another package called tuned",
            where=str(strangers[0]),
            hint="uninstall it there, or name another environment: --python",
        )
    try:
        files = _write(target, dist, folder)
    except OSError as error:
        raise Unavailable(f"cannot be written: {error.strerror}", where=str(folder)) from error
    (dist / "RECORD").write_text("".join(f"{name},,\n" for name in files))
    return Copy(python, folder, True)


def remove(python: str) -> Copy:
    """Take the copy away; without one nothing changes.

    Raises:
        Unavailable: It cannot be removed.
    """
    folder, _ = _site_packages(python)
    there = (folder / "tuned" / NOTE).is_file()
    try:
        if there:
            shutil.rmtree(folder / "tuned")
        for dist in folder.glob(f"{DIST}-*.dist-info"):
            shutil.rmtree(dist)
    except OSError as error:
        raise Unavailable(f"cannot be removed: {error.strerror}", where=str(folder)) from error
    return Copy(python, folder, there)


def _site_packages(python: str) -> tuple[Path, list[Path]]:
    """Where an interpreter looks for packages, and where it would import `tuned` from."""
    try:
        done = subprocess.run(
            [python, "-I", "-c", _ASK], capture_output=True, text=True, check=True, timeout=60, stdin=subprocess.DEVNULL
        )
        version, folder, prefix, known = json.loads(done.stdout.strip().rpartition("\n")[2])
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise InvalidInput("does not run", where=python, hint="name another interpreter: --python") from error
    if tuple(version) < OLDEST:
        shown = ".".join(str(part) for part in version)
        raise InvalidInput(f"is Python {shown}; the SDK needs {'.'.join(map(str, OLDEST))} or newer", where=python)
    if os.path.realpath(prefix) == os.path.realpath(sys.prefix):
        raise InvalidInput("is tunectl's own environment, which has all of tuned", where=python)
    return Path(folder), [Path(place) for place in known]


def _dist(folder: Path) -> Path:
    return folder / f"{DIST}-{VERSION}.dist-info"


def _write(target: Path, dist: Path, folder: Path) -> list[str]:
    """Put a whole new copy beside the old one, and exchange them; the names of its files below `folder`."""
    new = folder / f".tuned-new-{os.getpid()}"
    shutil.rmtree(new, ignore_errors=True)
    package = Path(next(iter(tuned.__path__)))
    try:
        for name in names(package):
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package / name, new / name)
        (new / NOTE).write_text(json.dumps({"python": sys.executable, "prefix": sys.prefix, "version": VERSION}))
        shutil.rmtree(target, ignore_errors=True)
        new.rename(target)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    for old in folder.glob(f"{DIST}-*.dist-info"):
        shutil.rmtree(old)
    dist.mkdir()
    (dist / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: tuned-hpo-sdk\nVersion: {VERSION}\n"
        "Summary: What a training script imports of tuned; put here by `tunectl sdk`\nRequires-Python: >=3.9\n"
    )
    (dist / "INSTALLER").write_text("tunectl\n")
    own = [f"{dist.name}/{name}" for name in ("METADATA", "INSTALLER", "RECORD")]
    return [str(path.relative_to(folder)) for path in sorted(target.rglob("*")) if path.is_file()] + own


def names(package: Path) -> Iterator[str]:
    """Paths within the package of what belongs to the copy."""
    yield from sorted(path.name for path in package.glob("*.py"))
    for folder in FOLDERS:
        found = (path for path in sorted((package / folder).rglob("*.py")) if path.name not in LEFT_OUT)
        yield from (path.relative_to(package).as_posix() for path in found)
