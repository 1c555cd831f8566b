"""`check`: a study file tried out before the night."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from tuned.cli.checking.after import ended, files_touched, metrics_found, slow_imports, time_needed
from tuned.cli.checking.before import before
from tuned.cli.exits import Failed
from tuned.cli.findings import failed, tell
from tuned.cli.session import Session, verb
from tuned.cli.verbs.submit import tell_plan
from tuned.client import api
from tuned.client.finding import Finding
from tuned.client.study_source import read_submission
from tuned.core.errors import Conflict, TunedError
from tuned.core.text import one_line
from tuned.wire import Submission, Submitted


@verb()
@click.argument("file", metavar="FILE")
@click.option("--run", "run_it", is_flag=True, help="Run one trial here, and check all that it does.")
@click.option("--name", help="Name of the study, over the file's own.")
def check(session: Session, file: str, run_it: bool, name: str | None) -> None:
    """Check a study file: what would run, under which Python, with which arguments.

    With --run one trial runs ahead of all others: what it prints, every metric that was found in it, and the files that
    it changed outside of its own folder. A second one follows in another place of the space when the first was short:
    the two are compared. Nothing of them is kept.
    """
    document: dict[str, Any] = {"ok": False, "findings": [], "plan": None, "trial": None}
    findings: list[Finding] = []
    try:
        submission = read_submission(file, name=name)
        plan = _plan(session, submission, findings)
        document["plan"] = asdict(plan)
        findings += before(submission, plan)
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
    """The submission in a dry run; a study of the same name is no reason not to look at the file."""
    try:
        plan = session.send(api.check(submission))
    except Conflict as error:
        plan = session.send(api.check(replace(submission, name=_other_name(submission))))
        findings.append(Finding("warn", one_line(str(error), 300)))
        return replace(plan, study=str(error.where))
    what = "it can be submitted" if plan.created else f"{plan.study} was submitted already, with this content"
    findings.append(Finding("ok", what))
    return plan


def _other_name(submission: Submission) -> str:
    own = submission.name or submission.study.get("name") or submission.stem or "study"
    return f"{str(own)[:57]}.check"


def _run(session: Session, submission: Submission, plan: Submitted, findings: list[Finding]) -> dict[str, Any]:
    """Run one trial, print what it prints, and look at what it has done."""
    from tuned.cli.checking.arrival import arrival
    from tuned.cli.checking.twice import compared, wants_second
    from tuned.client.touched import compare, picture
    from tuned.client.trying import elsewhere, per_metric, rehearsal, shown, tried

    session.ensure_daemon()
    findings += arrival(session, submission, plan, _other_name(submission))
    folders = _folders(submission, plan)
    home = [session.home.root]
    if not session.json:
        click.echo("one trial, run here:")
    seen = picture(folders, home)
    rehearsed = rehearsal(submission, _other_name(submission))
    printed = _Printed(session.json)
    with tried(session.client, rehearsed, printed, _waits) as result:
        printed.end()
        touched = compare(seen, picture(folders, home))
    metrics = {name: shown(rows) for name, rows in per_metric(result.observations).items()}
    findings += ended(result)
    findings += metrics_found(submission, metrics, result)
    findings += files_touched(touched, folders)
    findings += time_needed(plan, result)
    findings += slow_imports(submission, result)
    second = None
    if wants_second(submission, result):
        seen = picture(folders, home)
        with tried(session.client, elsewhere(rehearsed), lambda _: None, _waits) as second:
            findings += compared(submission, result, second, touched, compare(seen, picture(folders, home)))
    return {
        "state": result.trial.state,
        "reason": result.trial.reason,
        "arguments": result.arguments,
        "seconds": result.seconds,
        "metrics": metrics,
        "observations": [asdict(row) for row in result.observations],
        "files": asdict(touched),
        "second": None
        if second is None
        else {"state": second.trial.state, "params": second.trial.params, "arguments": second.arguments},
    }


class _Printed:
    """The trial's output as it comes, line by line: one may arrive in pieces, and a progress bar writes over itself."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._open = quiet, ""

    def __call__(self, text: str) -> None:
        *whole, last = (self._open + text).split("\n")
        self._open = _standing(last)
        self._write(whole)

    def end(self) -> None:
        """Print the last line, where it has no end."""
        self._write([self._open] if self._open.strip() else [])

    def _write(self, whole: Sequence[str]) -> None:
        if not self._quiet:
            sys.stdout.write(
                "".join(f"  | {part}\n" for line in whole for part in _standing(line).splitlines() or [""])
            )
            sys.stdout.flush()


def _standing(line: str) -> str:
    """The last state of a line in a terminal, where carriage returns begin it anew."""
    return next((piece for piece in reversed(line.split("\r")) if piece.strip()), "")


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
