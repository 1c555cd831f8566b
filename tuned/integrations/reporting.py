"""The common part of the callbacks: the trial, the numbers in a library's logs, and the class made on demand.

Owns nothing of any library.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, Dict, Mapping, Optional, Sequence

from tuned.sdk import Trial, current_trial
from tuned.sdk.metrics import clean_value


def numbers(logged: Optional[Mapping[str, Any]], only: Optional[Sequence[str]] = None) -> Dict[str, Any]:
    """The metrics among what was logged: single numbers with a free name.

    Args:
        logged: Name -> whatever the library put there.
        only: Names to look at; None: all.
    """
    found = {}
    for name, value in (logged or {}).items():
        if isinstance(value, bool) or (only is not None and name not in only):
            continue
        try:
            found[name] = clean_value(name, value)
        except ValueError:
            continue
    return found


class Reporter:
    """Reports to the trial that this process runs, which is found when it is first needed."""

    def __init__(self, metrics: Optional[Sequence[str]] = None) -> None:
        self._metrics = metrics

    @property
    def trial(self) -> Trial:
        """The trial; outside of a daemon one that prints."""
        return current_trial()

    def report(self, step: int, logged: Optional[Mapping[str, Any]]) -> None:
        """Report the numbers among what was logged, if there are any."""
        found = numbers(logged, self._metrics)
        if found:
            self.trial.report(step=step, metrics=found)


def first_importable(names: Sequence[str]) -> Any:
    """The first of these modules that the script uses already, else the first that can be imported.

    Raises:
        ImportError: None can; the message names them.
    """
    for name in names:
        if sys.modules.get(name) is not None:
            return sys.modules[name]
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError("none of %s is installed in this environment" % ", ".join(names))


def make_class(module: str, hooks: type, base: type) -> type:
    """The callback class: our hooks in front of the library's base, picklable under the name that users import."""
    names = {"__module__": module, "__qualname__": "TunedCallback", "__doc__": hooks.__doc__}
    return type("TunedCallback", (hooks, base), names)
