"""Whether the interpreter that was chosen has what a script imports: asked before the night, not found out in it.

Owns that question to the interpreter. Nothing is imported: the interpreter only looks where each module lies.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

PATIENCE = 30.0

# argv: the script's folder, then module names. Answers with those that are not there.
_ASK = """
import importlib.util, json, sys
sys.path.insert(0, sys.argv[1])
def there(name):
    try:
        return name in sys.builtin_module_names or importlib.util.find_spec(name) is not None
    except Exception:
        return True
print("\\n" + json.dumps([name for name in sys.argv[2:] if not there(name)]))
"""


def missing_imports(python: str, script: Path, environment: Mapping[str, str] | None = None) -> list[str]:
    """Modules that a script imports at its top and the interpreter does not have; empty when it cannot be told.

    Args:
        python: Absolute path of the interpreter.
        script: Absolute path of the script.
        environment: The study's changes of this process's environment.
    """
    try:
        text = script.read_bytes()
        names = sorted(set(_imported(ast.parse(text))) - {"tuned", "__future__"})
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
    if not names or b"sys.path" in text or b"addsitedir" in text:  # then only running it tells
        return []
    return _ask(python, script, names, {**os.environ, **(environment or {})})


def _ask(python: str, script: Path, names: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    command = [python, "-c", _ASK, str(script.parent), *names]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
            env=dict(environment),
        )
        missing: list[str] = json.loads(done.stdout.strip().rpartition("\n")[2])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return []
    return missing


def _imported(tree: ast.Module) -> Iterator[str]:
    """Top-level packages that the module cannot do without: not those within `try`, `if` or a function."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
