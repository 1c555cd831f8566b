"""Whether the code gets the values that its trials record, where the script's text leaves that open."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tuned.cli.session import Session
from tuned.client import api
from tuned.client.finding import Finding
from tuned.client.proving import Program, Proof, prove
from tuned.core.errors import TunedError
from tuned.core.program.corners import corners
from tuned.core.program.placeholders import Placeholder, formatted, parse_template, value_text
from tuned.core.script.option import How
from tuned.core.space import Point
from tuned.core.study import RunSpec, StudySpec
from tuned.core.study_file.reporting import own_files
from tuned.core.study_file.taking import arriving, options_of, script_of
from tuned.disk import Disk
from tuned.wire import Submission, Submitted

_ASKED: tuple[How, ...] = ("argparse", "transformers", "lightning", "globals", "")
"""Readers that can be asked what they got: all that `argparse` is behind, and a script's own globals."""


def arrival(session: Session, submission: Submission, plan: Submitted, name: str) -> list[Finding]:
    """Two runs of the script's parser, all switches off and all on; none where the text already tells.

    Args:
        session: Asks the daemon for the arguments of the two points.
        submission: The study.
        plan: The submission in a dry run.
        name: A name that no study has.
    """
    try:
        spec = _parsed(submission)
        options = options_of(spec.run, Disk())
        typed = arriving(spec.run, spec.space, options)
        unsure = [name for name, how in typed.items() if not how.sure]
        if not unsure:
            return []
        program = program_of(spec.run, options.how)
        if program is None or options.how not in _ASKED:
            why = f"what {options.how} got cannot be asked" if options.how else "no argument parser was found to ask"
            return [_unproved(unsure, why)]
        points = corners(spec.space)
        lines = _arguments(session, submission, points, name)
    except TunedError as error:
        return [_unproved([], str(error))]
    python, dests = spec.run.python or plan.python, {name: how.dest for name, how in typed.items()}
    proofs = [
        prove(python, program, _words(spec.run, line), spec.run.cwd, _environment(spec, point), point, dests)
        for line, point in zip(lines, points, strict=True)
    ]
    return list(findings_of(proofs, unsure))


def program_of(run: RunSpec, how: How) -> Program | None:
    """The Python program whose reader is asked; None where it is none that could be begun and left again."""
    script = script_of(run, Disk())
    if script is None or (run.kind == "command" and _before_script(run.command) is None):
        return None
    if not how and not any("pars" in Disk().read_text(path).lower() for path in own_files(script, Disk(), run.root)):
        return None  # nothing would stop it short of the end of its training
    return Program(script, run.module, own_globals=how == "globals")


def _before_script(command: tuple[object, ...]) -> int | None:
    """How many words of a command stand before its script, where these are a Python and its switches alone."""
    for i, word in enumerate(command):
        if not isinstance(word, str):
            return None
        if i and word.endswith(".py"):
            return i
        if not (
            posixpath.basename(word).startswith("python") if not i else word in ("-u", "-O", "-OO", "-B", "-s", "-E")
        ):
            return None
    return None


def _words(run: RunSpec, line: list[str]) -> list[str]:
    """The program's own arguments of a trial's argument list."""
    return line[(_before_script(run.command) or 0) + 1 :]


def _environment(spec: StudySpec, point: Point) -> dict[str, str]:
    """The study's variables at a point; what a trial alone would tell, such as its folders, is left empty."""
    found = {}
    for name, text in spec.run.env.items():
        pieces = parse_template(text)
        found[name] = "".join(
            formatted(point[p.name], p.spec)
            if isinstance(p, Placeholder) and p.name in point
            else ""
            if isinstance(p, Placeholder)
            else p
            for p in pieces
        )
    return found


def findings_of(proofs: list[Proof], unsure: Sequence[str]) -> Iterator[Finding]:
    """The two proofs in words.

    Args:
        proofs: Values that the code got at both points.
        unsure: The parameters of which the text does not tell how they arrive.
    """
    wrong = {name: (value_text(recorded), got) for proof in proofs for name, recorded, got in proof.wrong}
    right = [name for name in dict.fromkeys(n for proof in proofs for n in proof.right) if name not in wrong]
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
        yield Finding("ok", f"the script's parser gets {', '.join(right)} as recorded")
    unseen = [name for name in unsure if name not in right and name not in wrong]
    if unseen:
        yield _unproved(unseen, "no parser and no global of that name was found")


def _unproved(names: list[str], why: str) -> Finding:
    hint = "print in it what it gets, and compare"
    shown = ", ".join(names) or "the parameters"
    return Finding("warn", f"not certain that the code gets {shown} as recorded: {why}", hint)


def _parsed(submission: Submission) -> StudySpec:
    from tuned.core.study_file.parse import parse_study

    return parse_study(
        submission.study,
        base=submission.base,
        environment=submission.environment,
        files=Disk(),
        stem=submission.stem,
        name=submission.name,
        file=submission.file,
    )


def _arguments(session: Session, submission: Submission, points: tuple[Point, Point], name: str) -> list[list[str]]:
    """The argument lists of the two points, as the daemon would type them."""
    study = {key: value for key, value in submission.study.items() if key not in ("early_stopping", "playbook")}
    study |= {"name": name, "search": {"method": "sobol", "trials": 2, "point": [dict(point) for point in points]}}
    return session.send(api.check(replace(submission, study=study, name=name))).arguments[:2]
