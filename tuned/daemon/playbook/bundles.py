"""Reproduction bundles: all that it takes to train the final model again and come to the same number.

Owns what is in `runs/<study>/final/<step>/`, and its making in a thread: into a folder beside it, then one rename, so
that a bundle is whole or not there. The program in it is `reproduce.py`, which needs no tuned.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from storage import queries
from storage.engine import Database
from tuned import protocol
from tuned.core.errors import InvalidInput, Unavailable
from tuned.core.playbook.spec import BUNDLE_FILE
from tuned.core.playbook.steps import Step
from tuned.core.study import Study
from tuned.core.study.secrets import holds_secret
from tuned.core.study_file.run_files import within
from tuned.core.trials.trial import Trial
from tuned.daemon.files import records, run_dirs, snapshot
from tuned.daemon.files.code_state import CodeStates, code_files
from tuned.daemon.files.removal import remove_path
from tuned.version import VERSION

FINAL_DIR = "final"
SCRIPT = "reproduce.py"
RUN, CHECKPOINT, CODE, SDK = "@RUN@", "@CHECKPOINT@", "@CODE@", "@SDK@"
"""Placeholders in a bundle for folders that are elsewhere each time."""

_NUMERIC = ("OMP_", "MKL_", "OPENBLAS_", "CUDA_", "CUBLAS_", "CUDNN_", "TORCH_", "PYTORCH_", "XLA_", "TF_", "JAX_")
"""Environment variables with these beginnings can change numbers; the others are left out of a bundle."""
_PACKAGES = """
import importlib.metadata as m, json, platform, sys
found = sorted({"%s==%s" % (d.metadata["Name"], d.version) for d in m.distributions() if d.metadata["Name"]})
json.dump({"python": sys.version, "platform": platform.platform(), "packages": found}, sys.stdout)
"""
_CHOICE = {"trial": "configuration", "outcome": "outcome", "why": "why"}
"""Of a bundle's `configuration`: its key -> that of the step's result."""
_PATIENCE_S = 60.0
_PASSES = frozenset((*protocol.SCARCE, errno.ENOSPC, errno.EDQUOT))
"""Errors of a machine that may have more room, or processes, in a while."""
_CHUNK = 2**20


class Bundles:
    """Makes bundles, each once."""

    def __init__(self, database: Database, runs: Path, sdk: Path, codes: CodeStates) -> None:
        self._database = database
        self._runs = runs
        self._sdk = sdk
        self._codes = codes

    async def make(self, study_id: int, step: Step) -> dict[str, Any]:
        """The bundle of a finalising step whose trials have ended.

        Returns:
            For the step's result: its folder and the command that re-runs it.

        Raises:
            InvalidInput: A record of the final training is gone.
            Unavailable: It cannot be written.
            OSError: The machine lacks room, processes, memory or descriptors: it may be made later.
        """
        try:
            folder = await asyncio.to_thread(self._make, study_id, step)
        except OSError as error:
            if error.errno in _PASSES:
                raise
            raise Unavailable(f"the bundle cannot be written: {error}", where=FINAL_DIR) from error
        return {"bundle": str(folder), "reproduce": f"python {folder / SCRIPT}"}

    def _make(self, study_id: int, step: Step) -> Path:
        with self._database.read() as conn:
            study = queries.study_by_id(conn, study_id)
            environment = queries.study_environment(conn, study_id)
            numbers = [step.result["trial"], *([step.result["test"]] if "test" in step.result else [])]
            trials = [t for t in (queries.trial(conn, study_id, n) for n in numbers) if t is not None]
            reported = {t.number: _last(conn, t) for t in trials}
        folder = self._runs / study.name / FINAL_DIR / step.id
        if (folder / BUNDLE_FILE).exists():
            return folder
        making = folder.parent / f".making-{step.id}"
        remove_path(making)
        making.mkdir(parents=True, mode=0o700)
        tree = self._copy_code(study, making / "code")
        shutil.copytree(self._sdk, making / "sdk", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy2(Path(__file__).with_name("reproduce_script.py"), making / SCRIPT)
        document = {
            "study": study.name,
            "made_with": VERSION,
            "configuration": {name: step.result.get(key, "") for name, key in _CHOICE.items()},
            "params": trials[0].params,
            "length": step.result.get("length", ""),
            "looks_at_the_test_set": step.result.get("looks", 0),
            "spec": study.spec.to_public_dict(),
            "python": study.spec.run.python or sys.executable,
            "installed": _installed(study.spec.run.python or sys.executable, environment),
            "code": self._codes.state(study.spec.run),
            "tree": str(tree),
            "data": {path: digest(Path(path)) for path in _data(study)},
            "environment": {k: v for k, v in environment.items() if k.startswith(_NUMERIC) or k == "PYTHONHASHSEED"},
            "runs": [self._run(study, trial, tree, reported[trial.number]) for trial in trials],
        }
        (making / BUNDLE_FILE).write_text(json.dumps(document, indent=1))
        (making / "README.md").write_text(_readme(document))
        protocol.sync_folder(str(making))
        remove_path(folder)
        making.rename(folder)
        return folder

    def _copy_code(self, study: Study, target: Path) -> Path:
        """Copy the code that was run; returns the folder in the user's tree that it is a copy of."""
        run = study.spec.run
        if run.code == "snapshot":
            shutil.copytree(snapshot.code_folder(self._runs / study.name, run.code_hash), target, symlinks=True)
            return Path(run.tree)
        tree = Path(run.cwd)
        if run.script is not None and not within(run.script, run.cwd):
            tree = Path(run.script).parent
        try:
            taken = snapshot.take(tree, [os.path.relpath(p, tree) for p in _data(study)], self._runs)
        except InvalidInput:
            for name in code_files(run):  # too large as a whole: the script and what it imports beside it
                copy = target / os.path.relpath(name, tree)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(name, copy)
            return tree
        try:
            shutil.copytree(taken.folder, target, symlinks=True)
        finally:
            snapshot.drop(taken)
        return tree

    def _run(self, study: Study, trial: Trial, tree: Path, reported: dict[str, float]) -> dict[str, Any]:
        run_dir = run_dirs.trial_dir(self._runs, study.name, trial.number) / str(trial.attempt)
        spec = run_dirs.spec(run_dir)
        start = records.start(run_dir) or {}
        places = [(str(run_dir), RUN), (str(spec["checkpoint_dir"]), CHECKPOINT), (str(spec["bundle"]), SDK)]
        if study.spec.run.code == "live":
            places.append((str(tree), CODE))
        plain = {**_without_secrets(spec), "learn": False, "start": start.get("mode", spec["start"])}
        tests, objective = study.spec.test, study.spec.objective
        wanted = [tests.metric if tests else "", objective.metric if objective else ""]
        number = next((name for name in wanted if name in reported), next(iter(sorted(reported)), ""))
        return {
            "stage": trial.stage,
            "trial": trial.number,
            "seed": trial.seed,
            "spec": _placed(plain, places),
            "metric": number,
            "expected": protocol.encode_number(reported[number]) if number else None,
            "reported": {name: protocol.encode_number(value) for name, value in reported.items()},
        }


