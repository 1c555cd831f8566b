"""The records of an attempt: read so that a damaged one, or another attempt's, counts as none.

Owns the two places of an exit record. A run directory that takes none (it is read-only, or something lies in the way)
has its attempt's in `exits/` of the state folder, and that stays until the run directory has one of its own: whoever
reads run directories back needs it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tuned import protocol
from tuned.daemon.files import placed, rights
from tuned.metrics_appender import read_gaps

Fields = Mapping[str, tuple[type, ...]]

START_FIELDS: Fields = {
    "supervisor_pid": (int,),
    "supervisor_start": (int,),
    "pid": (int,),
    "pgid": (int,),
    "boot_id": (str,),
}
WAIT_FIELDS: Fields = {"why": (str,)}
_EXIT_FIELDS: Fields = {
    "code": (int, type(None)),
    "signal": (int, type(None)),
    "seconds": (int, float, type(None)),
}
_ENDING = ".json"


def read(run_dir: Path, name: str, fields: Fields, attempt_id: str = "") -> tuple[dict[str, Any] | None, str]:
    """A record, or None and what is wrong with it.

    Args:
        run_dir: The folder that it lies in.
        name: Its file's.
        fields: Its obligatory fields, with their types.
        attempt_id: Its owner; empty: any attempt's.
    """
    try:
        record = rights.read_own(run_dir / name, lambda: protocol.read_record(str(run_dir), name))
    except (protocol.RecordError, NotADirectoryError, PermissionError) as error:
        return None, str(error)
    if record is None:
        return None, ""
    if attempt_id and record.get("attempt_id") != attempt_id:
        return None, f"{run_dir / name} is another attempt's"
    wrong = next((field for field, kinds in fields.items() if not isinstance(record.get(field), kinds)), None)
    return (record, "") if wrong is None else (None, f"{run_dir / name} has no proper {wrong}")


def start(run_dir: Path, attempt_id: str = "") -> dict[str, Any] | None:
    """The start record, of this attempt or of any; None when there is none that can be used."""
    return read(run_dir, protocol.START_FILE, START_FIELDS, attempt_id)[0]


def end(run_dir: Path, attempt_id: str) -> tuple[dict[str, Any] | None, str]:
    """The exit record from either place, or None and what is wrong with it.

    Its `gaps` name the metrics of which values are missing: the disk was full until the processes ended.
    """
    found, wrong = read(run_dir, protocol.EXIT_FILE, _EXIT_FIELDS, attempt_id)
    if found is None and attempt_id:
        found, why = read(_second_place(run_dir), attempt_id + _ENDING, _EXIT_FIELDS, attempt_id)
        wrong = wrong or why
    if found is None:
        return None, wrong
    gaps = read_gaps(str(run_dir))
    return ({**found, "gaps": gaps} if gaps else found), ""


def has_end(run_dir: Path, attempt_id: str) -> bool:
    """Whether there is an exit record that can be used."""
    return end(run_dir, attempt_id)[0] is not None


def bring_home(run_dir: Path, attempt_id: str) -> bool:
    """Move an exit record from its second place into the run directory; whether none is left there.

    Until the run directory takes it, it stays.
    """
    second = _second_place(run_dir)
    if not os.path.lexists(second / (attempt_id + _ENDING)):
        return True
    try:
        if read(run_dir, protocol.EXIT_FILE, _EXIT_FIELDS, attempt_id)[0] is None:
            record, _ = read(second, attempt_id + _ENDING, _EXIT_FIELDS, attempt_id)
            if record is None:
                return False
            rights.let_in(run_dir)
            protocol.write_record(str(run_dir), protocol.EXIT_FILE, record)
        (second / (attempt_id + _ENDING)).unlink()
    except OSError:
        return False
    return True


def kept_elsewhere(runs: Path) -> Iterator[Path]:
    """The exit records that lie in their second place: of the state folder, and of the places of its studies."""
    away = {folder.parent for _, folder in placed.links(runs)}
    for folder in (runs, *sorted(away)):
        with contextlib.suppress(OSError):
            yield from sorted((folder.parent / protocol.EXITS_DIR).glob(f"[!.]*{_ENDING}"))


def drop(kept: Path) -> None:
    """Remove an exit record from its second place: its trial was deleted."""
    with contextlib.suppress(OSError):
        kept.unlink()


def _second_place(run_dir: Path) -> Path:
    study = run_dir.parent.parent
    away = placed.target(study)
    return Path(protocol.exits_dir(str(run_dir if away is None else away / run_dir.parent.name / run_dir.name)))
