"""A study written in Python instead of TOML.

Owns `Study`, which holds the content of a study file as plain data. Standard library alone, for it is imported under
the user's own interpreter, too.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Mapping
from typing import Any


class Study:
    """The content of a study file, section by section.

    Example::

        study = tuned.Study(
            run={"script": "train.py", "args": ["--lr", "{lr}"]},
            space={"lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True}},
            objective={"metric": "val_loss", "direction": "minimize"},
            search={"trials": 40},
        )

    Args:
        name: Name of the study; None: the file's name.
        run: The `[run]` table, or a module-level function, which stands for `{"function": "FILE:NAME"}`.
        sections: The study file's other tables and keys, e.g. `space={...}`, `objective={...}`, `search={...}`.

    Raises:
        TypeError: `run` is a function that a fresh interpreter could not find, or something is no plain data.
    """

    def __init__(self, name: Any = None, run: Any = None, **sections: Any) -> None:
        data: dict[str, Any] = {} if name is None else {"name": name}
        if callable(run):
            run = {"function": _function_path(run)}
        if run is not None:
            data["run"] = run
        data.update(sections)
        self._data = _plain(data)

    def to_dict(self) -> dict[str, Any]:
        """The content as a TOML parser would give it."""
        return dict(self._data)

    def __repr__(self) -> str:
        return f"Study({self._data.get('name')!r})"


def _function_path(function: Any) -> str:
    name = getattr(function, "__qualname__", "")
    if not name.isidentifier():
        raise TypeError(f"run: {name or function!r} is not a function of a module's top level")
    return f"{os.path.abspath(inspect.getfile(function))}:{name}"


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with tuples as lists; what JSON cannot carry is refused with its key."""
    for key, value in data.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{key}: {error}") from None
    result: dict[str, Any] = json.loads(json.dumps(data))
    return result
