"""Keeps the run directories within their quota, and answers what `gc` would remove.

Owns measuring and removing. The order of removal is `tuned.core.trials.keeping`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from storage import queries
from storage.engine import Database
from tuned import protocol
from tuned.core.playbook.spec import FINALIZE_STAGE
from tuned.core.states import STUDY_ENDED, TERMINAL
from tuned.core.trials.keeping import Footprint, Removal, removals
from tuned.daemon.files import placed
from tuned.daemon.files.pretrained import needed
from tuned.daemon.files.removal import names_in, opened, opened_in, remove, size_in, size_of
from tuned.home import Home
from tuned.wire import Collected

log = logging.getLogger(__name__)

_PARTS = ("checkpoint", "work", "log")
WORK = (protocol.WORK_DIR, protocol.PREDICTIONS_DIR)
"""Folders of an attempt that go together: what it wrote for itself, and what its model said."""

ENV_QUOTA = "TUNED_DISK_QUOTA"


def default_quota(folder: Path) -> int:
    """`TUNED_DISK_QUOTA` in bytes, else half of the disk."""
    named = os.environ.get(ENV_QUOTA, "")
    return int(named) if named.isdigit() else shutil.disk_usage(folder).total // 2


class Retention:
    """Measures and removes; one collection at a time."""

    def __init__(self, home: Home, database: Database) -> None:
        self._runs = home.runs
        self._database = database
        self._turn = asyncio.Lock()

    async def collect(self, *, dry_run: bool, quota: int | None = None) -> Collected:
        """Bring the run directories within the quota.

        Args:
            dry_run: Only say what would go.
            quota: Bytes; None: the machine's.
        """
        async with self._turn:
            return await asyncio.to_thread(self._collect, dry_run, quota)

    def _collect(self, dry_run: bool, quota: int | None) -> Collected:
        """Collect on each file system by itself: the files of a place take no room here."""
        away = dict(placed.links(self._runs))
        parts = [self._collect_in(self._runs.resolve(), None, away, dry_run, quota)]
        for folder in sorted({path.parent for path in away.values()}):
            names = {name for name, path in away.items() if path.parent == folder}
            parts.append(self._collect_in(folder, names, away, dry_run, quota))
        return Collected(
            sum(part.used_bytes for part in parts),
            sum(part.quota_bytes for part in parts),
            sum(part.freed_bytes for part in parts),
            [line for part in parts for line in part.removed],
            dry_run,
        )

    def _collect_in(
        self, folder: Path, names: Collection[str] | None, away: Mapping[str, Path], dry_run: bool, quota: int | None
    ) -> Collected:
        """Of the studies whose folders lie in one folder; None: in the state folder."""
        allowed = default_quota(folder) if quota is None else quota
        used = size_of(folder)
        if used <= allowed:
            return Collected(used, allowed, 0, [], dry_run)
        with self._database.read() as conn:
            ids: dict[tuple[str, int], int] = {}
            found = self._footprints(conn, ids)
        footprints = [one for one in found if (one.study not in away if names is None else one.study in names)]
        chosen = removals(footprints, used, allowed)
        if not dry_run:
            chosen = [r for r in chosen if self._remove(r, partial(self._goes, r, ids[r.study, r.number]))]
        listed = [f"{r.study}/{r.number} {r.part} {r.size}" for r in chosen]
        return Collected(used, allowed, sum(r.size for r in chosen), listed, dry_run)

    def _footprints(self, conn: Connection, ids: dict[tuple[str, int], int]) -> list[Footprint]:
        """The bytes of each trial that can go; `ids` learns which row is meant by study and number."""
        found, all_studies = [], queries.studies(conn)
        kept = needed({study.name: study.spec for study in all_studies})
        for study in all_studies:
            best = queries.best_trials(conn, study, 2**31 - 1)
            rank = {trial.number: i for i, trial in enumerate(best, 1)}
            for trial in queries.trials(conn, study.id):
                if trial.stage == FINALIZE_STAGE or (study.name, trial.number) in kept:
                    continue  # a final model, or what others begin from
                ids[study.name, trial.number] = trial.id
                sizes = dict.fromkeys(_PARTS, 0)
                for part, folder, name in self._parts(study.name, trial.number):
                    sizes[part] += size_in(folder, name)
                found.append(
                    Footprint(
                        study=study.name,
                        number=trial.number,
                        state=trial.state,
                        rank=rank.get(trial.number),
                        ended_at=trial.ended_at,
                        checkpoint_bytes=sizes["checkpoint"],
                        work_bytes=sizes["work"],
                        log_bytes=sizes["log"],
                        active_study=study.state not in STUDY_ENDED,
                    )
                )
        return found

    def _parts(self, study: str, number: int) -> Iterator[tuple[str, int, str]]:
        """A removable part of a trial: its kind, the open folder that holds it, and its name there."""
        try:
            away = placed.target(self._runs / study)
            with opened(away, str(number)) if away else opened(self._runs, study, str(number)) as trial:
                for name in (protocol.CHECKPOINT_DIR, protocol.CHECKPOINT_DIR + protocol.COPY_SUFFIX):
                    yield "checkpoint", trial, name
                for attempt in filter(str.isdigit, names_in(trial)):
                    with contextlib.suppress(NotADirectoryError), opened_in(trial, attempt) as folder:
                        for name in WORK:
                            yield "work", folder, name
                        yield "log", folder, protocol.OUTPUT_FILE
        except FileNotFoundError:
            return  # it has no folder yet, or none any more
        except OSError as error:
            log.warning("%s/%d: its folder is left alone: %s", study, number, error)

    def _goes(self, removal: Removal, trial_id: int) -> bool:
        """Whether a part may still be removed: while sizes were measured, another study may have taken the name."""
        with self._database.read() as conn:
            study = queries.study(conn, removal.study)
            trial = None if study is None else queries.trial(conn, study.id, removal.number)
            specs = {other.name: other.spec for other in queries.studies(conn)}
        same = trial is not None and trial.id == trial_id and trial.state in TERMINAL
        return same and (removal.study, removal.number) not in needed(specs)

    def _remove(self, removal: Removal, goes: Callable[[], bool]) -> bool:
        """Remove a part of a trial; whether all of it is gone.

        Args:
            removal: Which.
            goes: Whether it is still to go, asked once its folder is open, under whatever name that lies later.
        """
        whole = True
        for part, folder, name in self._parts(removal.study, removal.number):
            if part != removal.part:
                continue
            if not goes():
                return False
            try:
                remove(folder, name)
            except OSError as error:
                whole = False
                log.warning("%s of %s/%d cannot be removed: %s", name, removal.study, removal.number, error)
        return whole
