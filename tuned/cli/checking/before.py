"""What a study file says that submitting does not refuse and a person would want to know."""

from __future__ import annotations

from pathlib import Path

from tuned.client.finding import Finding
from tuned.wire import Submission, Submitted


def before(submission: Submission, plan: Submitted) -> list[Finding]:
    """What submitting does not refuse and a person would want to know."""
    found = []
    study = submission.study
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
