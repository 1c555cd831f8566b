"""One trial as a line for a shell: what can be copied and run.

Owns that line. The arguments and variables in it are those of `tuned.core.program.arguments`.
"""

from __future__ import annotations

import json
import posixpath
import shlex
from collections.abc import Mapping, Sequence

from tuned.core.program.arguments import items_of, names_used
from tuned.core.program.placeholders import PARAMS
from tuned.core.space import Point
from tuned.core.study import RunSpec
from tuned.core.study.secrets import holds_secret, without_passwords

_CALL = "import sys; sys.path.insert(0, {folder!r}); import tuned, {file} as f; print(f.{name}(tuned.current_trial()))"


def command_line(
    run: RunSpec, arguments: Sequence[str], environment: Mapping[str, str], params: Point, *, cwd: str, sdk: str = ""
) -> str:
    """`cd FOLDER && NAME=VALUE ... PROGRAM ARGUMENT ...`, quoted for a POSIX shell.

    Args:
        run: How the study's trials are run.
        arguments: The trial's own; a script's begin with the script. Passwords within addresses are masked.
        environment: The study's own variables as the trial gets them. One that holds a secret is left to the
            shell's own environment.
        params: The active parameters. Those that no argument names reach the code as `TUNED_PARAMS`.
        cwd: Where the trial runs.
        sdk: Folder that holds the SDK, for code that asks for its parameters; empty when it is not known.
    """
    variables = {name: value for name, value in environment.items() if not holds_secret(name, value)}
    named = {name for _, item in items_of(run) for name in names_used(item)}
    if run.kind == "function" or not (PARAMS in named or named >= set(params)):
        variables["TUNED_PARAMS"] = json.dumps(params)
        if sdk:
            variables["PYTHONPATH"] = sdk
    if run.kind == "command":
        words = list(arguments)
    elif run.kind == "script":
        words = [run.python, *arguments]
    else:
        folder, script = posixpath.split(run.script or "")
        name = (run.function or "").rpartition(":")[2]
        words = [run.python, "-c", _CALL.format(folder=folder, file=posixpath.splitext(script)[0], name=name)]
    shown = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    return " ".join(["cd", shlex.quote(cwd), "&&", *shown, *(shlex.quote(without_passwords(word)) for word in words)])
