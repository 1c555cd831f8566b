"""Run directories as the second truth: the studies, trials and attempts that lie below `runs/`.

Owns reading them. A record that cannot be read counts as missing, so that one bad folder hides no other.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuned import protocol
from tuned.core.errors import InvalidInput
from tuned.core.names import check_study_name
from tuned.core.states import StopReason
from tuned.daemon.files import records, rights, run_dirs


@dataclass(frozen=True, slots=True)
class FoundAttempt:
    """A run directory.

    Attributes:
        spec, start, exit: Its records; None where there is none, or none of this attempt that can be read.
        stop: The reason in its `stop.json`; None without one.
        at: Unix seconds at which its `spec.json` was written.
    """

    number: int
    run_dir: Path
    spec: dict[str, Any] | None
    start: dict[str, Any] | None
    exit: dict[str, Any] | None
    stop: StopReason | None
    at: float

    @property
    def attempt_id(self) -> str:
        """Its unique id; empty without a `spec.json`."""
        return "" if self.spec is None else str(self.spec["attempt_id"])


def studies(runs: Path) -> Iterator[Path]:
    """The folders of studies: those with a record or with a trial in them."""
    for folder in sorted(_folders(runs)):
        rights.give(folder)  # a trial may have shut it: no reason to keep the daemon from starting
        with contextlib.suppress(InvalidInput):
            check_study_name(folder.name)
            if (folder / protocol.STUDY_FILE).exists() or run_dirs.numbered(folder):
                yield folder


def record(study: Path) -> dict[str, Any] | None:
    """A study's record; None where there is none that can be read."""
    with contextlib.suppress(OSError, protocol.RecordError):
        found = protocol.read_record(str(study), protocol.STUDY_FILE)
        if found is not None and found.get("name") == study.name and isinstance(found.get("spec"), dict):
            return found
    return None


def attempt(run_dir: Path) -> FoundAttempt:
    """One run directory."""
    spec: dict[str, Any] | None = None
    at = 0.0
    with contextlib.suppress(OSError):
        spec = run_dirs.spec(run_dir)
        at = (run_dir / protocol.SPEC_FILE).stat().st_mtime
        if not (isinstance(spec.get("attempt_id"), str) and isinstance(spec.get("params"), dict)):
            spec = None
    own = "" if spec is None else str(spec["attempt_id"])
    stop = None
    with contextlib.suppress(OSError, protocol.RecordError):
        stop = StopReason.recorded((protocol.read_record(str(run_dir), protocol.STOP_FILE) or {}).get("reason"))
    return FoundAttempt(
        number=int(run_dir.name),
        run_dir=run_dir,
        spec=spec,
        start=_readable(records.start, run_dir, own),
        exit=_readable(lambda folder, attempt_id: records.end(folder, attempt_id)[0], run_dir, own),
        stop=stop,
        at=at,
    )


def _readable(
    record: Callable[[Path, str], dict[str, Any] | None], run_dir: Path, attempt_id: str
) -> dict[str, Any] | None:
    with contextlib.suppress(OSError):
        return record(run_dir, attempt_id)
    return None


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        return []
