"""How a trial is run again: what its run directory says of command, code and settings.

Owns that text.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuned import protocol
from tuned.analyses.groups import text_of
from tuned.analyses.reporting.final_model import FinalModel, bundle_of
from tuned.analyses.study_data import StudyData, TrialData
from tuned.core.space.text import typed_point
from tuned.core.study.secrets import without_passwords


def reproduction(study: StudyData, trial: TrialData) -> tuple[str, list[str]]:
    """Lines to type, and facts to check beforehand."""
    spec, start = _record(trial, protocol.SPEC_FILE), _record(trial, protocol.START_FILE)
    varied = {p.name for p in study.space.tunable}
    point = typed_point({name: value for name, value in trial.params.items() if name in varied})
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


def _by_hand(spec: Mapping[str, Any]) -> str:
    argv = [without_passwords(str(word)) for word in spec["argv"]]
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


_LISTED = """
import importlib.metadata as m, sys
print("python " + sys.version.split()[0])
print("\\n".join(sorted({f"{d.metadata['Name']}=={d.version}" for d in m.distributions() if d.metadata["Name"]})))
"""
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Packages:
    """Python and the packages of the trials' interpreter, one a line."""

    title: str
    lines: tuple[str, ...]


def final_reproduction(final: FinalModel) -> tuple[str, list[str]]:
    """Lines that train the final model anew from its bundle, and facts about it."""
    bundle, document = str(final.result.get("bundle", "")), bundle_of(final)
    lines = [
        "# in a new folder, with the bundle's own code, settings and seeds; compares the figures:",
        f"{document.get('python', 'python')} {shlex.quote(bundle)}/reproduce.py --out again",
    ]
    facts = [
        f"Trains trial {final.training.number} with seed {final.training.seed}"
        + (f", then measures {final.metric} as trial {final.test.number} did." if final.metric else ".")
    ]
    code: Mapping[str, Any] = document.get("code") or {}
    if code.get("hash"):
        commit = f", commit {code['commit']}" if code.get("commit") else ""
        dirty = ", with changes that were not committed" if code.get("dirty") else ""
        facts.append(f"Code: {code.get('mode', 'live')}, hash {code['hash']}{commit}{dirty}.")
    facts += [f"Data: {path}, SHA-256 {digest}." for path, digest in (document.get("data") or {}).items() if digest]
    if not document:
        facts.append("The bundle is gone.")
    return "\n".join(lines), facts


def packages(study: StudyData, final: FinalModel | None) -> Packages | None:
    """The packages of the final model as its bundle lists them, else those of the study's interpreter as it is now."""
    installed: Mapping[str, Any] = (bundle_of(final).get("installed") or {}) if final is not None else {}
    if installed.get("packages"):
        version = str(installed.get("python", "")).split(" ")[0]
        return Packages("Python and packages of the final training", (f"python {version}", *installed["packages"]))
    if not study.spec.run.python:
        return None
    try:
        done = subprocess.run(
            [study.spec.run.python, "-c", _LISTED], capture_output=True, text=True, timeout=PATIENCE_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return Packages("Python and packages of the trials' interpreter, as installed now", tuple(done.stdout.split("\n")))
