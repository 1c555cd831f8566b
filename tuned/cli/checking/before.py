"""Findings in a study file that submitting does not refuse and a person would want to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tuned.client.finding import Finding
from tuned.core.draft.prints import usual_direction
from tuned.core.program.placeholders import value_text
from tuned.core.study import RunSpec
from tuned.core.study_file.space_file import parse_space
from tuned.core.study_file.taking import typed_apart
from tuned.wire import Submission, Submitted


def before(submission: Submission, plan: Submitted) -> list[Finding]:
    """All findings in one study file."""
    study = submission.study
    found = [*_directions(study), *_ranks(submission.environment), *_apart(submission), *_bools(study)]
    script = dict(study.get("run") or {}).get("script")
    if isinstance(script, str) and plan.python:
        from tuned.client.imports import missing_imports

        given = dict(dict(study.get("run") or {}).get("env") or {})
        plain = {str(name): str(value) for name, value in given.items() if "{" not in str(value)}
        missing = missing_imports(plan.python, Path(submission.base, script), plain)
        if missing:
            found.append(
                Finding(
                    "fail",
                    f"{plan.python} has no {', '.join(missing)}, which {script} imports",
                    "activate its environment, or name it: run.python = ...",
                )
            )
        else:
            found.append(Finding("ok", f"{plan.python} has all that {script} imports"))
    if not study.get("question"):
        found.append(Finding("warn", "it asks no question", 'question = "..." is shown wherever the study is'))
    return found


def _directions(study: Mapping[str, Any]) -> Iterator[Finding]:
    """Objectives whose name speaks for the other direction."""
    given = study.get("objective") or []
    for table in [given] if isinstance(given, dict) else given:
        metric, direction = str(table.get("metric", "")), table.get("direction")
        usual = usual_direction(metric)
        if usual and direction in ("minimize", "maximize") and direction != usual:
            more = "more" if usual == "maximize" else "less"
            hint = f'direction = "{usual}", unless this is meant'
            yield Finding("warn", f"{metric} is {direction}d, and of such a metric {more} is usually better", hint)


def _ranks(environment: Mapping[str, str]) -> Iterator[Finding]:
    """A rank in the submitter's own shell: every trial would take itself for that one."""
    rank = environment.get("RANK", "")
    if rank not in ("", "0"):
        yield Finding(
            "warn",
            f"this shell has RANK={rank}, which trials inherit: only rank 0 reports",
            "unset RANK WORLD_SIZE LOCAL_RANK, then submit",
        )


def _bools(study: Mapping[str, Any]) -> Iterator[Finding]:
    """True and false in environment variables: code compares them with a text of its own, and any other is false."""
    space = parse_space(dict(study.get("space") or {}))
    given = dict(dict(study.get("run") or {}).get("env") or {})
    for name, text in given.items():
        for bare in space.names:
            if text == f"{{{bare}}}" and space[bare].kind == "bool":
                yield Finding(
                    "warn",
                    f'run.env.{name} gets "true" or "false": see that the code reads them so',
                    f'write "{{{bare}:d}}" for 1 and 0, or "{{{bare}:py}}" for True and False',
                )


def _apart(submission: Submission) -> Iterator[Finding]:
    """Values that may begin with a dash behind their option: a parser would take one for another option."""
    run = dict(submission.study.get("run") or {})
    space = parse_space(dict(submission.study.get("space") or {}))
    items = tuple(
        item if isinstance(item, str) else tuple(item) for item in run.get("args") or run.get("command") or ()
    )
    for one in typed_apart(RunSpec("script", args=items), space):
        low = space[one.name].low
        texts = [value_text(value) for value in space[one.name].values]
        if one.apart and ((low is not None and low < 0) or any(text.startswith("-") for text in texts)):
            yield Finding(
                "warn",
                f"{one.where}: a value of {one.name} may begin with a dash, which parsers take for an option",
                f'write "{one.flag}={{{one.name}}}" as one argument',
            )
