"""Calls back when a module has just been imported for the first time, with the seconds that it took.

Owns one entry of `sys.meta_path`, for as long as anything is waited for. The loaders of the modules stay what they are.
"""

from __future__ import annotations

import sys
import time
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional, Sequence

Callback = Callable[[float], None]


class ImportHook:
    """The functions to call after imports."""

    def __init__(self) -> None:
        self._waiting: Dict[str, List[Callback]] = {}

    def after(self, name: str, callback: Callback) -> None:
        """Call `callback(seconds)` once, when `name` has been imported; seconds include what it imported itself."""
        self._waiting.setdefault(name, []).append(callback)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        """Part of the import system: the spec that the other finders give, with a loader that takes the time."""
        if name not in self._waiting:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _TimedLoader(spec.loader, self)  # type: ignore[assignment]
                return spec
        return None

    def _imported(self, name: str, seconds: float) -> None:
        callbacks = self._waiting.pop(name, ())
        if not self._waiting and self in sys.meta_path:
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
        began = time.perf_counter()
        self._loader.exec_module(module)
        self._hook._imported(module.__name__, time.perf_counter() - began)
