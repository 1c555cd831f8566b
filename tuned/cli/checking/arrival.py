"""Whether the code gets the values that its trials record, where the script's text leaves that open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tuned.cli.session import Session
from tuned.client import api
from tuned.client.finding import Finding
from tuned.client.proving import Proof, prove
from tuned.core.errors import TunedError
from tuned.core.program.corners import corners
from tuned.core.program.placeholders import value_text
from tuned.core.script.option import ScriptOptions
from tuned.core.space import Point, SearchSpace
from tuned.core.study import RunSpec
from tuned.core.study_file.space_file import parse_space
from tuned.core.study_file.taking import options_of
from tuned.disk import Disk
from tuned.wire import Submission, Submitted


def arrival(session: Session, submission: Submission, plan: Submitted, name: str) -> list[Finding]:
    """Two runs of the script's parser, all switches off and all on; none where the text already tells.

    Args:
        session: Asks the daemon for the arguments of the two points.
        submission: The study.
        plan: What submitting it would do.
        name: A name that no study has.
    """
    run = dict(submission.study.get("run") or {})
    script = run.get("script")
    space = parse_space(dict(submission.study.get("space") or {}))
    if not isinstance(script, str) or not run.get("args") or not plan.python:
        return []
    path = Path(submission.base, script)
    options = options_of(RunSpec("script", str(path)), Disk())
    if options.how not in ("argparse", "") or not unknown(space, options):
        return []
    dests = {p.name: o.dest for p in space.parameters if (o := options.named(p.name)) is not None and o.dest}
    points = corners(space)
    try:
        lines = _arguments(session, submission, points, name)
    except TunedError as error:
        return [_unproved(space.names, str(error))]
    env = {str(k): str(v) for k, v in dict(run.get("env") or {}).items() if "{" not in str(v)}
    cwd = Path(submission.base, str(run.get("cwd") or "."))
    proofs = [
        prove(plan.python, [str(path), *line[1:]], cwd, env, point, dests)
        for line, point in zip(lines, points, strict=True)
    ]
    return list(findings_of(proofs, space))


def unknown(space: SearchSpace, options: ScriptOptions) -> bool:
    """Whether the text leaves open how some parameter arrives."""
    for parameter in space.parameters:
        option = options.named(parameter.name)
        if option is None:
            return True
        if option.truth == "unknown" and any(isinstance(value, bool) for value in parameter.values):
            return True
    return False


def findings_of(proofs: list[Proof], space: SearchSpace) -> Iterator[Finding]:
    """The two proofs in words."""
    wrong = {name: (value_text(recorded), got) for proof in proofs for name, recorded, got in proof.wrong}
    right = set[str]().union(*(proof.right for proof in proofs)) - set(wrong)
    for name, (recorded, got) in wrong.items():
        shown = f"the text {got!r}" if isinstance(got, str) else got
        yield Finding(
            "fail",
            f"{name}: the code gets {shown} where {recorded} is recorded",
            "let the script's option turn the text into that value, or write into run.args how it is typed",
        )
    refused = next((proof.refused for proof in proofs if proof.refused), "")
    if refused:
        yield Finding("fail", f"at one end of its ranges the script does not take its arguments: {refused}")
        return
    if right:
        yield Finding("ok", f"the script's parser gets {', '.join(n for n in space.names if n in right)} as recorded")
    unseen = [name for name in space.names if name not in right and name not in wrong]
    if unseen:
        yield _unproved(unseen, "argparse parsed nothing of that name")


def _unproved(names: list[str] | tuple[str, ...], why: str) -> Finding:
    hint = "print what the code gets, and compare it with the trial's parameters"
    return Finding("warn", f"it was not proved that {', '.join(names)} arrive as they are recorded: {why}", hint)


def _arguments(session: Session, submission: Submission, points: tuple[Point, Point], name: str) -> list[list[str]]:
    """The argument lists of the two points, as the daemon would type them."""
    study = {key: value for key, value in submission.study.items() if key not in ("early_stopping", "playbook")}
    study |= {"name": name, "search": {"method": "sobol", "trials": 2, "point": [dict(point) for point in points]}}
    return session.send(api.check(replace(submission, study=study, name=name))).arguments[:2]
