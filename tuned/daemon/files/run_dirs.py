"""Run directories as the daemon sees them: making one, and reading what its attempt has written.

Owns where a trial's folders lie and how facts are taken from them. It decides nothing and touches no database.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuned import protocol
from tuned.core.playbook.spec import TEST_STAGE
from tuned.core.trials.trial import Trial
from tuned.daemon.files import records, rights
from tuned.metrics_appender import EMPTY_GAPS
from tuned.plain_files import NotPlain, is_locked, open_plain, read_plain

READ_BYTES = 4 * 2**20
"""At most this much of a metrics file is read at a time, so that one busy trial does not hold up the others."""
TAIL_BYTES = 16 * 2**10
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


def trial_dir(runs: Path, study: str, number: int) -> Path:
    """The folder that holds a trial's attempts."""
    return runs / study / str(number)


def checkpoint_dir(runs: Path, study: str, number: int) -> Path:
    """The folder that a trial's attempts share; made by whoever writes the first checkpoint."""
    return trial_dir(runs, study, number) / protocol.CHECKPOINT_DIR


def has_checkpoint(runs: Path, study: str, number: int) -> bool:
    """Whether an attempt of this trial has saved anything."""
    try:
        with os.scandir(checkpoint_dir(runs, study, number)) as entries:
            return next(entries, None) is not None
    except FileNotFoundError:
        return False


def checkpoints_of(trial: Trial) -> int:
    """Number of the trial whose checkpoints a trial finds: its own, or for a look at the test set the final model's."""
    return trial.retry_of if trial.stage == TEST_STAGE and trial.retry_of is not None else trial.number


def create(run_dir: Path, spec: Mapping[str, Any] | Callable[[], Mapping[str, Any]]) -> None:
    """Make the directory of a new attempt, durably, with its `spec.json`.

    Args:
        run_dir: The new folder.
        spec: The content of `spec.json`; or what gives it, called once `work/` is there to put the trial's own files
            into it.

    Raises:
        FileExistsError: It is there already: a run directory is never used again.
        OSError: The disk is full or read-only; nothing is left behind that would be in the way of another try.
    """
    for folder in (run_dir.parent.parent, run_dir.parent):
        rights.give(folder)
    new = [p for p in (run_dir.parent, run_dir.parent.parent) if not p.exists()]
    run_dir.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    run_dir.mkdir(mode=0o700)
    (run_dir / protocol.WORK_DIR).mkdir()
    (run_dir / protocol.METRICS_FILE).touch(mode=0o600)
    _write_new(run_dir / protocol.GAPS_FILE, EMPTY_GAPS)
    protocol.write_record(str(run_dir), protocol.SPEC_FILE, spec() if callable(spec) else spec)
    for folder in (run_dir.parent, *(p.parent for p in new)):
        protocol.sync_folder(str(folder))


@dataclass(frozen=True, slots=True)
class Facts:
    """The state of a run directory.

    Attributes:
        start, exit: The records, None while unwritten.
        data: Bytes of the metrics file from the asked offset on, at most `READ_BYTES`.
        more: Whether the file goes on behind `data`.
        replaced: The file is not the one that was read up to the offset: it is shorter (a power cut took its tail, or
            somebody wrote it anew) or another file. `data` is then from its beginning.
        damaged: The fault of the directory, for people; empty without one.
        inode: The metrics file's; 0 when there is none.
        waits: The obstacle to its trial's fork, for people; empty when there is none.
    """

    start: dict[str, Any] | None
    exit: dict[str, Any] | None
    data: bytes
    more: bool
    replaced: bool
    damaged: str = ""
    inode: int = field(default=0, compare=False)
    waits: str = ""


def look(run_dir: Path, offset: int, started: bool, inode: int = 0, attempt_id: str = "") -> Facts:
    """Read what is new. The exit record comes first: whatever it ended is then wholly in the metrics file.

    A damaged record counts as none: what is known then is only what the lock says.

    Args:
        run_dir: The run directory; it may be missing.
        offset: Bytes of the metrics file that were read before.
        started: Whether the start record is known already.
        inode: The metrics file's inode when it was read last; 0 when that is not known.
        attempt_id: Owner of the records; empty: any attempt's.

    Raises:
        OSError: The metrics cannot be read at the moment.
    """
    rights.let_in(run_dir)
    exit_record, no_exit = records.end(run_dir, attempt_id)
    start, no_start = (
        (None, "") if started else records.read(run_dir, protocol.START_FILE, records.START_FIELDS, attempt_id)
    )
    waits = None
    if not (started or start):
        waits = records.read(run_dir, protocol.WAIT_FILE, records.WAIT_FIELDS, attempt_id)[0]
    data, size, found, replaced = b"", offset, 0, False
    no_metrics = ""
    try:
        metrics = run_dir / protocol.METRICS_FILE
        with rights.read_own(metrics, lambda: read_plain(metrics)) as file:
            status = os.fstat(file.fileno())
            size, found = status.st_size, status.st_ino
            replaced = size < offset or (inode not in (0, found) and offset > 0)
            if replaced:
                offset = 0
            if size > offset:
                file.seek(offset)
                data = file.read(READ_BYTES)
                os.fdatasync(file.fileno())
    except FileNotFoundError:
        pass
    except (NotADirectoryError, NotPlain, PermissionError) as error:
        no_metrics = f"{error.filename}: {error.strerror}"
    damaged = no_exit or no_start or no_metrics
    more, why = size > offset + len(data), "" if waits is None else str(waits["why"])
    return Facts(start, exit_record, data, more, replaced, damaged, found, why)


