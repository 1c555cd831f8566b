"""Whether a study's parameters reach its code, and whether what it is judged by can come back.

Owns both refusals. They rest on the text of the user's files (`tuned.core.study_file.reporting`), and only what is
certain is refused: a doubt is left to the study's first trial.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence

from tuned.core.errors import InvalidInput
from tuned.core.files import Files
from tuned.core.program.arguments import check_arguments, items_of, names_used
from tuned.core.space import SearchSpace
from tuned.core.study import Constraint, Objective, Pattern, RunSpec
from tuned.core.study_file.reporting import Answer, mentions_us, names_arguments

_PYTHON = re.compile(r"python(3(\.\d+)?)?")


def check_reach(run: RunSpec, space: SearchSpace, files: Files) -> None:
    """Refuse a space whose parameters do not reach the trial, or that lacks one which the arguments name.

    Raises:
        InvalidInput: At the first such parameter or placeholder.
    """
    answer = code_mentions_us(run, files)
    check_arguments(run, space, taken_by_code=answer == "yes" or run.kind == "function")
    _refuse_unreached_script(run, space, answer)
    if answer == "no":
        _refuse_unread(run, space, files)


def code_mentions_us(run: RunSpec, files: Files) -> Answer:
    """Whether the code takes parameters from us or reports to us, as far as its text tells."""
    script = _script_of(run)
    if script is not None:
        return mentions_us(script, files, run.root if run.script is not None else "")
    for text in (item for item in run.command if isinstance(item, str)):
        path = posixpath.normpath(posixpath.join(run.cwd, text))
        if "/" in text and files.is_file(path) and _names_us(path, files):
            return "yes"
    return "unsure"


def _script_of(run: RunSpec) -> str | None:
    """The Python script that is run, also as the command `python SCRIPT`; absolute."""
    if run.script is not None:
        return run.script
    texts = [item for item in run.command if isinstance(item, str)]
    if len(texts) > 1 and _PYTHON.fullmatch(posixpath.basename(texts[0])) and texts[1].endswith(".py"):
        return posixpath.normpath(posixpath.join(run.cwd, texts[1]))
    return None


def _names_us(path: str, files: Files) -> bool:
    try:
        text = files.read_text(path)
    except OSError:
        return False
    return "tuned" in text or "TUNED_" in text


def _refuse_unreached_script(run: RunSpec, space: SearchSpace, answer: Answer) -> None:
    """A study without any placeholder whose code certainly never asks for parameters would tune nothing."""
    used = {name for _, item in items_of(run) for name in names_used(item)} & {"params", *space.names}
    if answer == "no" and run.kind != "function" and space.tunable and not used:
        key = "command" if run.kind == "command" else "args"
        raise InvalidInput(
            "reaches nothing",
            where=f"space.{space.tunable[0].name}",
            hint=f'add {key} = ["{{params}}"] under [run], or read it with tuned.current_trial()',
        )


def _refuse_unread(run: RunSpec, space: SearchSpace, files: Files) -> None:
    """Parameters that stand in arguments alone reach nothing in a script that certainly reads none."""
    script = _script_of(run)
    if (
        run.kind == "function"
        or script is None
        or names_arguments(script, files, run.root if run.script is not None else "")
    ):
        return
    typed = ("run.args.", "run.command.", "run.resume.")
    elsewhere = {n for where, item in items_of(run) if not where.startswith(typed) for n in names_used(item)}
    for parameter in space.tunable:
        if parameter.name not in elsewhere:
            raise InvalidInput(
                f"reaches nothing: {posixpath.basename(script)} reads no arguments",
                where=f"space.{parameter.name}",
                hint="let it take them (argparse, or tuned.current_trial()), or write its configuration file: "
                "[[run.config]]",
            )


def refuse_silent(
    run: RunSpec,
    objectives: Sequence[Objective | Constraint],
    patterns: tuple[Pattern, ...],
    answer: Answer,
    renames: Mapping[str, str],
) -> None:
    """Refuse an objective that certainly nothing reports; a mere doubt is left to the study's first trial.

    Raises:
        InvalidInput: At the first such objective or constraint.
    """
    if answer != "no" or run.kind == "function":
        return
    found = {renames.get(name, name) for pattern in patterns for name in re.compile(pattern.regex).groupindex}
    for objective in objectives:
        if objective.metric not in found:
            listed = ", ".join(sorted(found - {"step"}))
            raise InvalidInput(
                f"nothing reports {json.dumps(objective.metric)}"
                + (
                    f"; the patterns give {listed}"
                    if listed
                    else ": the code never names tuned, and there are no patterns"
                ),
                where="constraint.metric" if isinstance(objective, Constraint) else "objective.metric",
                hint="report it with tuned.current_trial().report(...), or add a pattern under [metrics]",
            )
