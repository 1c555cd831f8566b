"""Keeps the run directories within their quota, and answers what `gc` would remove.

Owns measuring and removing. What goes first is decided in `tuned.core.trials.keeping`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from sqlalchemy import Connection

from storage import queries
from storage.engine import Database
from tuned import protocol
from tuned.core.playbook.spec import FINALIZE_STAGE
from tuned.core.states import STUDY_ENDED
from tuned.core.trials.keeping import Footprint, Removal, removals
from tuned.daemon.files import run_dirs
from tuned.daemon.files.pretrained import needed
from tuned.home import Home
from tuned.wire import Collected

WORK = (protocol.WORK_DIR, protocol.PREDICTIONS_DIR)
"""Folders of an attempt that go together: what it wrote for itself, and what its model said."""

ENV_QUOTA = "TUNED_DISK_QUOTA"


def default_quota(folder: Path) -> int:
    """`TUNED_DISK_QUOTA` in bytes, else half of the disk."""
    named = os.environ.get(ENV_QUOTA, "")
    return int(named) if named.isdigit() else shutil.disk_usage(folder).total // 2


def size_of(path: Path) -> int:
    """Bytes on the disk below a path, links not followed; what vanishes meanwhile counts as nothing."""
    try:
        status = path.lstat()
    except OSError:
        return 0
    total = status.st_blocks * 512
    if not path.is_dir() or path.is_symlink():
        return total
    try:
        entries = list(os.scandir(path))
    except OSError:
        return total
    return total + sum(size_of(Path(entry.path)) for entry in entries)


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
        allowed = default_quota(self._runs) if quota is None else quota
        used = size_of(self._runs)
        if used <= allowed:
            return Collected(used, allowed, 0, [], dry_run)
        with self._database.read() as conn:
            footprints = self._footprints(conn)
        chosen = removals(footprints, used, allowed)
        if not dry_run:
            for removal in chosen:
                self._remove(removal)
        listed = [f"{r.study}/{r.number} {r.part} {r.size}" for r in chosen]
        return Collected(used, allowed, sum(r.size for r in chosen), listed, dry_run)

    def _footprints(self, conn: Connection) -> list[Footprint]:
        found, all_studies = [], queries.studies(conn)
        kept = needed({study.name: study.spec for study in all_studies})
        for study in all_studies:
            best = queries.best_trials(conn, study, 2**31 - 1)
            rank = {trial.number: i for i, trial in enumerate(best, 1)}
            for trial in queries.trials(conn, study.id):
                folder = run_dirs.trial_dir(self._runs, study.name, trial.number)
                if not folder.is_dir() or trial.stage == FINALIZE_STAGE or (study.name, trial.number) in kept:
                    continue  # a final model, or what others begin from
                attempts = [p for p in folder.iterdir() if p.name.isdigit()]
                found.append(
                    Footprint(
                        study=study.name,
                        number=trial.number,
                        state=trial.state,
                        rank=rank.get(trial.number),
                        ended_at=trial.ended_at,
                        checkpoint_bytes=size_of(folder / protocol.CHECKPOINT_DIR),
                        work_bytes=sum(size_of(a / part) for a in attempts for part in WORK),
                        log_bytes=sum(size_of(a / protocol.OUTPUT_FILE) for a in attempts),
                        active_study=study.state not in STUDY_ENDED,
                    )
                )
        return found

    def _remove(self, removal: Removal) -> None:
        folder = run_dirs.trial_dir(self._runs, removal.study, removal.number)
        if removal.part == "checkpoint":
            shutil.rmtree(folder / protocol.CHECKPOINT_DIR, ignore_errors=True)
            return
        for attempt in folder.iterdir():
            if removal.part == "work":
                for part in WORK:
                    shutil.rmtree(attempt / part, ignore_errors=True)
            else:
                (attempt / protocol.OUTPUT_FILE).unlink(missing_ok=True)
