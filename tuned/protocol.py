"""The run-directory contract between the daemon and what runs beside the user's code.

Owns every file name, environment name and record that crosses that seam, and how records are written and read.
It must stay importable by any Python from 3.9 on, with the standard library alone, from any layer; it decides nothing.

A run directory belongs to one attempt and is never reused::

    runs/<study>/study.json                      what a database can be rebuilt from     daemon
    runs/<study>/<number>/checkpoint/            shared by the attempts of a trial
    runs/<study>/<number>/checkpoint.copy/       the same as it was when the trial was told to stop     supervisor
    runs/<study>/<number>/<attempt>/
        spec.json      what to run                      daemon, before it asks for the launch
        lock           flock held while the attempt lives                      supervisor
        revoked        the attempt must never start                            daemon (recovery)
        wait.json      what keeps the trial from being forked, as long as it does     supervisor
        start.json     who runs, written before any user code                  supervisor
        metrics.jsonl  one JSON object a line, appended           trial, any language, supervisor
        output.log     standard output and error                                supervisor
        gaps           which metrics wait in memory, as the disk was full     trial, supervisor
        stop.json      it is time to stop, and why                             daemon
        freeze.json    whether its processes shall stand still                 daemon
        modules.json   slow imports seen (for the learned preload)             trial
        exit.json      how it ended, written once                              supervisor
        work/          for whatever the trial writes
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
from typing import Any, Dict, Mapping, Optional, Union

from tuned import faults
from tuned.plain_files import NotPlain, read_plain

PROTOCOL = 1
"""Version of the records below. A daemon adopts attempts of this version and of the one before."""

STUDY_FILE = "study.json"
SPEC_FILE = "spec.json"
LOCK_FILE = "lock"
REVOKED_FILE = "revoked"
WAIT_FILE = "wait.json"
START_FILE = "start.json"
METRICS_FILE = "metrics.jsonl"
OUTPUT_FILE = "output.log"
GAPS_FILE = "gaps"
STOP_FILE = "stop.json"
FREEZE_FILE = "freeze.json"
MODULES_FILE = "modules.json"
EXIT_FILE = "exit.json"
WORK_DIR = "work"
CHECKPOINT_DIR = "checkpoint"
COPY_SUFFIX = ".copy"
"""Behind `checkpoint`: the copy that an attempt falls back to which cannot go on from the checkpoint itself."""
PREDICTIONS_DIR = "predictions"
DATA_PREFIX = "data-"
"""`predictions/<split>.npz` is what a model said of a split; `predictions/data-<split>.npz` hashes its examples."""
GRADIENTS_FILE = "gradients.json"
EXITS_DIR = "exits"
"""Beside `runs/`: exit records of attempts whose own directory took none."""

RECORDS = frozenset(
    (
        SPEC_FILE, LOCK_FILE, REVOKED_FILE, WAIT_FILE, START_FILE, METRICS_FILE, OUTPUT_FILE, GAPS_FILE, STOP_FILE,
        FREEZE_FILE, MODULES_FILE, EXIT_FILE, GRADIENTS_FILE, WORK_DIR, PREDICTIONS_DIR,
    )
)  # fmt: skip
"""Our files in a run directory: nothing else may be written under these names."""

ENV_PREFIX = "TUNED_"
ENV_HOME = "TUNED_HOME"
ENV_ATTEMPT = "TUNED_ATTEMPT"
ENV_RUN_DIR = "TUNED_RUN_DIR"
ENV_METRICS = "TUNED_METRICS"
ENV_STOP = "TUNED_STOP"
ENV_PARAMS = "TUNED_PARAMS"
ENV_PARAM_PREFIX = "TUNED_PARAM_"
ENV_STUDY = "TUNED_STUDY"
ENV_NUMBER = "TUNED_NUMBER"
ENV_ATTEMPT_NUMBER = "TUNED_ATTEMPT_NUMBER"
ENV_SEED = "TUNED_SEED"
ENV_STAGE = "TUNED_STAGE"
ENV_DEVICE = "TUNED_DEVICE"
ENV_CHECKPOINT_DIR = "TUNED_CHECKPOINT_DIR"
ENV_WORK = "TUNED_WORK"
ENV_RESUMED = "TUNED_RESUMED"

ENV_FOLD = "TUNED_FOLD"

FOLD_PREFIX = "fold"
"""`fold2/val_loss`: what the second fold reported."""
FOLDS_PREFIX = "folds/"
"""`folds/val_loss`: one value a fold, whose step is the fold's number."""

