"""The variables that a script sets in its own environment before it imports a library, read from its text.

Libraries read such variables while they are imported. A launcher that imports them ahead sets what the script would
have set; where that cannot be told, nothing is imported ahead. Owns that reading. Pure.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tuned.core.files import Files
from tuned.core.parsing import parsed
from tuned.core.program.import_names import beside, imported
from tuned.core.script.literals import UNKNOWN, called, constants_of, keywords, value_of

_LATE = ("WANDB_", "MASTER_", "NCCL_", "PYTHON")
_LATE_NAMES = frozenset(
    {
        "CUDA_VISIBLE_DEVICES",
        "CUDA_DEVICE_ORDER",
        "CUDA_LAUNCH_BLOCKING",
        "CUBLAS_WORKSPACE_CONFIG",
        "PYTORCH_CUDA_ALLOC_CONF",
        "PYTORCH_ALLOC_CONF",
        "PYTORCH_ENABLE_MPS_FALLBACK",
        "TF_CPP_MIN_LOG_LEVEL",
        "TOKENIZERS_PARALLELISM",
        "RANK",
        "LOCAL_RANK",
        "WORLD_SIZE",
    }
)
"""Variables that are read when they are used, or at an interpreter's start: an import ahead is none the wiser."""
_ENVIRON = ("os.environ", "environ")
_PUT = ("os.putenv", "putenv")
_LOADERS = ("load_dotenv", "dotenv.load_dotenv")
_MOST_FILES = 20


@dataclass
class OwnEnvironment:
    """The variables set above the imports.

    Attributes:
        values: Name -> value; None: taken out.
        defaults: The same, of those that are set only where they are not set yet.
        unknown: Why it cannot be told, for people; empty where it can.
    """

    values: dict[str, str | None] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    unknown: str = ""

    def over(self, environment: Mapping[str, str]) -> dict[str, str | None]:
        """The changes of an environment, in the script's order as far as it matters."""
        missing = {name: value for name, value in self.defaults.items() if name not in environment}
        return {**missing, **self.values}


def read(script: str, files: Files, ahead: Iterable[str]) -> OwnEnvironment:
    """The variables that a script, and its own modules, set before the first import of a library.

    Args:
        script: Absolute path.
        files: Where it can be read.
        ahead: The modules that are to be imported ahead.
    """
    reading = _Reading(posixpath.dirname(script), files, {name.partition(".")[0] for name in ahead})
    reading.file(script)
    return reading.found


class _Reading:
    def __init__(self, folder: str, files: Files, ahead: set[str]) -> None:
        self._folder = folder
        self._files = files
        self._ahead = ahead
        self._read: set[str] = set()
        self._imported = False
        self._between = ""
        """The first variable set after the first of the libraries, in case another one follows."""
        self.found = OwnEnvironment()

    def file(self, path: str) -> None:
        if path in self._read or len(self._read) >= _MOST_FILES:
            return
        self._read.add(path)
        try:
            tree = parsed(self._files.read_text(path))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return
        _Body(self, posixpath.basename(path), tree).run(tree.body)

    def meets(self, name: str) -> None:
        """An import of this name."""
        top = name.partition(".")[0]
        own = beside(name, self._folder, self._files) or beside(top, self._folder, self._files)
        if own:
            self.file(own)
        elif top in self._ahead or top in _BRINGING:
            if self._between and not self.found.unknown:
                self.found.unknown = f"{self._between} between imports of libraries"
            self._imported = True

    def sets(self, name: str, value: object, where: str, default: bool = False) -> None:
        """A variable that is set, or, with None, taken out."""
        if name.startswith(_LATE) or name in _LATE_NAMES:
            return
        if self._imported:
            self._between = self._between or f"{where} sets {name}"
        elif value is UNKNOWN or not isinstance(value, str | None):
            self.cannot_tell(f"{where} sets {name or 'a variable'} to what only running it tells")
        elif default and isinstance(value, str):
            if name not in self.found.values:
                self.found.defaults.setdefault(name, value)
        else:
            self.found.values[name] = value

    def cannot_tell(self, why: str) -> None:
        if not self._imported and not self.found.unknown:
            self.found.unknown = f"{why}, above its imports"


_BRINGING = frozenset(
    {"lightning", "pytorch_lightning", "transformers", "timm", "accelerate", "keras", "datasets", "stable_baselines3"}
)
"""Libraries that import others of those that are imported ahead."""


