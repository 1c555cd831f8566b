"""`init_from`: checkpoints as values of the space, of files and of other studies' trials.

Owns the spelling (`file:PATH`, `study:NAME/best`, `study:NAME/7`; other values mean what the code makes of them) and
the checks that need no database.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from tuned.core.errors import InvalidInput
from tuned.core.files import Files
from tuned.core.space import Point, SearchSpace, Value

PARAMETER = "init_from"
FILE, STUDY = "file:", "study:"
_HINT = 'write "none", "file:big.pt", "study:similar/best" or "study:similar/7"'


@dataclass(frozen=True, slots=True)
class Source:
    """A value of `init_from` that names a trial: its study, and its number; None: the best."""

    value: str
    study: str
    number: int | None


def sources_of(space: SearchSpace) -> list[str]:
    """The values of `init_from` that name a checkpoint; none where the study has no such choice."""
    if PARAMETER not in space.names or space[PARAMETER].kind not in ("choice", "fixed"):
        return []
    return [v for v in space[PARAMETER].values if isinstance(v, str) and v.startswith((FILE, STUDY))]


def files_of(space: SearchSpace, base: str, files: Files) -> dict[str, str]:
    """Value -> absolute path, for those that name files.

    Raises:
        InvalidInput: There is no such file, or a value names no trial.
    """
    where = f"space.{PARAMETER}"
    found = {}
    for value in sources_of(space):
        if value.startswith(STUDY):
            study_source(value)
            continue
        path = posixpath.normpath(posixpath.join(base, value.removeprefix(FILE)))
        if not files.is_file(path) and not files.is_dir(path):
            raise InvalidInput(f"there is no {path}", where=where, hint="paths start from the study file's folder")
        found[value] = path
    return found


def study_source(value: str) -> Source:
    """The trial that a value names.

    Raises:
        InvalidInput: It names none.
    """
    name, slash, which = value.removeprefix(STUDY).partition("/")
    if not name or not slash or not (which == "best" or which.isdigit()):
        raise InvalidInput(f"{value!r} names no trial", where=f"space.{PARAMETER}", hint=_HINT)
    return Source(value, name, None if which == "best" else int(which))


def with_checkpoint(params: Point, paths: Mapping[str, str]) -> Point:
    """A trial's parameters as its code gets them: the path of the checkpoint in the place of its name."""
    value: Value | None = params.get(PARAMETER)
    if not isinstance(value, str) or value not in paths:
        return params
    return {**params, PARAMETER: paths[value]}