def _write_new(path: Path, content: bytes) -> None:
    """A file whose blocks are its own from now on, so that writing into it needs no room. It is not synced."""
    with path.open("xb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, len(content))
        file.write(content)


def record_failed_start(run_dir: Path, attempt_id: str, why: str, now: float) -> None:
    """Nothing was started and nothing will be: say so in the directory, as a supervisor would.

    Raises:
        OSError: It cannot be written.
    """
    record = {
        "attempt_id": attempt_id,
        "code": 1,
        "signal": None,
        "ended_at": now,
        "seconds": 0.0,
        "launch_error": why,
    }
    (run_dir / protocol.OUTPUT_FILE).write_text(f"{why}\n")
    protocol.write_record(str(run_dir), protocol.EXIT_FILE, record)


def spec(run_dir: Path) -> dict[str, Any]:
    """The content of `spec.json`.

    Raises:
        OSError: It cannot be read.
    """
    try:
        found = protocol.read_record(str(run_dir), protocol.SPEC_FILE)
    except protocol.RecordError as error:
        raise OSError(errno.EIO, str(error)) from error
    if found is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(run_dir / protocol.SPEC_FILE))
    return found


def tail(run_dir: Path, limit: int = TAIL_BYTES) -> str:
    """The last bytes of an attempt's output, undecodable ones replaced; empty when there is none."""
    try:
        with read_plain(run_dir / protocol.OUTPUT_FILE) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - limit))
            return file.read(limit).decode("utf-8", "replace")
    except OSError:
        return ""


def fence(run_dir: Path) -> None:
    """Leave word that an attempt elsewhere is over: its supervisor never begins, or ends its trial, should it live."""
    with contextlib.suppress(OSError):
        (run_dir / protocol.REVOKED_FILE).touch(mode=0o600)


def revoke_if_unstarted(run_dir: Path) -> str:
    """Probe the lock, and if nobody holds it and nothing has started, make sure that nothing ever will.

    Returns:
        `held` (a supervisor lives), `started` (it lived: there is a start record), `revoked` (it never started and a
        late one will find the `revoked` file) or `absent` (there is no directory).
    """
    if not run_dir.is_dir():
        return "absent"
    lock = run_dir / protocol.LOCK_FILE
    try:
        fd = open_plain(lock, os.O_RDWR | os.O_CREAT)
    except OSError:
        if not os.path.lexists(lock) or (lock.is_file() and not lock.is_symlink()):
            raise
        # Somebody has put something else in its place: only the process table knows whether a supervisor lives.
        return _without_lock(run_dir)
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


def _without_lock(run_dir: Path) -> str:
    start = records.start(run_dir)
    if start is not None:
        pid = int(start["supervisor_pid"])
        alive = protocol.process_start_time(pid) == start["supervisor_start"]
        return "held" if alive and start["boot_id"] == protocol.boot_id() else "started"
    # A supervisor that comes late cannot take a lock that is no file, and finds this besides.
    (run_dir / protocol.REVOKED_FILE).touch(mode=0o600)
    protocol.sync_folder(str(run_dir))
    return "revoked"


def is_held(run_dir: Path) -> bool:
    """Whether a supervisor holds the attempt's lock."""
    return is_locked(run_dir / protocol.LOCK_FILE)


def attempt_numbers(trial: Path) -> list[int]:
    """Numbers of the attempts that have a run directory in a trial's folder, in their order."""
    return sorted(numbered(trial))


def numbered(folder: Path) -> list[int]:
    """The folders in a folder whose names are numbers from 1; none where it is not there."""
    try:
        with os.scandir(folder) as entries:
            return [int(e.name) for e in entries if _NUMBER.fullmatch(e.name) and e.is_dir()]
    except OSError:
        return []


def highest_taken(trial: Path, last: int) -> int:
    """The highest number of an attempt that must not be given again.

    Args:
        trial: The trial's folder.
        last: Number of the last attempt that has a row; 0 before the first. A folder that was there before the first
            is a stranger's, and is set aside, unless something lives in it.
    """
    there = attempt_numbers(trial)
    if last == 0 and not any(is_held(trial / str(number)) for number in there):
        return 0
    return max(there, default=0)


def set_aside(folder: Path) -> Path:
    """Move a folder that no row knows out of the way, to `.aside-NAME-...` beside it: nothing is ever thrown away."""
    aside = folder.parent / f".aside-{folder.name}-{os.urandom(4).hex()}"
    folder.rename(aside)
    return aside


def drop_bare(folder: Path) -> None:
    """Remove a study's folder that holds its record alone, written while the study was being deleted."""
    with contextlib.suppress(OSError):
        if [entry.name for entry in folder.iterdir()] == [protocol.STUDY_FILE]:
            (folder / protocol.STUDY_FILE).unlink()
            folder.rmdir()
