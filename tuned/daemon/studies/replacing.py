"""A study makes room for another of its name (`submit --replace`): it is kept whole, under a name that is free.

Owns the refusals and the choice of that name. The cancelling of what runs comes before it: a trial writes where it
began until it has ended.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from sqlalchemy import Connection

from storage import queries, repository
from tuned.core.errors import Conflict
from tuned.core.states import STUDY_ENDED
from tuned.core.study import Study
from tuned.daemon import failpoints
from tuned.daemon.files import renaming
from tuned.daemon.studies.used import refuse_used

LONGEST = 64
"""Characters of a study's name."""


class Replaced:
    """The study that made room, until the transaction is committed or taken back.

    Attributes:
        kept_as: The name that it is kept under; empty before, and where no study made room.
    """

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._moved: tuple[str, str] | None = None
        self.kept_as = ""

    def make_room(self, conn: Connection, study: Study, now: float, *, rehearse: bool) -> None:
        """Rename the study and move its folder; a rehearsal leaves the folder alone.

        Raises:
            Conflict: It has not ended, another study begins from it, or its folder cannot be moved.
        """
        if study.state not in STUDY_ENDED and not rehearse:
            raise Conflict(f"{study.name} is {study.state}", hint=f"tunectl cancel {study.name}, and try again")
        refuse_used(conn, study)
        self.kept_as = _free(study.name, {other.name for other in queries.studies(conn)}, self._runs)
        if rehearse:
            repository.rename_study(conn, study.id, self.kept_as, now, live=True)
            return
        repository.rename_study(conn, study.id, self.kept_as, now)
        if renaming.move(self._runs, study.name, self.kept_as):
            self._moved = (study.name, self.kept_as)
            failpoints.reach("replace.moved")

    def take_back(self) -> None:
        """Move the folder back: the transaction was not committed."""
        if self._moved is not None:
            renaming.move_back(self._runs, *self._moved)


def _free(name: str, names: Collection[str], runs: Path) -> str:
    for i in range(1, len(names) + 1000):
        free = name[: LONGEST - len(f"-{i}")].rstrip("._-") + f"-{i}"
        if free not in names and not os.path.lexists(runs / free):
            return free
    raise Conflict("every name like it is taken", where=name, hint="submit it --as another name")
