"""How a trial of a study is run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Argument = str | tuple[str, ...]
Start = Literal["warm", "cold"]
Code = Literal["live", "snapshot"]
Share = Literal["auto", "never", "any"]


RETRIES = {"lost": 1}
"""Failure class -> how often such an attempt is tried again, where the study file does not say."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file that is written for each trial from another one.

    Attributes:
        source: Absolute path of the file that it starts from: YAML, JSON or TOML by its suffix.
        target: Where the trial finds it, placeholders unrendered.
        values: Dotted key -> text with placeholders; a text that is one placeholder keeps the parameter's type.
    """

    source: str
    target: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resume:
    """Arguments that are added when an earlier attempt has left a file; placeholders unrendered."""

    when: str
    args: tuple[Argument, ...] = ()


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one parameter is typed for the script's own option.

    Attributes:
        prefix: The text before a value in the same argument: `--lr=`, or `-n`.
        on: The arguments for true.
        off: The arguments for false.
        python: Whether values are read as Python literals.
    """

    prefix: str
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    python: bool = False


@dataclass(frozen=True, slots=True)
class RunSpec:
    """How a trial is run.

    Attributes:
        kind: `script` (run as `__main__`), `function` (called with the trial) or `command` (any program).
        script: Absolute path of the script or of the function's file; None for a command.
        module: Name of the module when it is run as `python -m NAME`; `script` is its file then. Empty otherwise.
        script_typed: The script as the study file spells it: what `sys.argv[0]` will be.
        function: Name of the function; None otherwise.
        command: Argument list of a command, placeholders unrendered.
        args: Arguments of a script, placeholders unrendered; a tuple is a group that stands or falls together.
        python: Absolute path of the interpreter; `python_why` says how it was chosen.
        cwd: Absolute path.
        env: Overlay on the submitter's environment, placeholders unrendered.
        preload: Modules the launcher imports ahead; None: learned from the first trial.
        timeout: Seconds of running time; None: no limit.
        grace: Seconds between being asked to stop and being made to.
        retries: Failure class -> how often such an attempt is tried again.
        cpus: Cores that a trial is confined to; None: an equal share of the machine's.
        gpus: GPUs a trial needs; None: one where there is one.
        share: Which trials one without `gpus` may share its card with: `auto` (those of its study), `any`, or `never`.
        preemptible: Whether its trials may make room for an urgent one; None: where they can go on from a checkpoint.
        gpu_memory: Bytes of a card that a trial is to stay below; None: all of it.
        limits: Resource limits of each trial, by name (`memory` and `file_size` in bytes, `open_files`, `processes`,
            `cpu_seconds`).
        code: `live` (the files as they are when a trial starts) or `snapshot` (as they were at submit).
        tree: Absolute path of the folder that a snapshot is made of; empty when live.
        code_hash: Of the script and its own imports (live) or of the whole snapshot; content of the study only then.
        data: Paths within `tree` that a trial finds linked instead of copied.
        config: Files that are written for each trial.
        folds: How many times the program is run in each trial, once a fold; 0: once.
        resume: The arguments that are added when there is a checkpoint to go on from; None when the code cannot.
        spelling: Parameter -> how `{params}` types it, read from the script's text at submit; a parameter that is not
            in it is typed as `--name=value`. No content of the study: it follows from the code.
        place: The place of `config.toml` that its trials run in; empty: this machine.
    """

    kind: Literal["script", "function", "command"]
    script: str | None = None
    script_typed: str | None = None
    function: str | None = None
    command: tuple[Argument, ...] = ()
    args: tuple[Argument, ...] = ()
    start: Start = "warm"
    python: str = ""
    python_why: str = ""
    cwd: str = "/"
    env: dict[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] | None = None
    timeout: float | None = None
    grace: float = 30.0
    retries: dict[str, int] = field(default_factory=RETRIES.copy)
    cpus: float | None = None
    gpus: float | None = None
    gpu_memory: int | None = None
    limits: dict[str, int] = field(default_factory=dict)
    code: Code = "live"
    tree: str = ""
    code_hash: str = ""
    data: tuple[str, ...] = ()
    config: tuple[ConfigFile, ...] = ()
    resume: Resume | None = None
    folds: int = 0
    spelling: dict[str, Spelling] = field(default_factory=dict)
    module: str = ""
    preemptible: bool | None = None
    share: Share = "auto"
    place: str = ""

    @property
    def root(self) -> str:
        """The folder that the imports of a module start from; empty for a script, whose own folder it is."""
        return self.cwd if self.module else ""
