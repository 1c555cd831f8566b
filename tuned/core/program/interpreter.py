"""Which Python runs a study's trials, and why: said to the user, because a wrong one is the most common surprise.

Owns the order of the places that are looked at. Whether that Python is new enough shows when it is started.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping

from tuned.core.errors import InvalidInput
from tuned.core.files import Files

OLDEST = (3, 9)
"""The oldest Python that trials and the SDK run on."""


ON_PATH = "python3 on PATH; no virtual environment is active or near the file"
"""Why an interpreter was chosen that belongs to no environment: it may be the system's own."""


def choose_interpreter(
    python: str | None,
    *,
    base: str,
    environment: Mapping[str, str],
    files: Files,
    own_prefix: str | None = None,
) -> tuple[str, str]:
    """The interpreter and one phrase on why it was chosen.

    Args:
        python: The study file's `run.python`: a path (of an interpreter or of a virtual environment), or a program's
            name; None when it gives none.
        base: The study file's folder, absolute.
        environment: The submitter's.
        files: Where to look.
        own_prefix: `sys.prefix` of tunectl's installation, whose VIRTUAL_ENV does not count.

    Returns:
        Absolute path, symbolic links kept (they tell a virtual environment from its base), and the reason.

    Raises:
        InvalidInput: `python` is no interpreter, or there is none at all.
    """
    if python is not None:
        return _named(python, base, environment, files), "run.python names it"
    active = environment.get("VIRTUAL_ENV")
    if active and not _same_folder(active, own_prefix):
        found = _in_prefix(active, files)
        if found:
            return found, "the active virtual environment (VIRTUAL_ENV)"
    for folder in _upwards(base):
        found = _in_prefix(posixpath.join(folder, ".venv"), files)
        if found:
            return found, f"the nearest .venv, in {folder}"
    conda = environment.get("CONDA_PREFIX")
    if conda and not _is_conda_base(conda, environment, files):
        found = _in_prefix(conda, files)
        if found:
            return found, "the active conda environment (CONDA_PREFIX)"
    found = find_program("python3", environment.get("PATH", ""), files)
    if found:
        return found, ON_PATH
    raise InvalidInput("no Python was found", where="run.python", hint='name one: python = ".venv/bin/python"')


def find_program(name: str, path: str, files: Files) -> str | None:
    """The executable of that name in the folders of a PATH; relative folders are skipped."""
    for folder in path.split(":"):
        candidate = posixpath.join(folder, name)
        if folder.startswith("/") and files.is_executable(candidate):
            return candidate
    return None


def activated(
    environment: Mapping[str, str],
    python: str,
    is_file: Callable[[str], bool],
    is_dir: Callable[[str], bool],
) -> dict[str, str]:
    """The environment as it would be after activating what this interpreter belongs to.

    A trial that starts `python`, `torchrun` or `pip` by name then finds those beside its interpreter, also when another
    environment, or none, was active at submit.
    """
    env = dict(environment)
    if not python:
        return env
    folder = posixpath.dirname(python)
    prefix = posixpath.dirname(folder)
    if is_file(posixpath.join(prefix, "pyvenv.cfg")):
        env["VIRTUAL_ENV"] = prefix
        env.pop("PYTHONHOME", None)
    elif is_dir(posixpath.join(prefix, "conda-meta")):
        env["CONDA_PREFIX"] = prefix
        env["CONDA_DEFAULT_ENV"] = posixpath.basename(prefix)
        env.pop("VIRTUAL_ENV", None)
    else:
        return env
    rest = [entry for entry in env.get("PATH", "").split(":") if entry and entry != folder]
    env["PATH"] = ":".join([folder, *rest])
    return env


def _named(python: str, base: str, environment: Mapping[str, str], files: Files) -> str:
    if "/" not in python and not files.is_dir(posixpath.join(base, python)):
        found = find_program(python, environment.get("PATH", ""), files)
        if found:
            return found
        raise InvalidInput(
            f"{python!r} is not on PATH", where="run.python", hint="give a path, such as .venv/bin/python"
        )
    if python.startswith("~/"):
        python = posixpath.join(environment.get("HOME", "/"), python[2:])
    path = posixpath.normpath(posixpath.join(base, python))
    if files.is_dir(path):
        found = _in_prefix(path, files)
        if found:
            return found
        raise InvalidInput(f"{path} holds no bin/python", where="run.python", hint="name the interpreter itself")
    if files.is_executable(path):
        return path
    what = "is not executable" if files.is_file(path) else "does not exist"
    raise InvalidInput(f"{path} {what}", where="run.python", hint="paths start from the study file's folder")


def _in_prefix(prefix: str, files: Files) -> str | None:
    for name in ("python", "python3"):
        candidate = posixpath.join(prefix, "bin", name)
        if files.is_executable(candidate):
            return candidate
    return None


def _upwards(folder: str) -> Iterator[str]:
    folder = posixpath.normpath(folder)
    while True:
        yield folder
        parent = posixpath.dirname(folder)
        if parent == folder:
            return
        folder = parent


def _is_conda_base(prefix: str, environment: Mapping[str, str], files: Files) -> bool:
    """Whether it is conda's own installation; an environment may lie anywhere (`conda create --prefix`)."""
    if environment.get("CONDA_DEFAULT_ENV") == "base":
        return True
    return any(files.is_dir(posixpath.join(prefix, folder)) for folder in ("condabin", "envs"))


def _same_folder(a: str, b: str | None) -> bool:
    return b is not None and posixpath.normpath(a) == posixpath.normpath(b)
