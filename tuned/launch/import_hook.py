"""Calls back when a module has just been imported for the first time, with the seconds that it took.

Owns one entry of `sys.meta_path`, for as long as anything is waited for. The loaders of the modules stay what they are.
"""

from __future__ import annotations

import os
import sys
import time
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable, Dict, FrozenSet, List, Optional, Sequence

Callback = Callable[[float], None]
_PACKAGES = ("site-packages", "dist-packages")

_STANDARD: FrozenSet[str] = getattr(sys, "stdlib_module_names", frozenset())
"""Python's own modules; before 3.10 nobody says which they are."""


class ImportHook:
    """The functions to call after imports."""

    def __init__(self) -> None:
        self._waiting: Dict[str, List[Callback]] = {}
        self._except: Optional[Sequence[str]] = None
        self._within: List[float] = []
        """Of the imports that are under way, the seconds that timed imports within them took."""
        self.times: Dict[str, float] = {}

    def take_times(self, own: Sequence[str]) -> None:
        """From now on note in `times` how long each package takes that is no part of Python, less those it imports.

        Args:
            own: Folders of code that is not worth noting: it changes, or is ours.
        """
        if not _STANDARD:
            return
        self._except = [os.path.join(os.path.realpath(folder), "") for folder in own]
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def after(self, name: str, callback: Callback) -> None:
        """Call `callback(seconds)` once, when `name` has been imported; seconds include what it imported itself."""
        self._waiting.setdefault(name, []).append(callback)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        """Part of the import system: the spec that the other finders give, with a loader that takes the time."""
        if name not in self._waiting and not self._is_timed(name):
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module") and (name in self._waiting or not self._is_own(spec)):
                    spec.loader = _TimedLoader(spec.loader, self)  # type: ignore[assignment]
                return spec
        return None

    def _is_timed(self, name: str) -> bool:
        return self._except is not None and "." not in name and name not in _STANDARD

    def _is_own(self, spec: ModuleSpec) -> bool:
        if spec.origin is None:
            return True
        # A virtual environment often lies in the script's folder.
        own = os.path.realpath(spec.origin).startswith(tuple(self._except or ()))
        return own and not any("%s%s%s" % (os.sep, name, os.sep) in spec.origin for name in _PACKAGES)

    def begin(self) -> None:
        """An import begins."""
        self._within.append(0.0)

    def end(self, name: str, seconds: float, whole: bool) -> None:
        """It has ended; `whole`: without an error."""
        inner = self._within.pop()
        if self._within:
            self._within[-1] += seconds
        if self._is_timed(name):
            self.times[name] = max(0.0, seconds - inner)
        if whole:
            self._imported(name, seconds)

    def _imported(self, name: str, seconds: float) -> None:
        callbacks = self._waiting.pop(name, ())
        if not self._waiting and self._except is None and self in sys.meta_path:
            sys.meta_path.remove(self)
        for callback in callbacks:
            callback(seconds)


class _TimedLoader:
    """Stands in for a loader until the module's code runs."""

    def __init__(self, loader: Any, hook: ImportHook) -> None:
        self._loader = loader
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        module: Optional[ModuleType] = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        began, whole = time.perf_counter(), False
        self._hook.begin()
        try:
            self._loader.exec_module(module)
            whole = True
        finally:
            self._hook.end(module.__name__, time.perf_counter() - began, whole)
