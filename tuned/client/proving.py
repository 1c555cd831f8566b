"""Whether a script's own parser gets the values that would be recorded: asked of the parser itself.

Owns that question to the interpreter. The script runs until `argparse` has parsed its arguments, or until it has
overwritten its globals by them, and no further.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuned.core.script.global_options import overwritten_at
from tuned.core.space import Point
from tuned.core.trials.last_words import last_error_line

PATIENCE = 120.0
"""Seconds for the imports above a parser."""

# argv: the file to answer into, names as JSON, how the program is begun, its file or module, then its arguments. Python
# 3.9 or newer. `argparse` is asked whenever it has parsed; a script that overwrites its globals runs up to there.
_PROBE = """
import argparse, ast, json, os, runpy, sys, types
answer, wanted, how, program = sys.argv[1], set(json.loads(sys.argv[2])), sys.argv[3], sys.argv[4]
sys.argv = sys.argv[4:]
def tell(found, last):
    seen = {name: found[name] for name in wanted & set(found)}
    if seen or last:
        with open(answer, "w") as file:
            json.dump(seen, file, default=repr)
        sys.stdout.flush()
        os._exit(0)
depth = [0]
def watched(method, last):
    def parse(self, *args, **kwargs):
        depth[0] += 1
        try:
            result = method(self, *args, **kwargs)
        finally:
            depth[0] -= 1
        if depth[0] == 0:
            tell(vars(result[0] if isinstance(result, tuple) else result), last)
        return result
    return parse
if how == "module":
    sys.path[0] = os.getcwd()
else:
    sys.path[0] = os.path.dirname(os.path.abspath(program))
if how.isdigit():
    with open(program, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    tree.body = tree.body[: int(how)]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__file__ = program
    exec(compile(tree, program, "exec"), vars(main))
    tell(vars(main), True)
argparse.ArgumentParser.parse_args = watched(argparse.ArgumentParser.parse_args, True)
argparse.ArgumentParser.parse_known_args = watched(argparse.ArgumentParser.parse_known_args, False)
if how == "module":
    runpy.run_module(program, run_name="__main__", alter_sys=True)
else:
    runpy.run_path(program, run_name="__main__")
"""


@dataclass(frozen=True, slots=True)
class Program:
    """The Python program that is asked.

    Attributes:
        script: Absolute path of its file.
        module: Its name when it is run as `python -m NAME`; empty otherwise.
        own_globals: Whether it overwrites its own globals by its arguments.
    """

    script: str
    module: str = ""
    own_globals: bool = False

    def begun(self) -> tuple[str, str]:
        """How the probe begins it, and what."""
        if self.module:
            return "module", self.module
        end = None
        if self.own_globals:
            end = overwritten_at(ast.parse(Path(self.script).read_bytes()))
        return "script" if end is None else str(end), self.script


@dataclass(slots=True)
class Proof:
    """The parser's values.

    Attributes:
        right: Parameters that arrived as they would be recorded, wherever they were looked for.
        wrong: Name, recorded value, and what the code got.
        unseen: Parameters that the parser does not know.
        refused: The program's output when it ended before parsing; empty when it parsed.
    """

    right: list[str] = field(default_factory=list)
    wrong: list[tuple[str, Any, Any]] = field(default_factory=list)
    unseen: set[str] = field(default_factory=set)
    refused: str = ""


def prove(
    python: str,
    program: Program,
    words: Sequence[str],
    cwd: str,
    environment: Mapping[str, str],
    point: Point,
    dests: Mapping[str, str],
) -> Proof:
    """Run a program up to its parser's result, and compare.

    Args:
        python: Absolute path of the interpreter.
        program: The program.
        words: Its arguments.
        cwd: Where it runs.
        environment: Laid over this process's own.
        point: The values that would be recorded.
        dests: Parameter -> the code's name for it; others are not looked at.
    """
    names = {name: dests[name] for name in point if name in dests}
    proof = Proof()
    got, proof.refused = _parsed(python, program, words, cwd, environment, sorted(set(names.values())))
    if got is None:
        return proof
    for name in names:
        if names[name] not in got:
            proof.unseen.add(name)
        elif arrived(point[name], got[names[name]]):
            proof.right.append(name)
        else:
            proof.wrong.append((name, point[name], got[names[name]]))
    return proof


def arrived(recorded: Any, got: Any) -> bool:
    """Whether the code got the recorded value, be it as a number's or a text's own spelling.

    A text that stands for false is not false: the code would take it for true.
    """
    if isinstance(recorded, bool):
        return isinstance(got, bool | int) and got in (0, 1) and bool(got) is recorded
    if isinstance(got, str) and not isinstance(recorded, str):
        try:
            return bool(float(got) == recorded)
        except ValueError:
            return False
    return bool(got == recorded) or str(got) == recorded


def _parsed(
    python: str,
    program: Program,
    words: Sequence[str],
    cwd: str,
    environment: Mapping[str, str],
    names: Sequence[str],
) -> tuple[dict[str, Any] | None, str]:
    """The values of these names, or None and the program's last words."""
    with tempfile.TemporaryDirectory(prefix="tuned-") as folder:
        answer = Path(folder, "answer")
        try:
            done = subprocess.run(
                [python, "-c", _PROBE, str(answer), json.dumps(names), *program.begun(), *words],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=PATIENCE,
                check=False,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **environment},
                cwd=cwd,
            )
            if answer.exists():
                return dict(json.loads(answer.read_text())), ""
        except subprocess.TimeoutExpired:
            return None, f"it has parsed nothing in {PATIENCE:g} s"
        except (OSError, ValueError) as error:
            return None, str(error)
    return None, last_error_line(done.stderr or done.stdout) if done.returncode else ""