STEP_KEY = "step"
TIME_KEY = "_time"
SDK_MARK = "sdk"
STOP_SEEN_MARK = "stop_seen"
CHECKPOINT_MARK = "checkpoint"
QUIET_MARK = "_mark"
"""A line with one of these as its only key is no observation; `_mark` carries notes for people."""
NO_METRIC = frozenset((STEP_KEY, TIME_KEY, SDK_MARK, STOP_SEEN_MARK, CHECKPOINT_MARK, QUIET_MARK))
"""Keys of a line that are no metric's name."""

FORK_SAFE_MODULES = (
    "torch", "torch._dynamo", "numpy", "scipy", "sklearn", "pandas", "PIL", "matplotlib.pyplot", "xgboost", "lightgbm",
    "torchvision", "torchmetrics", "timm", "accelerate", "transformers", "transformers.trainer", "lightning",
    "pytorch_lightning", "stable_baselines3",
)  # fmt: skip
"""The modules that a launcher may import before it forks, and that the preload can learn, in the order of imports.

Keras is none of them: on torch it asks for CUDA while it is imported, which no forked process can use then.
"""
FORK_UNSAFE_MODULES = ("tensorflow", "jax", "grpc")
"""No process that has imported one of these is forked: their threads and locks do not live on in a child."""
BRING_OTHERS = frozenset(
    ("transformers", "transformers.trainer", "accelerate", "lightning", "pytorch_lightning", "stable_baselines3")
)
"""Fork-safe modules that import unsafe ones where these are installed: then they are not learned."""

SCARCE = frozenset((errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE))
"""Errors of a machine that has no process, memory or descriptor to give now, whoever asks."""
WHEN_SCARCE = "the machine has no process, memory or descriptor to give now: end other programs, or try again later"
"""The remedy for these."""
TRY_LATER = 75
"""Exit code of a launcher that ended for one of these before it was ready (EX_TEMPFAIL)."""

_encode = json.JSONEncoder(separators=(",", ":")).encode

Record = Dict[str, Any]
Metric = Union[float, int]


class RecordError(ValueError):
    """A record file exists but does not hold what this contract says."""


def trial_environment(spec: Mapping[str, Any], run_dir: str) -> Dict[str, str]:
    """The `TUNED_*` variables of one attempt.

    Args:
        spec: The content of `spec.json`.
        run_dir: Absolute path of the attempt's run directory.

    Returns:
        Names and values to lay over the environment of the launcher. `TUNED_PARAMS` is one JSON object; each
        parameter is also `TUNED_PARAM_<NAME>`, upper case, with every other character than A-Z, 0-9 replaced by `_`.
    """
    params = spec["params"]
    env = {
        ENV_ATTEMPT: spec["attempt_id"],
        ENV_RUN_DIR: run_dir,
        ENV_METRICS: os.path.join(run_dir, METRICS_FILE),
        ENV_STOP: os.path.join(run_dir, STOP_FILE),
        ENV_PARAMS: json.dumps(params),
        ENV_STUDY: spec["study"],
        ENV_NUMBER: str(spec["number"]),
        ENV_ATTEMPT_NUMBER: str(spec["attempt"]),
        ENV_SEED: str(spec["seed"]),
        ENV_STAGE: spec["stage"],
        ENV_DEVICE: spec["device"],
        ENV_CHECKPOINT_DIR: spec["checkpoint_dir"],
        ENV_WORK: os.path.join(run_dir, WORK_DIR),
        ENV_RESUMED: "1" if spec["resumed"] else "",
    }
    for name, value in params.items():
        env[ENV_PARAM_PREFIX + environment_name(name)] = value if isinstance(value, str) else json.dumps(value)
    return env


