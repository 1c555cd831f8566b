"""`python -m examples.run NAME... [--small] [--write]`: runs examples, and shows what came out.

Owns the order of things: a daemon in a temporary state folder, one study after the other, a look whether each ended
well with every trial completed, and the tables, which `--write` puts into the READMEs. `--small` runs a few short
trials of each. It leaves no process and no folder behind.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import tuned
from examples.repeated import over_splits
from examples.tables import Measured, Question, effect_table, front_table, put_between
from tuned.core.errors import TunedError

if TYPE_CHECKING:
    from tuned.client.script import Daemon, SubmittedStudy

HERE = Path(__file__).resolve().parent
DEADLINE_S = 1800.0
SMALL = ("search.method=sobol", "search.trials=4")
PRELOAD = 'run.preload=["torch", "torch._dynamo", "sklearn"]'
"""One launcher then serves all scripts, and no trial's time holds the imports that the first ones would learn."""


@dataclass(frozen=True)
class Example:
    """What is particular about one of them.

    Attributes:
        before: Study files of the folder that run first.
        beside: Metrics to show beside the objective.
        folds: Whether a trial's number comes from folds.
        tables: Further tables, as arguments of tunectl; {study} is the study's name.
        needs: A module without which it is skipped.
        splits: Whether the study is run again on other splits of its data.
    """

    before: tuple[str, ...] = ()
    beside: tuple[str, ...] = ("val_accuracy",)
    folds: bool = False
    tables: tuple[tuple[str, ...], ...] = ()
    needs: str = ""
    splits: bool = False


EXAMPLES = {
    "learning_rate": Example(),
    "batch_size": Example(),
    "optimizers": Example(),
    "activations": Example(),
    "regularization": Example(beside=("val_accuracy", "train_loss")),
    "depth_width": Example(beside=("val_accuracy", "parameters")),
    "data_size": Example(beside=("val_accuracy", "train_loss")),
    "pretraining": Example(before=("source.toml",)),
    "architectures": Example(beside=("val_accuracy", "parameters")),
    "ensembles": Example(beside=("val_loss",), tables=(("ensemble", "{study}", "--test", "test"),), splits=True),
    "cross_validation": Example(beside=(), folds=True, tables=(("folds", "{study}", "--top", "5"),)),
    "keras": Example(needs="keras"),
    "shell_script": Example(beside=("train_error",)),
    "multi_objective": Example(),
}


class Unwell(Exception):
    """An example did not end as it should; the message says what happened."""


