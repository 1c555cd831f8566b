"""A database on a real file, and short words for what the tests do to it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from storage import queries, repository
from storage.engine import Database, open_database
from tests.patience import DEADLINE_S
from tuned.core.events import Event
from tuned.core.space import Parameter, SearchSpace
from tuned.core.states import Actor, Failure, StopReason, TrialState
from tuned.core.study import Objective, RunSpec, SearchSpec, Study, StudySpec
from tuned.core.trials.trial import Trial

T = TypeVar("T")
NOW = 1_000_000.0


def make_spec(name: str = "digits", **changes: Any) -> StudySpec:
    fields: dict[str, Any] = {
        "run": RunSpec("script", script="/x/train.py"),
        "search": SearchSpec(trials=10, seed=7),
        "space": SearchSpace((Parameter("lr", "float", 0.0, 1.0), Parameter("width", "int", 1, 64))),
        "objectives": (Objective("loss", "minimize"),),
    }
    return StudySpec(name, **{**fields, **changes})


class Lab:
    """One open database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[list[Event]] = []
        self.database: Database = open_database(path, self.told.append)
        self._names = 0

    def do(self, fn: Callable[..., T], *args: Any, **named: Any) -> T:
        """Run a repository function in a transaction of its own and wait for it."""
        return self.database.writer.submit(lambda conn: fn(conn, *args, **named)).result(DEADLINE_S)

    def ask(self, fn: Callable[..., T], *args: Any, **named: Any) -> T:
        with self.database.read() as conn:
            return fn(conn, *args, **named)

    def sql(self, text: str, *values: Any) -> list[Any]:
        return self.ask(lambda conn: [tuple(row) for row in conn.exec_driver_sql(text, values)])

    def study(self, name: str | None = None, *, now: float = NOW, **changes: Any) -> int:
        self._names += 1
        spec = make_spec(name or f"study-{self._names}", **changes)
        return self.do(repository.create_study, spec, {"HOME": "/root"}, now)

    def queue(self, study_id: int, count: int = 1, *, now: float = NOW, **fields: Any) -> list[int]:
        """Queue trials; their ids."""
        new = [
            repository.NewTrial(**{"params": {"lr": 0.1, "width": i + 1}, "origin": "sobol", **fields})
            for i in range(count)
        ]
        numbers = self.do(repository.add_trials, study_id, new, now)
        return [self.trial(study_id, number).id for number in numbers]

    def claim(self, trial_id: int, *, start: bool = True, now: float = NOW, device: str = "cpu:0") -> int:
        attempt = self.do(repository.claim, trial_id, device, uuid.uuid4().hex, "/runs/digits/1", now)
        if start:
            self.do(repository.started, trial_id, attempt, {"supervisor_pid": 4, "supervisor_start": 5}, now)
        return attempt

    def report(self, trial_id: int, *points: tuple[Any, ...], attempt: int = 1, **fields: Any) -> None:
        """Ingest (name, step, value) points at the attempt's present offset, a byte each."""
        (offset,) = self.sql("SELECT ingest_offset FROM attempts WHERE trial_id=? AND attempt=?", trial_id, attempt)[0]
        batch = repository.IngestBatch(
            trial_id, attempt, offset, offset + max(1, len(points)), [(*p[:3], None) for p in points], **fields
        )
        self.do(repository.ingest, batch, NOW)

    def end(
        self,
        trial_id: int,
        event: str = "exit_ok",
        *,
        attempt: int = 1,
        actor: Actor = Actor.REAPER,
        failure: Failure | None = None,
        traceback: str = "",
        now: float = NOW,
        **record: Any,
    ) -> TrialState:
        """End an attempt; `record` are further fields of its exit record."""
        return self.do(
            repository.end_attempt,
            trial_id,
            attempt,
            event,
            actor,
            now,
            exit_record={"code": 0, **record},
            failure=failure,
            reason="because" if failure else self.by_id(trial_id).reason,
            traceback=traceback,
        )

    def completed(self, study_id: int, value: float, **fields: Any) -> int:
        """A trial that ran and reported one loss; its id."""
        (trial_id,) = self.queue(study_id, **fields)
        self.claim(trial_id)
        self.report(trial_id, ("loss", 0, value))
        self.end(trial_id)
        return trial_id

    def intend(self, trial_id: int, reason: StopReason) -> bool:
        return self.do(repository.set_intent, trial_id, reason, Actor.USER, NOW)

    def trial(self, study_id: int, number: int) -> Trial:
        found = self.ask(queries.trial, study_id, number)
        assert found is not None
        return found

    def by_id(self, trial_id: int) -> Trial:
        return self.ask(queries.trial_by_id, trial_id)

    def study_row(self, study_id: int) -> Study:
        return self.ask(queries.study_by_id, study_id)

    def events(self, after: int = 0) -> list[Event]:
        return self.ask(queries.events_since, after, limit=100_000)

    def close(self) -> None:
        self.database.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path / "tuned.db")
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """For properties: each example makes a study of its own."""
    lab = Lab(tmp_path_factory.mktemp("db") / "tuned.db")
    yield lab
    lab.close()


@pytest.fixture
def spec_of() -> Callable[..., StudySpec]:
    return make_spec


@pytest.fixture
def open_lab() -> Iterator[Callable[[Path], Lab]]:
    opened: list[Lab] = []

    def open_one(path: Path) -> Lab:
        opened.append(Lab(path))
        return opened[-1]

    yield open_one
    for lab in opened:
        lab.close()
