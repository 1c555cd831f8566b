"""Which points a study has tried, asked one by one. Owns that question and nothing else."""

from __future__ import annotations

from collections.abc import Container

from sqlalchemy import Connection

from storage import queries


class Taken(Container[str]):
    """The keys of the points that a study has tried, asked for one by one, and of those that it is about to have."""

    def __init__(self, conn: Connection, study_id: int) -> None:
        self._conn = conn
        self._study_id = study_id
        self._more = set[str]()

    def add(self, key: str) -> None:
        """Count a point that is not stored yet."""
        self._more.add(key)

    def __contains__(self, key: object) -> bool:
        return key in self._more or bool(queries.known_keys(self._conn, self._study_id, [str(key)]))
