"""A study file to what is sent to the daemon.

Owns reading TOML and Python study files on the submitter's side. Whether the content makes sense the daemon says.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from tuned.core.errors import InvalidInput
from tuned.core.names import near
from tuned.wire import Submission

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def read_submission(file: str, *, name: str | None = None) -> Submission:
    """The submission that a study file means.

    Args:
        file: Path of a `.toml` or `.py` file.
        name: Overrides the study's name.

    Raises:
        InvalidInput: It is not there, or cannot be read as a study file.
    """
    path = Path(os.path.abspath(file))  # noqa: PTH100 - the name the user gave, links kept
    if path.is_dir():
        raise InvalidInput("is a folder, not a study file", where=file)
    if not path.exists():
        raise InvalidInput("no such file", where=file, hint=similar_file(path, (".toml", ".py")))
    if not path.is_file():
        raise InvalidInput("is no regular file", where=file, hint="name a study file")
    if path.suffix == ".py":
        from tuned.client.python_study import read_python

        data = read_python(path)
    elif path.suffix == ".toml":
        data = _read_toml(path, file)
    else:
        raise InvalidInput(
            "is neither .toml nor .py", where=file, hint="name your script in a study file, as run.script"
        )
    return submission_of(data, base=str(path.parent), file=str(path), name=name)


def submission_of(
    data: Mapping[str, Any], *, base: str, file: str | None = None, name: str | None = None
) -> Submission:
    """The submission of a study that is plain data already, with this process's environment.

    Raises:
        InvalidInput: A value cannot travel as JSON.
    """
    check_plain(data)
    return Submission(
        study=dict(data),
        base=base,
        environment=captured_environment(),
        file=file,
        name=name,
        stem=None if file is None else Path(file).stem,
    )


def captured_environment() -> dict[str, str]:
    """This process's environment, for the trials; what has no name, or is not UTF-8, is left out."""
    return {key: value for key, value in os.environ.items() if key and _is_text(key) and _is_text(value)}


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_toml(path: Path, shown: str) -> dict[str, Any]:
    from tuned.installation import load_toml

    try:
        return load_toml(path.read_bytes().decode())
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InvalidInput("is not UTF-8 text", where=f"{shown}:{line}") from error
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", where=shown) from error
    except ValueError as error:
        raise _malformed(str(error), shown) from error
    except RecursionError:
        raise InvalidInput("is no study file: it is nested too deeply", where=shown) from None


def _malformed(message: str, shown: str) -> InvalidInput:
    place = _PLACE.search(message)
    if place is None:
        return InvalidInput(f"is not TOML: {message}", where=shown)
    what = message[: place.start()]
    if place[1] is None:
        return InvalidInput(f"is not TOML: {what} at its end", where=shown)
    return InvalidInput(f"is not TOML: {what}", where=f"{shown}:{place[1]}:{place[2]}")


def check_plain(data: Any, where: str = "") -> None:
    """Refuse what JSON cannot carry, with the key's path.

    Raises:
        InvalidInput: A date, or a number that is not finite.
    """
    if isinstance(data, Mapping):
        for key, value in data.items():
            check_plain(value, f"{where}.{key}" if where else str(key))
    elif isinstance(data, (list, tuple)):
        for index, value in enumerate(data):
            check_plain(value, f"{where}.{index}")
    elif isinstance(data, float) and not math.isfinite(data):
        raise InvalidInput(f"{data} is not a finite number", where=where)
    elif data is not None and not isinstance(data, (str, int, float, bool)):
        raise InvalidInput(f"{type(data).__name__} is no value of a study file", where=where, hint="quote it as text")


def override(data: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a dotted path such as `search.trials` or `search.point.0.lr`, making tables on the way.

    Raises:
        InvalidInput: The path runs through something that is no table.
    """
    *parents, last = path.split(".")
    here: Any = data
    for depth, key in enumerate(parents):
        if isinstance(here, list) and key.isdigit() and int(key) < len(here):
            here = here[int(key)]
        elif isinstance(here, dict):
            here = here.setdefault(key, {})
        else:
            raise InvalidInput("is no table", where=".".join(parents[:depth]) or path)
    if isinstance(here, list) and last.isdigit() and int(last) < len(here):
        here[int(last)] = value
    elif isinstance(here, dict) and last:
        here[last] = value
    else:
        raise InvalidInput("is no table", where=".".join(parents) or path)


def toml_value(text: str) -> Any:
    """The text as a TOML value when it is one, else as a string: `80`, `true`, `[1, 2]`, `adam`.

    Raises:
        InvalidInput: It begins as a list or table does, and is none.
    """
    from tuned.installation import load_toml

    try:
        value = load_toml(f"value = {text}")
    except (ValueError, RecursionError):
        if text.lstrip()[:1] in ("[", "{"):
            raise InvalidInput(
                f"{text[:60]} is no TOML value", where="--set", hint='such as [1, 2] or { type = "bool" }'
            ) from None
        return text
    # A line break in the text could open further keys: then it is a text, not a value.
    return value["value"] if list(value) == ["value"] else text


def similar_file(path: Path, suffixes: Container[str]) -> str | None:
    """The remedy for a file that is not there: one beside it whose name is like it, but for the ending.

    None where no name is.
    """
    try:
        known = sorted(entry for entry in path.parent.iterdir() if entry.suffix in suffixes)
    except OSError:
        return "there is no such folder"
    stems = {entry.stem: entry.name for entry in sorted(known, key=lambda entry: entry.suffix == path.suffix)}
    meant = near(path.stem, stems)
    return f"did you mean {stems[meant]}?" if meant else None