def tunectl(*arguments: str) -> str:
    """Run one command; what it prints on standard output.

    Raises:
        Unwell: It failed.
    """
    command = [sys.executable, "-I", "-m", "tuned.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unwell(f"tunectl {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


@contextmanager
def temporary_daemon(slots: int) -> Iterator[Daemon]:
    """A daemon of its own, which is gone with its folder afterwards; this process's environment leads to it."""
    with tempfile.TemporaryDirectory(prefix="tuned-examples-") as home:
        os.environ["TUNED_HOME"] = home
        for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):  # trials run where this runs
            os.environ.pop(name, None)
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        tunectl("daemon", "start", "--slots", str(slots))
        try:
            yield tuned.connect(start=False)
        finally:
            tunectl("daemon", "stop", "--stop-trials")


def submit(daemon: Daemon, file: Path, small: bool, split: int | None = None) -> SubmittedStudy:
    """Submit a study file as it is, or with a few short trials, or on another split under another name."""
    study = tomllib.loads(file.read_text())
    settings = [f"run.python={sys.executable}", *([PRELOAD] if "script" in study["run"] else [])]
    if small:
        settings += SMALL
        settings += ["space.epochs=2"] if "epochs" in study["space"] else []
    name = study["name"] if split is None else f"{study['name']}-{split}"
    settings += [] if split is None else [f"space.split={split}"]
    tunectl("submit", str(file), "--as", name, *(flag for setting in settings for flag in ("--set", setting)))
    return daemon.study(name)


def finish(study: SubmittedStudy) -> None:
    """Wait until it has ended, and look whether it ended well.

    Raises:
        Unwell: It did not, or one of its trials did not complete, or gave no number.
    """
    row = study.wait(timeout=DEADLINE_S)
    if row.state != "completed":
        raise Unwell(f"{study.name} is {row.state}: {row.reason}")
    names = [objective.metric for objective in row.objectives]
    for trial in study.trials:
        if trial.state != "completed" or any(name not in trial.values for name in names):
            raise Unwell(f"{study.name}/{trial.number} is {trial.state}: {trial.reason}")


def measured(study: SubmittedStudy, question: Question, example: Example) -> list[Measured]:
    """Every trial with its numbers: objectives, CPU seconds, and what is shown beside them."""
    found = []
    for trial in study.trials:
        numbers = {name: [float(trial.values[name])] for name in question.objectives}
        rows = study.metrics(trial.number) if example.beside or example.folds else []
        for name in example.beside:
            numbers[name] = [float(row.value) for row in rows if row.name == name][-1:]
        if example.folds:
            for name in question.objectives:
                numbers[name] = [float(row.value) for row in rows if row.name == f"folds/{name}"]
        ended = Path(os.environ["TUNED_HOME"], "runs", study.name, str(trial.number), str(trial.attempt), "exit.json")
        numbers["seconds"] = [json.loads(ended.read_text())["cpu_seconds"]]
        found.append(Measured(trial.params, numbers))
    return found


def tables_of(study: SubmittedStudy, file: Path, example: Example) -> str:
    """All tables of an example, as Markdown, and how they came about."""
    question = Question.of(tomllib.loads(file.read_text()))
    trials = measured(study, question, example)
    row = study.row
    seconds = (row.ended_at or row.created_at) - row.created_at
    versions = ", ".join(f"{name} {version(name)}" for name in ("scikit-learn", "torch"))
    how = f"{len(trials)} trials in {seconds:.0f} s on {os.cpu_count()} cores; {versions}."
    several = len(question.objectives) > 1
    found = [
        front_table(question, trials) if several else effect_table(question, trials, example.beside, example.folds)
    ]
    for arguments in example.tables:
        command = [a.format(study=study.name) for a in arguments]
        found.append(tunectl(*command, "--format", "md").strip())
    return "\n\n".join([*found, how])


def run(daemon: Daemon, name: str, small: bool) -> str:
    """One example from the beginning to its tables.

    Raises:
        Unwell: It did not end well.
    """
    example = EXAMPLES[name]
    for source in example.before:
        finish(submit(daemon, HERE / name / source, small))
    file = HERE / name / "study.toml"
    study = submit(daemon, file, small)
    finish(study)
    tables = tables_of(study, file, example)
    if not example.splits or small:
        return tables

    def run_split(split: int) -> str:
        again = submit(daemon, file, small, split)
        finish(again)
        return again.name

    return f"{tables}\n\n{over_splits(run_split, tunectl)}"


def told(daemon: Daemon, name: str, small: bool) -> tuple[str, str]:
    """Run an example and say how it went: its tables, and what was wrong with it, if anything."""
    needs = EXAMPLES[name].needs
    if needs and importlib.util.find_spec(needs) is None:
        print(f"{name}: skipped, since {needs} is not installed in this environment (pip install {needs})\n")
        return "", ""
    began = time.monotonic()
    try:
        tables = run(daemon, name, small)
    except (Unwell, TunedError, TimeoutError) as error:
        print(f"{name} did not end well: {error}\n", file=sys.stderr)
        return "", str(error)
    print(f"{name}: ended well, {time.monotonic() - began:.0f} s\n\n{tables}\n", flush=True)
    return tables, ""


def write(name: str, tables: str) -> None:
    """Put the tables into the example's README."""
    readme = HERE / name / "README.md"
    readme.write_text(put_between(readme.read_text(), tables))
    print(f"wrote {readme.relative_to(HERE.parent)}\n")


def arguments_of(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.run", description="Run examples and show their tables.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(EXAMPLES)}; none: all of them")
    parser.add_argument("--small", action="store_true", help="a few short trials of each")
    parser.add_argument("--write", action="store_true", help="put the tables into the READMEs")
    parser.add_argument("--slots", type=int, default=2, help="trials at once (2)")
    found = parser.parse_args(given)
    unknown = [name for name in found.names if name not in EXAMPLES]
    if unknown:
        parser.error(f"there is no example {unknown[0]} (there are {', '.join(EXAMPLES)})")
    if found.small and found.write:
        parser.error("--write is for whole runs (leave --small out)")
    return found


def main(given: Sequence[str] | None = None) -> int:
    """Run the examples; 0 when all that were not skipped ended well, else 1."""
    arguments = arguments_of(given)
    names: list[str] = arguments.names or list(EXAMPLES)
    wrong: dict[str, str] = {}
    with temporary_daemon(arguments.slots) as daemon:
        for name in names:
            tables, trouble = told(daemon, name, arguments.small)
            if trouble:
                wrong[name] = trouble
            elif tables and arguments.write:
                write(name, tables)
    if wrong:
        print(f"{len(wrong)} of {len(names)} did not end well: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
