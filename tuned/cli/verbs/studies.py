"""`studies`, `show`, `delete`: the nouns of whole studies."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from tuned.cli import render, standing
from tuned.cli.exits import Failed
from tuned.cli.lines import show_fact
from tuned.cli.session import Session, verb
from tuned.cli.table import show_table
from tuned.client import api
from tuned.core import words
from tuned.core.errors import InvalidInput
from tuned.core.state_words import told
from tuned.core.states import LIVE
from tuned.core.study.searching import stopping_told
from tuned.core.targets import parse_target
from tuned.core.text import one_line

if TYPE_CHECKING:
    from tuned.wire import ConstraintRow, MetricRow, StoppingRow, StudyPage, StudyRow, TrialDetail

LOOKS = 3
"""How often a trial that reports all the time is asked for, so that its values and its table of metrics agree."""


@verb()
def studies(session: Session) -> None:
    """List the studies."""
    session.show(api.studies(), _studies_table)


def _best(row: StudyRow) -> str:
    """The best value, and the mean of its further seeds or what it is worth without luck, where these are known."""
    if row.best is None:
        return "-"
    found = row.best.confirmed["mean"] if row.best.confirmed else row.best.shrunk
    told = "" if found is None else f" (~{words.number(found)})"
    return render.values(row.best.values) + (" early" if row.best.cut else "") + told


def _studies_table(rows: Sequence[StudyRow]) -> None:
    if not rows:
        click.echo("no studies yet; submit one with: tunectl submit FILE.toml")
        return
    show_table(
        ["study", "state", "trials", "best", "priority", "eta", "created", "reason", "question"],
        [
            [
                row.name,
                standing.state(row),
                row.progress,
                _best(row),
                str(row.priority) if row.priority else "-",
                "soon" if row.eta_s == 0 else words.duration(row.eta_s),
                render.moment(row.created_at),
                row.note or (standing.reason(row) if row.state != "completed" else ""),
                row.question,
            ]
            for row in rows
        ],
    )


@verb()
@click.argument("target", metavar="STUDY|STUDY/NUMBER")
@click.option("--toml", "as_toml", is_flag=True, help="Print the specification as a study file would say it.")
@click.option("--command", "as_command", is_flag=True, help="Of STUDY/NUMBER: print what can be copied and run.")
def show(session: Session, target: str, as_toml: bool, as_command: bool) -> None:
    """Show a study: its question, state, best trial and search space; or one trial with all that it reported."""
    if as_command or "/" in target:
        _show_trial(session, target, as_command)
        return
    page = session.send(api.study(target))
    document = {**asdict(page.study), "spec": page.spec}
    if as_toml:
        from tuned.core.toml.study import study_file

        text = study_file(page.spec)
        session.emit({**document, "toml": text}, lambda: click.echo(text, nl=False))
        return
    session.emit(document, lambda: _show(page))


def _trial_as_it_stands(
    session: Session, study: str, number: int, with_metrics: bool
) -> tuple[TrialDetail, list[MetricRow]]:
    """A trial, and what it reported by the same moment: one that reports between both questions is asked once more."""
    detail, metrics = session.send(api.trial(study, number)), []
    for _ in range(LOOKS if with_metrics else 0):
        metrics = session.send(api.metrics(f"{study}/{number}"))
        before, detail = detail, session.send(api.trial(study, number)) if detail.trial.state in LIVE else detail
        if detail.trial == before.trial:
            break
    return detail, metrics


def _show_trial(session: Session, target: str, as_command: bool) -> None:
    study, number = one_trial(session, target)
    detail, metrics = _trial_as_it_stands(session, study, number, with_metrics=not as_command)
    if as_command:
        session.emit({"command": detail.command}, lambda: click.echo(detail.command))
        return
    document = {**asdict(detail), "metrics": [asdict(metric) for metric in metrics]}

    def text() -> None:
        from tuned.cli.trial_page import show_trial

        show_trial(detail, metrics)

    session.emit(document, text)


def one_trial(session: Session, target: str) -> tuple[str, int]:
    """Study and number of the one trial that is named: `STUDY/7` or `STUDY/best`.

    Raises:
        InvalidInput: It names no trial, or several.
    """
    name, _, number = target.partition("/")
    if number == "best":
        best = session.send(api.study(name)).study.best
        if best is None:
            raise InvalidInput("no trial has completed yet", where=target, hint=f"tunectl trials {name}")
        return name, best.number
    numbers = parse_target(target).numbers
    if len(numbers) != 1 or numbers[0][0] != numbers[0][1]:
        raise InvalidInput("names no single trial", where=target, hint=f"tunectl show {name}/1")
    return name, numbers[0][0]


def _show(page: StudyPage) -> None:
    row, spec = page.study, page.spec
    lines = [
        ("question", row.question),
        ("state", told(standing.state(row), standing.reason(row))),
        ("note", row.note),
        ("trials", render.counts(row.searched) + (f", of {row.total}" if row.trials else "")),
        ("repeated", _counts(row.again)),
        ("in steps", _counts(row.aside)),
        ("budget", _budget(row)),
        ("playbook", "; ".join(f"{step.id} {step.state}" for step in row.steps)),
        ("best", render.best(row.best)),
        ("objective", "; ".join(f"{o.direction} {o.metric}" for o in row.objectives)),
        ("within", "; ".join(_bound(c) for c in row.constraints)),
        ("place", row.place),
        ("search", row.method + (f", {row.parallel} at once" if row.parallel else "")),
        ("each trial", words.count(row.cores, "core") if row.cores else ""),
        ("cards", row.packing),
        ("points", row.phase),
        ("early stop", _stopping(row.early_stopping, spec)),
        ("priority", str(row.priority) if row.priority else ""),
        ("time left", f"about {words.duration(row.eta_s)}" if row.eta_s else ""),
        ("runs", _runs(spec)),
        ("python", _python(spec)),
    ]
    click.echo(row.name)
    for label, text in lines:
        show_fact(label, text)
    parameters = spec.get("space", {}).get("parameters", [])
    if parameters:
        click.echo()
        parameters_table(parameters)


def _budget(row: StudyRow) -> str:
    if row.budget_s is None or row.budget_left_s is None:
        return ""
    left = f"{words.duration(row.budget_left_s)} left" if row.budget_left_s > 0 else "spent"
    return f"{words.duration(row.budget_s)} of running time, {left}"


def _counts(found: Mapping[str, int]) -> str:
    return render.counts({state: n for state, n in found.items() if n}) if any(found.values()) else ""


def _bound(row: ConstraintRow) -> str:
    least = "" if row.at_least is None else f"{words.number(row.at_least)} <= "
    most = "" if row.at_most is None else f" <= {words.number(row.at_most)}"
    return f"{least}{row.metric}{most}"


def _stopping(row: StoppingRow | None, spec: Mapping[str, Any]) -> str:
    if row is None:
        return ""
    rules = stopping_told(row.method, (spec.get("early_stopping") or {}).get("patience"))
    text = f"{rules}: {row.stopped} stopped, {row.waiting} paused at a rung"
    if row.wrong_share is not None:
        share = f"{row.wrong} of {row.rescued_ended} that ran on to measure it ({row.wrong_share:.0%})"
        text += f"; wrong about {share}"
    elif row.rescued:
        text += f"; {row.rescued} let run on to measure the rule"
    return text


def _runs(spec: Mapping[str, Any]) -> str:
    run = spec.get("run", {})
    what = f"-m {run['module']}" if run.get("module") else run.get("script_typed") or run.get("script") or ""
    if run.get("function"):
        what = f"{what}:{run['function']}"
    words = list(run.get("command") or [what]) + list(run.get("args") or [])
    flat = [part for word in words for part in (word if isinstance(word, list) else [word])]
    return one_line(" ".join(flat), 160)


def _python(spec: Mapping[str, Any]) -> str:
    run = spec.get("run", {})
    why = f" ({run['python_why']})" if run.get("python_why") else ""
    return f"{run['python']}{why}" if run.get("python") else ""


def parameters_table(parameters: Sequence[Mapping[str, Any]]) -> None:
    """Print the parameters; the roles only where one is `scientific`, since the others say nothing by themselves."""
    roles = any(parameter.get("role") == "scientific" for parameter in parameters)
    headings = ["parameter", "kind", "range", "when", *(["role"] if roles else [])]
    show_table(headings, [parameter_cells(parameter)[: len(headings)] for parameter in parameters])


def parameter_cells(parameter: Mapping[str, Any]) -> list[str]:
    """A row of the table of parameters: name, kind, range, condition, role."""
    if parameter["kind"] in ("float", "int"):
        reach = f"{render.parameter(parameter['low'])} .. {render.parameter(parameter['high'])}"
        reach += " (log)" if parameter.get("log") else ""
    else:
        reach = ", ".join(render.parameter(value) for value in parameter.get("values", []))
        reach += " (ordered)" if parameter.get("ordered") else ""
    if parameter.get("likely") is not None:
        reach += f", likely {render.parameter(parameter['likely'])}"
    when = "; ".join(
        f"{parent} = {' or '.join(render.parameter(v) for v in values)}" for parent, values in parameter.get("when", [])
    )
    return [parameter["name"], parameter["kind"], reach, when, parameter.get("role", "")]


@verb()
@click.argument("study")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(session: Session, study: str, yes: bool) -> None:
    """Delete a study, its trials and what they reported."""
    row = session.send(api.study(study)).study
    if not (yes or session.dry_run):
        if session.json or not sys.stdin.isatty():
            raise Failed(f"{study}: deleting cannot be undone (add --yes)")
        count = sum(row.counts.values())
        click.confirm(f"Delete {study} with {count} trial{'s' if count != 1 else ''}?", abort=True, err=True)
    changed = session.send(api.delete(study))
    session.emit(changed, lambda: click.echo(f"deleted {study}"))
