"""`check`: a study file tried out before the night."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuned.cli import render
from tuned.cli.exits import Failed
from tuned.cli.findings import failed, tell
from tuned.cli.session import Session, verb
from tuned.cli.verbs.submit import tell_plan
from tuned.client import api
from tuned.client.finding import Finding
from tuned.client.study_source import read_submission
from tuned.core import words
from tuned.core.errors import Conflict, TunedError
from tuned.wire import Submission, Submitted

if TYPE_CHECKING:
    from tuned.client.touched import Touched
    from tuned.client.trying import Tried

SHOWN_FILES = 12


@verb()
@click.argument("file", metavar="FILE")
@click.option("--run", "run_it", is_flag=True, help="Run one trial here and now, and look at all that it does.")
@click.option("--name", help="Name of the study, over the file's own.")
def check(session: Session, file: str, run_it: bool, name: str | None) -> None:
    """Check a study file: what would run, under which Python, with which arguments.

    With --run one trial runs ahead of all others: what it prints, every metric that was found in it, and the files that
    it changed outside of its own folder. Nothing of it is kept.
    """
    document: dict[str, Any] = {"ok": False, "findings": [], "plan": None, "trial": None}
    findings: list[Finding] = []
    try:
        submission = read_submission(file, name=name)
        plan = _plan(session, submission, findings)
        document["plan"] = asdict(plan)
        findings += _about(submission, plan)
        if not session.json:
            tell_plan(plan)
        if run_it:
            document["trial"] = _run(session, submission, plan, findings)
    except TunedError as error:
        findings.append(Finding("fail", str(error)))
        if session.json:
            _emit(session, document, findings)
        raise
    _emit(session, document, findings)
    line = failed(findings)
    if line:
        raise Failed(f"{file}: {line}")


def _emit(session: Session, document: dict[str, Any], findings: list[Finding]) -> None:
    document["findings"] = [asdict(finding) for finding in findings]
    document["ok"] = not any(finding.level == "fail" for finding in findings)
    session.emit(document, lambda: tell(findings))


def _plan(session: Session, submission: Submission, findings: list[Finding]) -> Submitted:
    """What submitting it would do; a study of the same name is no reason not to look at it."""
    try:
        plan = session.send(api.check(submission))
    except Conflict as error:
        plan = session.send(api.check(replace(submission, name=_other_name(submission))))
        findings.append(Finding("warn", render.one_line(str(error), 300)))
        return replace(plan, study=str(error.where))
    what = "it can be submitted" if plan.created else f"{plan.study} was submitted already, with this content"
    findings.append(Finding("ok", what))
    return plan


def _other_name(submission: Submission) -> str:
    own = submission.name or submission.study.get("name") or submission.stem or "study"
    return f"{str(own)[:57]}.check"


def _about(submission: Submission, plan: Submitted) -> list[Finding]:
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


def _run(session: Session, submission: Submission, plan: Submitted, findings: list[Finding]) -> dict[str, Any]:
    """Run one trial, print what it prints, and look at what it has done."""
    from tuned.client.touched import compare, picture
    from tuned.client.trying import per_metric, rehearsal, shown, tried

    session.ensure_daemon()
    folders = _folders(submission, plan)
    home = [session.home.root]
    if not session.json:
        click.echo("one trial, here and now:")
    before = picture(folders, home)
    with tried(session.client, rehearsal(submission, _other_name(submission)), _printer(session), _waits) as result:
        touched = compare(before, picture(folders, home))
    metrics = {name: shown(rows) for name, rows in per_metric(result.observations).items()}
    findings += _ended(result)
    findings += _metrics(submission, metrics)
    findings += _files(touched, folders)
    findings += _time(plan, result)
    return {
        "state": result.trial.state,
        "reason": result.trial.reason,
        "arguments": result.arguments,
        "seconds": result.seconds,
        "metrics": metrics,
        "observations": [asdict(row) for row in result.observations],
        "files": asdict(touched),
    }


def _printer(session: Session) -> Any:
    def show(text: str) -> None:
        sys.stdout.write("".join(f"  | {line}\n" for line in text.splitlines()))
        sys.stdout.flush()

    return (lambda _text: None) if session.json else show


def _waits() -> None:
    click.echo("  every slot is taken: it is next (see: tunectl queue)", err=True)


def _folders(submission: Submission, plan: Submitted) -> list[Path]:
    """Where a trial is likely to write: its repository, where it runs, the script's folder, and what arguments name."""
    from tuned.client.touched import folders_named

    run = dict(submission.study.get("run") or {})
    base = Path(submission.base)
    cwd = base / str(run.get("cwd") or ".")
    found = [next((folder for folder in (cwd, *cwd.parents) if (folder / ".git").exists()), cwd), cwd]
    if isinstance(run.get("script"), str):
        found.append((base / run["script"]).parent)
    words = plan.arguments[0] if plan.arguments else []
    return [*found, *folders_named(words, cwd)]


def _ended(result: Tried) -> list[Finding]:
    took = f" in {words.duration(result.seconds)}" if result.seconds is not None else ""
    if result.pause:
        return [
            Finding("fail", f"the trial {result.trial.state}{took}, and the study would stop there: {result.pause}")
        ]
    if result.trial.state != "completed":
        return [Finding("fail", f"the trial {result.trial.state}{took}: {result.trial.reason}")]
    return [Finding("ok", f"the trial completed{took}")]


def _metrics(submission: Submission, metrics: dict[str, dict[str, Any]]) -> list[Finding]:
    found = []
    for name, seen in metrics.items():
        steps = f"steps {words.number(seen['first_step'])} to {words.number(seen['last_step'])}"
        times = "once" if seen["count"] == 1 else f"{seen['count']} times, {steps}"
        found.append(Finding("ok", f"{name}: {times}, last {words.number(seen['last'])}"))
    given = submission.study.get("objective") or []
    for objective in [given] if isinstance(given, dict) else given:
        metric = objective.get("metric") if isinstance(objective, dict) else None
        if metric and metric not in metrics:
            listed = f"it gave {', '.join(metrics)}" if metrics else "nothing was found in what it printed"
            found.append(Finding("fail", f"objective.metric: the trial never gave {metric}", listed))
        elif metric and metrics[metric]["count"] == 1:
            found.append(
                Finding("warn", f"{metric} comes once a trial", "with a value a step, bad trials can end early")
            )
    return found


def _files(touched: Touched, folders: list[Path]) -> list[Finding]:
    from tuned.client.touched import outermost

    shown = ", ".join(str(folder) for folder in outermost(folders))
    if not touched.all:
        return [Finding("ok", f"it changed no file in {shown}")]
    listed = [f"{path} ({how})" for how in ("new", "changed", "removed") for path in getattr(touched, how)]
    more = f" and {len(listed) - SHOWN_FILES} more" if len(listed) > SHOWN_FILES else ""
    return [
        Finding(
            "warn",
            "it touched files outside of its own folder, as every trial would: "
            + ", ".join(listed[:SHOWN_FILES])
            + more,
            'write to "{run_dir}/work" (also TUNED_WORK), or set run.code = "snapshot"',
        )
    ]


def _time(plan: Submitted, result: Tried) -> list[Finding]:
    if plan.trials is None or not result.seconds:
        return []
    whole = -(-plan.trials // max(1, plan.slots)) * result.seconds
    at_once = "one at a time" if plan.slots == 1 else f"{plan.slots} at once"
    what = f"{words.count(plan.trials, 'trial')} like this one, {at_once}: {words.duration(whole)} at most"
    return [Finding("ok", what, "the first one of a study also imports what later ones find imported")]