def environment_name(parameter: str) -> str:
    """`optim.lr` -> `OPTIM_LR`: how a parameter is spelled after `TUNED_PARAM_`."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in parameter).upper()


def encode_number(value: Metric) -> Union[float, int, str]:
    """A metric as JSON can carry it: non-finite values become `nan`, `inf`, `-inf`."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def encode_numbers(values: Mapping[str, Metric]) -> Dict[str, Union[float, int, str]]:
    """Metric values as JSON can carry them."""
    return {name: encode_number(value) for name, value in values.items()}


def encode_all(data: Any) -> Any:
    """Plain data that JSON can carry: arrays as lists, numbers as `encode_number` has them."""
    if hasattr(data, "tolist"):
        data = data.tolist()
    if isinstance(data, Mapping):
        return {str(key): encode_all(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [encode_all(value) for value in data]
    return encode_number(data) if isinstance(data, float) else data


def decode_number(value: object) -> float:
    """The metric that `encode_number` or any other writer meant.

    Raises:
        ValueError: It is no number (booleans are not numbers), or a whole number that no float can hold.
    """
    if isinstance(value, bool):
        raise ValueError("a boolean is not a number")
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            raise ValueError("the number is too large") from None
    if isinstance(value, str):
        return float(value)
    raise ValueError("%s is not a number" % type(value).__name__)


def encode_line(record: Mapping[str, Any]) -> bytes:
    """One line of `metrics.jsonl`, newline included, ready for a single `write`."""
    return (_encode(record) + "\n").encode()


def write_record(
    folder: str, name: str, record: Mapping[str, Any], durable: bool = True, version: int = PROTOCOL
) -> None:
    """Write a record so that a reader, or the machine after a power cut, sees all of it or nothing.

    Several may write the same record at once: each writes a file of its own, and the last rename wins.

    Args:
        folder: The run directory.
        name: One of the `*_FILE` names.
        record: The record; `protocol` is added.
        durable: Sync file and folder (temp, fsync, rename, fsync); without it the rename alone makes it atomic.
        version: The protocol of whoever reads it, which may be a supervisor of the version before.

    Raises:
        OSError: The folder is gone, read-only or full; nothing is left behind.
    """
    data = json.dumps(dict(record, protocol=version), separators=(",", ":")).encode()
    temporary = os.path.join(folder, ".%s.%s" % (name, os.urandom(8).hex()))
    target = os.path.join(folder, name)
    try:
        _write_and_rename(data, temporary, target, durable)
    except OSError as error:
        # Named by the record: the file of this moment says nothing to anybody, and is another at every try.
        raise OSError(error.errno, error.strerror or str(error), target) from error
    if durable:
        sync_folder(folder)


def _write_and_rename(data: bytes, temporary: str, target: str, durable: bool) -> None:
    faults.check("open", target)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            faults.check("write", target)
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            if durable:
                faults.check("fsync", target)
                os.fsync(fd)
        finally:
            os.close(fd)
        faults.check("rename", target)
        os.rename(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def exits_dir(run_dir: str) -> str:
    """Where an exit record goes that the run directory does not take; it is then named by the attempt's id."""
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(run_dir))))
    return os.path.join(home, EXITS_DIR)


def sync_folder(folder: str) -> None:
    """Make the names in a folder survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_record(folder: str, name: str) -> Optional[Record]:
    """The record, or None when it has not been written.

    Raises:
        RecordError: It is there but damaged, or from a version this one does not know.
    """
    path = os.path.join(folder, name)
    try:
        with read_plain(path) as file:
            data = file.read()
    except FileNotFoundError:
        return None
    except NotPlain as error:
        raise RecordError("%s is damaged: %s" % (path, error.strerror)) from error
    try:
        record = json.loads(data)
        version = record["protocol"]
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError("%s is damaged: %s" % (path, error)) from error
    if not isinstance(version, int) or not PROTOCOL - 1 <= version <= PROTOCOL:
        raise RecordError("%s is of protocol %r; this is %d" % (path, version, PROTOCOL))
    return record  # type: ignore[no-any-return]


def boot_id() -> str:
    """Identity of this boot of the machine: process ids of another boot mean nothing."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def process_start_time(pid: int) -> Optional[int]:
    """Clock ticks after boot at which a process began, or None when there is none.

    A pid and its start time together name one process for ever; a pid alone may have been given away again.
    """
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            after_name = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(after_name[19])