def _without_secrets(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification of an attempt without the variables that hold secrets; each fold has variables of its own."""
    kept = {**spec, "env": {name: text for name, text in spec["env"].items() if not holds_secret(name, text)}}
    if spec.get("folds"):
        kept["folds"] = {**spec["folds"], "runs": [_without_secrets(run) for run in spec["folds"]["runs"]]}
    return kept


def _last(conn: Any, trial: Trial) -> dict[str, float]:
    """Metric -> its last value, without what the daemon measured itself."""
    found = queries.observations(conn, trial.id)
    return {o.name: o.value for o in found if o.attempt == trial.attempt and "/" not in o.name}


def _placed(value: Any, places: list[tuple[str, str]]) -> Any:
    if isinstance(value, dict):
        return {name: entry if name == "tree" else _placed(entry, places) for name, entry in value.items()}
    if isinstance(value, list):
        return [_placed(entry, places) for entry in value]
    if isinstance(value, str):
        for path, word in places:
            if word == CODE and not within(value, path):
                continue
            value = value.replace(path, word)
    return value


def _data(study: Study) -> list[str]:
    run, final = study.spec.run, study.spec.finalize
    within_tree = [str(Path(run.tree) / path) for path in run.data]
    return list(dict.fromkeys([*(final.data if final else ()), *within_tree]))


def digest(path: Path) -> str:
    """SHA-256 over names and contents of a file or of all files below a folder; empty when there is nothing."""
    total = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    if not files:
        return ""
    for file in files:
        total.update(os.fsencode(os.path.relpath(file, path)) + b"\0")
        with file.open("rb") as content:
            while chunk := content.read(_CHUNK):
                total.update(chunk)
    return total.hexdigest()


def _installed(python: str, environment: dict[str, str]) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [python, "-c", _PACKAGES], env=environment, capture_output=True, timeout=_PATIENCE_S, check=True, cwd="/"
        )
        found: dict[str, Any] = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        if isinstance(error, OSError) and error.errno in _PASSES:
            raise
        return {}
    return found


def _readme(document: dict[str, Any]) -> str:
    runs = [
        f"- {r['stage']}: trial {r['trial']}, seed {r['seed']}, {r['metric']} {r['expected']}" for r in document["runs"]
    ]
    return "\n".join(
        [
            f"# {document['study']}: the final model",
            "",
            f"Configuration: {json.dumps(document['params'])}",
            f"Chosen: trial {document['configuration']['trial']}, {document['configuration']['why']}",
            f"Outcome of the confirmation: {document['configuration']['outcome'] or 'unknown'}",
            f"Length: {document['length']}",
            f"Measured on the test set, times: {document['looks_at_the_test_set']}",
            "",
            *runs,
            "",
            f"`python {SCRIPT}` trains it again in a new folder and compares the number. `bundle.json` holds the whole",
            "specification, the environment, the seeds and the data's hash; `code/` the code as it was.",
            "",
        ]
    )
