"""Run directories as the daemon sees them: making one, and reading what its attempt has written.

Owns where a trial's folders lie and how facts are taken from them. It decides nothing and touches no database.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuned import protocol

READ_BYTES = 4 * 2**20
"""At most this much of a metrics file is read at a time, so that one busy trial does not hold up the others."""
TAIL_BYTES = 16 * 2**10


def trial_dir(runs: Path, study: str, number: int) -> Path:
    """The folder that holds a trial's attempts."""
    return runs / study / str(number)


def checkpoint_dir(runs: Path, study: str, number: int) -> Path:
    """The folder that a trial's attempts share; made by whoever writes the first checkpoint."""
    return trial_dir(runs, study, number) / protocol.CHECKPOINT_DIR


def create(run_dir: Path, spec: Mapping[str, Any]) -> None:
    """Make the directory of a new attempt, durably, with its `spec.json`.

    Raises:
        FileExistsError: It is there already: a run directory is never used again.
        OSError: The disk is full or read-only.
    """
    new = [p for p in (run_dir.parent, run_dir.parent.parent) if not p.exists()]
    run_dir.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    run_dir.mkdir(mode=0o700)
    (run_dir / protocol.WORK_DIR).mkdir()
    (run_dir / protocol.METRICS_FILE).touch(mode=0o600)
    protocol.write_record(str(run_dir), protocol.SPEC_FILE, spec)
    for folder in (run_dir.parent, *(p.parent for p in new)):
        protocol.sync_folder(str(folder))


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run directory shows.

    Attributes:
        start, exit: The records, None while unwritten.
        data: Bytes of the metrics file from the asked offset on, at most `READ_BYTES`.
        more: Whether the file goes on behind `data`.
        shrunk: The file is shorter than the offset (a power cut took its tail).
    """

    start: dict[str, Any] | None
    exit: dict[str, Any] | None
    data: bytes
    more: bool
    shrunk: bool


def look(run_dir: Path, offset: int, started: bool) -> Facts:
    """Read what is new. The exit record comes first: whatever it ended is then wholly in the metrics file.

    Raises:
        protocol.RecordError: A record is damaged or of an unknown version.
    """
    exit_record = protocol.read_record(str(run_dir), protocol.EXIT_FILE)
    start = None if started else protocol.read_record(str(run_dir), protocol.START_FILE)
    data, size = b"", offset
    try:
        with open(run_dir / protocol.METRICS_FILE, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > offset:
                file.seek(offset)
                data = file.read(READ_BYTES)
                os.fdatasync(file.fileno())
    except FileNotFoundError:
        pass
    return Facts(start, exit_record, data, size > offset + len(data), size < offset)


def tail(run_dir: Path, limit: int = TAIL_BYTES) -> str:
    """The last bytes of an attempt's output, undecodable ones replaced; empty when there is none."""
    try:
        with open(run_dir / protocol.OUTPUT_FILE, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - limit))
            return file.read(limit).decode("utf-8", "replace")
    except OSError:
        return ""


def revoke_if_unstarted(run_dir: Path) -> str:
    """Probe the lock, and if nobody holds it and nothing has started, make sure that nothing ever will.

    Returns:
        `held` (a supervisor lives), `started` (it lived: there is a start record), `revoked` (it never started and a
        late one will find the `revoked` file) or `absent` (there is no directory).
    """
    if not run_dir.is_dir():
        return "absent"
    fd = os.open(run_dir / protocol.LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return "held"
        if (run_dir / protocol.START_FILE).exists():
            return "started"
        (run_dir / protocol.REVOKED_FILE).touch(mode=0o600)
        protocol.sync_folder(str(run_dir))
        return "revoked"
    finally:
        os.close(fd)


def remove_study(runs: Path, study: str) -> None:
    """Remove a deleted study's folders; gone from its place at once, from the disk a little later."""
    folder = runs / study
    if folder.exists():
        grave = runs / f".deleted-{study}-{os.getpid()}-{os.urandom(4).hex()}"
        folder.rename(grave)
        shutil.rmtree(grave, ignore_errors=True)
