"""`tunectl daemon recover` and `rebuild`: a sound database out of all that is left of one, while no daemon runs.

Owns the order of the sources: the damaged file itself, what was saved of it, the newest sound copy, and the run
directories, which hold each trial. Nothing is thrown away: a file that is replaced is kept under another name. A dry
run does the same to a copy beside the database, and removes that.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from storage import backup, queries
from storage.engine import Database, open_database
from storage.problems import Damaged
from storage.repository import restoring
from storage.rescue import RESCUED
from storage.salvage import Salvaged, forget_studies, names_in, salvage
from storage.soundness import garbled, unsound
from tuned.core.errors import Unavailable
from tuned.core.trials.metric_lines import parse_chunk
from tuned.core.words import count
from tuned.daemon import failpoints
from tuned.daemon.files import run_dirs
from tuned.daemon.files.removal import remove_path
from tuned.daemon.recovery import found, identity
from tuned.daemon.recovery.taking_in import TakenIn, take_in
from tuned.home import Home

log = logging.getLogger(__name__)

_ENDINGS = ("", "-wal", "-shm")
_FOLDER = ".recover-"


@dataclass
class Report:
    """The findings and actions, for people, a line each.

    Attributes:
        database: `sound`, `damaged`, `empty`, `missing` or `replaced`.
        kept: Where the file that was replaced is now; None when it stayed.
        source: The copy that rows were taken from; None without one.
        studies, trials: How many the database holds now.
        taken_in: The records that only the run directories held, a line a study.
        steps: All of it, in the order in which it was done.
        dry_run: Nothing of it was done.
    """

    database: str = "sound"
    kept: str | None = None
    source: str | None = None
    studies: int = 0
    trials: int = 0
    taken_in: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    dry_run: bool = False


def recover(home: Home, *, dry: bool = False) -> Report:
    """Make the database whole again; with `dry`, only say how.

    Raises:
        Unavailable: It is another program's, a newer version's, or cannot be written.
    """
    report = Report(dry_run=dry)
    with _file(home, report) as path:
        new = path.with_name(f"{path.name}.new")
        if not path.exists() and new.exists():
            new.rename(path)  # a recovery was killed between its last two steps
        report.database, why = _examine(home, path)
        report.steps.append(f"{path}: {why or report.database}")
        if report.database != "sound":
            found = _gather(home, path, new, report)
            failpoints.reach("recover.gathered")
            _set_aside(path, "damaged", report)
            failpoints.reach("recover.aside")
            new.rename(path)
            report.steps += found
        _complete(home, path, report)
    return report


def rebuild(home: Home, *, dry: bool = False) -> Report:
    """Make a new database from the run directories alone; with `dry`, only say how.

    Raises:
        Unavailable: It cannot be written.
    """
    report = Report(database="replaced", dry_run=dry)
    with _file(home, report) as path:
        new = path.with_name(f"{path.name}.new")
        with _part(path, new) as part:
            _complete(home, part, report)
        failpoints.reach("rebuild.made")
        _set_aside(path, "before-rebuild", report)
        new.rename(path)
    return report


@contextlib.contextmanager
def _part(path: Path, new: Path) -> Iterator[Path]:
    """An empty database to be filled; whole, it gets the name `new`, and is removed where it does not become so."""
    part = path.with_name(f"{path.name}.part")

    def remove() -> None:
        for ending in _ENDINGS:
            Path(f"{part}{ending}").unlink(missing_ok=True)

    remove()
    try:
        open_database(part).close()
        yield part
        rest = Path(f"{part}-wal")
        if rest.exists() and rest.stat().st_size:  # closing it has not written its log into it
            raise Unavailable("the disk is full", where=str(path), hint="free some space")
        part.rename(new)
    except sqlite3.OperationalError as error:
        raise Unavailable(f"no room for another database: {error}", where=str(path), hint="free some space") from error
    finally:
        remove()


@contextlib.contextmanager
def _file(home: Home, report: Report) -> Iterator[Path]:
    """The database to work on: of a dry run a copy in the same folder, which the report does not name."""
    if not report.dry_run:
        _sweep(home)
        yield home.database
        return
    copy = home.database.with_name(f"dry-run-{os.getpid()}.db")
    try:
        _copy_of(home.database, copy)
        yield copy
    except OSError as error:
        raise Unavailable(f"a dry run needs a copy: {error.strerror}", where=str(home.root)) from error
    finally:
        for left in home.root.glob(f"{copy.name}*"):
            remove_path(left)

    def named(text: str) -> str:
        return text.replace(str(copy), str(home.database))

    report.kept = report.kept and named(report.kept)
    report.steps = [named(step) for step in report.steps]


def _copy_of(database: Path, copy: Path) -> None:
    """A daemon may be writing to it: SQLite copies a consistent state, and where it cannot, the files are copied."""
    if database.is_dir():
        copy.mkdir()
    if not database.is_file():
        return
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.Error:
        for ending in _ENDINGS[:2]:
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(f"{database}{ending}", f"{copy}{ending}")


def _examine(home: Home, path: Path) -> tuple[str, str]:
    """The state of the database as one word, and what is wrong with it."""
    if not path.exists():
        return "missing", ""
    if path.is_dir():
        return "missing", "a folder lies in its place"
    try:
        database = open_database(path, check_wholly=True)
    except Damaged as error:
        return "damaged", error.what
    try:
        with database.read() as conn:
            empty = not queries.study_names(conn)
    finally:
        database.close()
    with contextlib.closing(sqlite3.connect(path)) as conn:
        rows = unsound(conn)
    if rows:
        return "damaged", f"the database is damaged: {garbled(rows)}"
    return ("empty", "") if empty and next(found.studies(home.runs), None) is not None else ("sound", "")


def _sweep(home: Home) -> None:
    """Remove the copies of those that were killed."""
    for folder in home.root.glob(f"{_FOLDER}*"):
        remove_path(folder)
    for copy in home.root.glob("dry-run-*.db*"):
        if not Path(f"/proc/{copy.name.split('-')[2].partition('.')[0]}").exists():
            remove_path(copy)


def _set_aside(path: Path, word: str, report: Report) -> None:
    """Keep the file under another name, with its log."""
    if not path.exists():
        return
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.{word}-{stamp}")
    for ending in _ENDINGS:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{ending}").rename(f"{aside}{ending}")
    report.kept = str(aside)
    report.steps.append(f"kept it as {aside}")


def _gather(home: Home, path: Path, new: Path, report: Report) -> list[str]:
    """Make a new file of every row that this one and the newest sound copy still have; what was found, a line each.

    The old one stays in its place until the new one is whole: whoever is killed meanwhile begins anew.
    """
    found = []
    copy = _newest_sound_copy(home)
    known: frozenset[str] | None = None
    with _part(path, new) as part, tempfile.TemporaryDirectory(dir=home.root, prefix=_FOLDER) as folder:
        if path.is_file() and path.stat().st_size:
            read = _read_damaged(path, Path(folder), part, copy)
            found.append(_salvaged(read))
            if read.rows.get("studies") and not {"studies", "study_specs"} & set(read.damaged):
                known = names_in(part)
        if copy is not None:
            salvage(_copied(copy, Path(folder)), part)
            if known is not None:
                forget_studies(part, known)
            report.source = str(copy)
            found.append(f"added rows of the copy {copy}")
    return found


def _read_damaged(path: Path, folder: Path, new: Path, copy: Path | None) -> Salvaged:
    try:
        return salvage(_copied(path, folder), new, copy)
    except OSError as error:
        raise Unavailable(f"cannot be read: {error.strerror}", where=str(path), hint="see dmesg") from error


def _copied(path: Path, folder: Path) -> Path:
    """A copy to read from: opening a database may change it."""
    for ending in _ENDINGS[:2]:
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{path}{ending}", folder / f"{path.name}{ending}")
    return folder / path.name


def _salvaged(read: Salvaged) -> str:
    trials = count(read.rows.get("trials", 0), "trial")
    text = f"read {count(read.rows.get('studies', 0), 'study')} and {trials} from it"
    return text + (f"; damaged: {', '.join(read.damaged)}" if read.damaged else "")


def _newest_sound_copy(home: Home) -> Path | None:
    rescued = sorted(home.root.glob(f"{home.database.name}{RESCUED}*"), reverse=True)
    return next((copy for copy in [*rescued, *backup.backups(home.root / "backups")] if backup.is_sound(copy)), None)


def _complete(home: Home, path: Path, report: Report) -> None:
    """Add what only the run directories hold, and count."""
    database = open_database(path)
    try:
        if report.kept is not None:
            again = _read_metrics_again(database)
            if again:
                report.steps.append(f"read {count(again, 'observation')} from the run directories")
        report.steps += identity.disown(home, database, dry=report.dry_run)
        taken: list[TakenIn] = take_in(database, home.runs, dry=report.dry_run)
        report.taken_in = [str(item) for item in taken]
        report.steps += [f"from the run directories: {item}" for item in taken]
        database.writer.submit(_find_best).result()
        with database.read() as conn:
            studies = queries.studies(conn)
            report.studies = len(studies)
            report.trials = sum(sum(study.counts.values()) for study in studies)
    finally:
        database.close()
    report.steps.append(f"the database holds {count(report.studies, 'study')} and {count(report.trials, 'trial')}")


def _read_metrics_again(database: Database) -> int:
    """Store the observations that an attempt's file holds, up to where it was read, and the table does not."""
    with database.read() as conn:
        attempts = queries.read_attempts(conn)
    added = 0
    for attempt in attempts:
        run_dir = database.located(attempt.run_dir)
        steps: dict[str, int] = {}
        offset = 0
        while offset < attempt.ingest_offset:
            try:
                data = run_dirs.look(run_dir, offset, started=True).data[: attempt.ingest_offset - offset]
            except OSError:
                break
            # The part taken in ends with a whole line, or with the file's last one, which needs no newline.
            chunk = parse_chunk(data, offset, steps, final=offset + len(data) == attempt.ingest_offset)
            if not chunk.consumed:
                break
            offset += chunk.consumed
            rows = [(attempt.trial_id, name, attempt.attempt, *rest) for name, *rest in chunk.observations]
            added += database.writer.submit(partial(restoring.add_missing, rows=rows)).result()
    return added


def _find_best(conn: Connection) -> None:
    """Mark the best trial of each study: the mark may be lost, or of one that was the best of those restored so far."""
    for study in queries.studies(conn):
        for trial in queries.best_trials(conn, study, 1):
            if study.best is None or study.best.number != trial.number:
                restoring.mark_best(conn, study.id, trial.id)


def as_json(report: Report) -> str:
    """The report as one document."""
    data: dict[str, Any] = {name: getattr(report, name) for name in Report.__dataclass_fields__}
    return json.dumps(data)