class _Body:
    """The statements of one file, in their order."""

    def __init__(self, reading: _Reading, file: str, tree: ast.Module) -> None:
        self._reading = reading
        self._file = file
        self._constants = constants_of(tree)
        self._setters = {
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(map(_touches, ast.walk(node)))
        }

    def run(self, body: Iterable[ast.stmt]) -> None:
        for node in body:
            where = f"line {node.lineno} of {self._file}"
            if isinstance(node, ast.Import | ast.ImportFrom | ast.Try | ast.With) and not _touches_below(node):
                for name in imported([node]):
                    self._reading.meets(name)
            elif isinstance(node, ast.Try | ast.With) or _is_main(node):
                self.run(node.body)  # type: ignore[attr-defined]
            elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Delete | ast.Expr):
                self._simple(node, where)
            elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and _touches_below(node):
                self._maybe(node, where)

    def _maybe(self, node: ast.stmt, where: str) -> None:
        """A condition or a loop, which may run or not."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.Subscript | ast.Call) and _touches(inner):
                name = _named(inner, self._constants)
                self._reading.sets(name, UNKNOWN, where)

    def _simple(self, node: ast.stmt, where: str) -> None:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and _is_item(node.targets[0]):
            self._set(node.targets[0].slice, node.value, where)  # type: ignore[attr-defined]
        elif isinstance(node, ast.Delete):
            for target in filter(_is_item, node.targets):
                self._reading.sets(self._name(target.slice), None, where)  # type: ignore[attr-defined]
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.expr) and _is_environ(node.target):
            self._update(node.value, where)
        elif isinstance(node, ast.Expr | ast.Assign) and isinstance(node.value, ast.Call):
            self._call(node.value, where)

    def _call(self, call: ast.Call, where: str) -> None:
        name, args = called(call), call.args
        owner, _, method = name.rpartition(".")
        if owner in _ENVIRON and method in ("setdefault", "pop") and args:
            value: object = None if method == "pop" else self._text(args[1] if len(args) > 1 else None)
            self._reading.sets(self._name(args[0]), value, where, default=method == "setdefault")
        elif owner in _ENVIRON and method == "update":
            for argument in args:
                self._update(argument, where)
            for word, node in keywords(call).items():
                self._reading.sets(word, self._text(node), where)
        elif owner in _ENVIRON and method == "clear":
            self._reading.cannot_tell(f"{where} clears the environment")
        elif name in _PUT and len(args) == 2:
            self._set(args[0], args[1], where)
        elif name in _LOADERS or name in self._setters:
            self._reading.cannot_tell(f"{where} calls {name}, which sets variables")

    def _set(self, key: ast.expr, value: ast.expr, where: str) -> None:
        self._reading.sets(self._name(key), self._text(value), where)

    def _update(self, node: ast.expr, where: str) -> None:
        known = value_of(node, self._constants)
        if not isinstance(known, dict):
            self._reading.sets("", UNKNOWN, where)
            return
        for name, value in known.items():
            self._reading.sets(str(name), value if isinstance(value, str) else UNKNOWN, where)

    def _name(self, node: ast.expr) -> str:
        value = value_of(node, self._constants)
        return value if isinstance(value, str) else ""

    def _text(self, node: ast.expr | None) -> object:
        """The text that an expression gives; `str(4)` is one, too."""
        if isinstance(node, ast.Call) and called(node) == "str" and len(node.args) == 1:
            value = value_of(node.args[0], self._constants)
            return str(value) if isinstance(value, str | int | float) else UNKNOWN
        value = value_of(node, self._constants, UNKNOWN)
        return value if isinstance(value, str) else UNKNOWN


def _is_main(node: ast.stmt) -> bool:
    """`if __name__ == "__main__":`"""
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("__name__ == '__main__'", "'__main__' == __name__")


def _is_environ(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute | ast.Name) and called(ast.Call(node, [], [])) in _ENVIRON


def _is_item(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and _is_environ(node.value)


def _touches(node: ast.AST) -> bool:
    """Whether this expression changes the environment, if it is run."""
    if isinstance(node, ast.Subscript):
        return _is_item(node) and isinstance(node.ctx, ast.Store | ast.Del)
    if isinstance(node, ast.AugAssign):
        return _is_environ(node.target)
    if not isinstance(node, ast.Call):
        return False
    owner, _, method = called(node).rpartition(".")
    changes = owner in _ENVIRON and method in ("setdefault", "update", "pop", "clear")
    return changes or called(node) in _PUT or called(node) in _LOADERS


def _touches_below(node: ast.AST) -> bool:
    return any(map(_touches, ast.walk(node)))


def _named(node: ast.AST, constants: dict[str, object]) -> str:
    key = node.slice if isinstance(node, ast.Subscript) else next(iter(getattr(node, "args", ())), None)
    value = value_of(key, constants)
    return value if isinstance(value, str) else ""
