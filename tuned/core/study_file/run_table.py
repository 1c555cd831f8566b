"""`[run]` of a study file: what is run, where, and under which interpreter.

Owns the checks of programs, scripts, folders and environment names. Files of a trial's own are
`tuned.core.study_file.run_files`' work.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping

from tuned.core.errors import InvalidInput
from tuned.core.files import Files, unreadable
from tuned.core.program.interpreter import activated, choose_interpreter, find_program
from tuned.core.program.placeholders import Placeholder, parse_template
from tuned.core.space import SearchSpace
from tuned.core.study import Argument, RunSpec
from tuned.core.study.running import RETRIES
from tuned.core.study_file.models import RunTable
from tuned.core.study_file.run_files import configs_of, data_of, resume_of, tree_of

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FUNCTION = re.compile(r"(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)")


def run_of(
    table: RunTable,
    base: str,
    environment: Mapping[str, str],
    files: Files,
    own_prefix: str | None,
    space: SearchSpace,
) -> RunSpec:
    """`[run]`, checked.

    Raises:
        InvalidInput: The fault and its key.
    """
    given = [k for k in ("script", "module", "function", "command") if getattr(table, k) is not None]
    if len(given) != 1:
        what = f"has {' and '.join(given)}" if given else "says not what to run"
        raise InvalidInput(what, where="run", hint="name exactly one of script, module, function, command")
    kind = "script" if given[0] == "module" else given[0]
    for key in table.env:
        if not _ENV_NAME.fullmatch(key):
            raise InvalidInput(
                f"{key!r} cannot name an environment variable", where=f"run.env.{key}", hint="use A-Z, 0-9 and _"
            )
        if key.startswith("TUNED_"):
            raise InvalidInput("names in TUNED_ are taken", where=f"run.env.{key}", hint="choose another name")
    cwd = _folder(table.cwd, base, files)
    script, function = (_module(table.module, cwd, files), None) if table.module else _script(table, base, files)
    if table.args and kind != "script":
        hint = "put them into command" if kind == "command" else "a function reads trial.params"
        raise InvalidInput(f"a {kind} takes no args", where="run.args", hint=hint)
    python, why = _interpreter(table, base, environment, files, own_prefix)
    if table.command is not None:
        searched = activated({**environment, **table.env}, python, files.is_file, files.is_dir)
        _check_program(table.command, cwd, searched, files)
    tree, own_cwd = tree_of(table, cwd, script, files), table.code == "snapshot"
    return RunSpec(
        kind=kind,  # type: ignore[arg-type]
        script=script,
        script_typed=table.script,
        module=table.module or "",
        function=function,
        command=table.command or (),
        args=table.args,
        start=table.start,
        python=python,
        python_why=why,
        cwd=cwd,
        env=dict(table.env),
        preload=table.preload,
        timeout=table.timeout,
        grace=table.grace,
        retries={**RETRIES, **table.retries},
        cpus=table.resources.cpus,
        gpus=table.resources.gpus,
        gpu_memory=table.resources.gpu_memory,
        share=table.resources.share,
        limits=table.limits.model_dump(exclude_none=True),
        code=table.code,
        tree=tree,
        data=data_of(table, base, tree, files),
        config=configs_of(table.config, base, own_cwd, space, files),
        resume=resume_of(table, own_cwd, space),
        folds=table.folds or 0,
        preemptible=table.preemptible,
        place=table.place,
    )


def _interpreter(
    table: RunTable, base: str, environment: Mapping[str, str], files: Files, own_prefix: str | None
) -> tuple[str, str]:
    try:
        return choose_interpreter(table.python, base=base, environment=environment, files=files, own_prefix=own_prefix)
    except InvalidInput:
        if table.command is None or table.python is not None:
            raise
    return "", "a command needs no Python of its own"


def _folder(cwd: str | None, base: str, files: Files) -> str:
    path = posixpath.normpath(posixpath.join(base, cwd or "."))
    if not files.is_dir(path):
        raise InvalidInput(f"there is no folder {path}", where="run.cwd", hint="make it, or correct the path")
    return path


def _module(name: str, cwd: str, files: Files) -> str:
    """The file of a module below the folder that trials run in."""
    path = posixpath.join(cwd, *name.split("."))
    for file in (f"{path}.py", posixpath.join(path, "__main__.py")):
        if files.is_file(file):
            return file
    hint = f'set run.cwd to the folder of its package; an installed one: command = ["python", "-m", "{name}"]'
    raise InvalidInput(f"there is no module {name} below {cwd}", where="run.module", hint=hint)


def _script(table: RunTable, base: str, files: Files) -> tuple[str | None, str | None]:
    if table.command is not None:
        return None, None
    key, typed, function = "run.script", table.script, None
    if table.function is not None:
        key = "run.function"
        match = _FUNCTION.fullmatch(table.function)
        if match is None:
            raise InvalidInput(f"{table.function!r} names no function", where=key, hint='write "train.py:train"')
        typed, function = match["file"], match["name"]
    path = posixpath.normpath(posixpath.join(base, typed or ""))
    if not files.is_file(path):
        what = f"{path} is a folder" if files.is_dir(path) else f"there is no file {path}"
        raise InvalidInput(what, where=key, hint="paths start from the study file's folder")
    try:
        files.read_text(path)
    except OSError as error:
        raise unreadable(path, key, error) from None
    return path, function


def _check_program(command: tuple[Argument, ...], cwd: str, environment: Mapping[str, str], files: Files) -> None:
    if not command or not isinstance(command[0], str) or not command[0]:
        raise InvalidInput("begins with no program", where="run.command", hint='write ["./train.sh", "{lr}"]')
    pieces = parse_template(command[0], "run.command.0")
    if any(isinstance(piece, Placeholder) for piece in pieces):
        return
    program = "".join(str(piece) for piece in pieces)
    if "/" not in program:
        if find_program(program, environment.get("PATH", ""), files) is None:
            hint = f"write ./{program}" if files.is_file(posixpath.join(cwd, program)) else "install it, or give a path"
            raise InvalidInput(f"{program!r} is not on PATH", where="run.command", hint=hint)
        return
    path = posixpath.normpath(posixpath.join(cwd, program))
    if not files.is_file(path):
        raise InvalidInput(f"there is no file {path}", where="run.command", hint="paths start from run.cwd")
    if not files.is_executable(path):
        raise InvalidInput(f"{path} is not executable", where="run.command", hint=f"chmod +x {shlex.quote(path)}")
