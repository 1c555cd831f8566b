"""How a trial is run again: what its run directory says of command, code and settings.

Owns that text.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from tuned import protocol
from tuned.analyses.groups import text_of
from tuned.analyses.study_data import StudyData, TrialData
from tuned.core.space import Value


def reproduction(study: StudyData, trial: TrialData) -> tuple[str, list[str]]:
    """Lines to type, and facts to check beforehand."""
    spec, start = _record(trial, protocol.SPEC_FILE), _record(trial, protocol.START_FILE)
    varied = {p.name for p in study.space.tunable}
    point = " ".join(f"{name}={_exact(value)}" for name, value in trial.params.items() if name in varied)
    lines = [
        "# in the same study, with the same settings and another seed:",
        f"tunectl enqueue {study.name} {point}",
    ]
    if spec.get("kind") in ("script", "command") and len(spec.get("argv", ())) > 1:
        lines += [
            "",
            f"# by hand, as trial {trial.number} was started:",
            f"cd {shlex.quote(str(spec['cwd']))}",
            _by_hand(spec),
        ]
    else:
        defaults = ", ".join(f"{name!r}: {value!r}" for name, value in trial.params.items())
        lines += ["", "# by hand: the script asks for its values, so give it these as defaults",
                  f"trial = tuned.current_trial(defaults={{{defaults}}})"]  # fmt: skip
    return "\n".join(lines), _facts(study, trial, spec, start)


def _exact(value: Value) -> str:
    """A value with all its digits."""
    return repr(value) if isinstance(value, float) else shlex.quote(text_of(value))


def _by_hand(spec: Mapping[str, Any]) -> str:
    argv = [str(word) for word in spec["argv"]]
    if spec["kind"] == "script":
        program = ["-m", str(spec["module"])] if spec.get("module") else argv[:1]
        argv = [str(spec.get("python", "python3")), *program, *argv[1:]]
    return " ".join(shlex.quote(word) for word in argv)


def _facts(study: StudyData, trial: TrialData, spec: Mapping[str, Any], start: Mapping[str, Any]) -> list[str]:
    run = study.spec.run
    code: Mapping[str, Any] = start.get("code") or {}
    found = [f"Study file: {study.spec.file or 'submitted from a script'}."]
    found.append(f"Interpreter: {run.python}." if run.python else "")
    if code:
        commit = f", commit {code['commit']}" if code.get("commit") else ""
        dirty = ", with changes that are not committed" if code.get("dirty") else ""
        found.append(f"Code: {code.get('mode', 'live')}, hash {code.get('hash', 'unknown')}{commit}{dirty}.")
    found.append(f"Seed of trial {trial.number}: {trial.seed}; of the search: {study.spec.search.seed}.")
    if spec.get("device"):
        found.append(f"It ran on {spec['device']}.")
    if trial.code:
        found.append("Its code was not what was submitted: the files had been edited meanwhile.")
    fixed = [f"{p.name} = {text_of(p.values[0])}" for p in study.space.parameters if p.kind == "fixed"]
    if fixed:
        found.append("All of this holds for " + ", ".join(fixed) + ".")
    return [line for line in found if line]


def _record(trial: TrialData, name: str) -> Mapping[str, Any]:
    if not trial.run_dir:
        return {}
    try:
        return protocol.read_record(trial.run_dir, name) or {}
    except (OSError, protocol.RecordError):
        return {}
