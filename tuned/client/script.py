"""A script's conversation with the daemon: connect, submit, enqueue, wait, read the results.

Owns the objects of `tuned.connect()`. Every value is asked for when it is read, so none of them grows stale.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tuned.core.errors import Unavailable
from tuned.sdk.definition import Study

if TYPE_CHECKING:
    from tuned.client.http import Client
    from tuned.wire import (
        BestRow,
        Changed,
        DaemonStatus,
        MetricRow,
        SettingsChanged,
        StepRow,
        StudyRow,
        Submitted,
        TrialRow,
    )

__all__ = ["Daemon", "Study", "SubmittedStudy", "connect"]


def connect(*, start: bool = True) -> Daemon:
    """The daemon of this environment's state folder, started when none runs.

    Args:
        start: Whether to start it.

    Raises:
        NoDaemon: None runs and `start` is not set.
        Unavailable: It did not come up.
    """
    from tuned.client.autostart import ensure_daemon
    from tuned.client.http import Client
    from tuned.home import resolve_home

    home = resolve_home()
    ensure_daemon(home, start=start)
    return Daemon(Client(home.socket))


class Daemon:
    """The running daemon. Use it as a context manager, or as it is: there is nothing to close."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    @property
    def status(self) -> DaemonStatus:
        """How the daemon is."""
        from tuned.client import api

        return self.client.send(api.status())

    @property
    def studies(self) -> list[SubmittedStudy]:
        """All studies."""
        from tuned.client import api

        return [SubmittedStudy(self.client, row.name) for row in self.client.send(api.studies())]

    def study(self, name: str) -> SubmittedStudy:
        """The study of that name.

        Raises:
            NotFound: There is none.
        """
        study = SubmittedStudy(self.client, name)
        _ = study.row
        return study

    def submit(self, study: str | os.PathLike[str] | Study, *, name: str | None = None) -> SubmittedStudy:
        """Submit a study; the same content again is the study that is there.

        Args:
            study: Path of a study file, or a `Study`, whose relative paths start from the present folder.
            name: Overrides the study's name.

        Raises:
            InvalidInput: The study is wrong; nothing has changed.
            Conflict: A study of this name with other content is there.
        """
        from tuned.client import api
        from tuned.client.study_source import read_submission, submission_of

        if isinstance(study, Study):
            submission = submission_of(study.to_dict(), base=str(Path.cwd()), name=name)
        else:
            submission = read_submission(os.fspath(study), name=name)
        submitted = self.client.send(api.submit(submission))
        return SubmittedStudy(self.client, submitted.study, submitted)


class SubmittedStudy:
    """A study that the daemon knows.

    Example::

        study = tuned.connect().submit("study.toml")
        study.wait()
        print(study.best.params)

    Attributes:
        name: Its name.
        submitted: The daemon's reply when this script submitted it; None otherwise.
    """

    def __init__(self, client: Client, name: str, submitted: Submitted | None = None) -> None:
        self.client = client
        self.name = name
        self.submitted = submitted

    def __repr__(self) -> str:
        return f"SubmittedStudy({self.name!r})"

    @property
    def row(self) -> StudyRow:
        """The study as it stands."""
        from tuned.client import api

        return self.client.send(api.study(self.name)).study

    @property
    def state(self) -> str:
        """`running`, `paused`, `draining`, `completed`, `stopped` or `failed`."""
        return self.row.state

    @property
    def best(self) -> BestRow | None:
        """The best finished trial: `.number`, `.params`, `.values`; None when there is none yet."""
        return self.row.best

    @property
    def trials(self) -> list[TrialRow]:
        """All trials, by number."""
        from tuned.client.waiting import all_trials

        return all_trials(self.client, self.name)

    def enqueue(
        self, *points: Mapping[str, Any], priority: int = 0, like: int | str | None = None, seeds: int = 1
    ) -> list[int]:
        """Queue points of one's own; parameters left out are suggested.

        Args:
            points: Parameter name -> value, one mapping a trial. A list of values stands for a trial with each of them,
                several lists for their product.
            priority: Higher runs first.
            like: A trial whose values hold where a point has none: its number, or `STUDY/7`, `STUDY/best`.
            seeds: How often each point runs, each time with another seed.

        Returns:
            The new trials' numbers.
        """
        from tuned.client import api
        from tuned.wire import Enqueue

        model = f"{self.name}/{like}" if isinstance(like, int) else like
        request = Enqueue([dict(point) for point in points], priority, model, seeds)
        return self.client.send(api.enqueue(self.name, request)).trials

    def wait(self, timeout: float | None = None) -> StudyRow:
        """Wait until the study ends, or is paused by the daemon because it cannot go on.

        Args:
            timeout: Seconds; None: as long as it takes.

        Raises:
            TimeoutError: It goes on.
            Conflict: It was paused by the daemon; the message says why.
        """
        from tuned.client.waiting import wait_for_study

        return wait_for_study(self.client, self.name, None if timeout is None else monotonic() + timeout)

    def analysis(self, kind: str, *others: str, **options: str) -> dict[str, Any]:
        """Verdicts, tables and figures (`advise`, `effects`, ...), as `tunectl KIND STUDY --json` prints them."""
        from tuned.client import api

        return self.client.send(api.analysis(self.name, kind, options, others))

    def step(self, name: str, **options: Any) -> list[StepRow]:
        """Take a step to a final model now: `confirm`, `ensemble`, `finalize` or `report`; then `wait`.

        Args:
            name: The step.
            **options: `top`, `seeds` and `against` of a confirmation, `top` of an ensemble, `again` of finalising.

        Returns:
            All steps of the study, as `row.steps` has them later.
        """
        from tuned.client import api_playbook

        return self.client.send(api_playbook.take_step(self.name, name, options)).steps

    def rows(self) -> list[dict[str, Any]]:
        """All trials as flat dictionaries, one a trial: number, state, parameters, every metric and times.

        Of a metric that is neither objective nor constraint it is the last value.

        A parameter or metric that is called like another column is `params.NAME` or `values.NAME`.
        """
        from tuned.client.waiting import all_trials
        from tuned.core.trials.flat_rows import flat

        rows = all_trials(self.client, self.name, metrics=True)
        return [flat(asdict(trial)) for trial in rows]

    def frame(self) -> Any:
        """All trials as a `pandas.DataFrame`, one row a trial: what `rows` gives.

        Raises:
            Unavailable: pandas is not installed in this environment.
        """
        try:
            pandas = import_module("pandas")
        except ImportError as error:
            raise Unavailable(
                "pandas is not installed here", where="frame", hint="pip install pandas, or use study.rows()"
            ) from error
        return pandas.DataFrame.from_records(self.rows())

    def export(self, format: str = "csv") -> str:
        """The study as text in another program's format: `csv`, `jsonl`, or `optuna` (a journal that it loads)."""
        from tuned.client import api_steering

        return self.client.send(api_steering.export(self.name, format))

    def set(self, values: Mapping[str, Any] | None = None, **more: Any) -> SettingsChanged:
        """Change the study while it runs: `study.set({"search.trials": "+40", "search.parallel": 1})`.

        Args:
            values: Dotted key -> new value; `+40` adds, `none` takes away.
            more: Keys without a dot, such as `priority`.

        Raises:
            InvalidInput: A key cannot be changed, or a value does not fit; nothing has changed.
        """
        from tuned.client import api_steering

        return self.client.send(api_steering.set_(self.name, {**(values or {}), **more}))

    def _act(self, verb: str, targets: Sequence[int]) -> Changed:
        from tuned.client import api

        named = [f"{self.name}/{number}" for number in targets] or [self.name]
        return self.client.send(api.act(verb, named))

    def pause(self, *trials: int) -> Changed:
        """Pause the study, or the trials of these numbers."""
        return self._act("pause", trials)

    def resume(self, *trials: int) -> Changed:
        """Let the study, or the trials of these numbers, go on."""
        return self._act("resume", trials)

    def cancel(self, *trials: int) -> Changed:
        """End the study, or discard the trials of these numbers from the search."""
        return self._act("cancel", trials)

    def prune(self, *trials: int) -> Changed:
        """Stop these trials, and keep their results so far."""
        return self._act("prune", trials)

    def retry(self, *trials: int) -> Changed:
        """Run these ended trials again."""
        return self._act("retry", trials)

    def metrics(self, trial: int, name: str | None = None) -> list[MetricRow]:
        """The observations of a trial, of all metrics or of the one named."""
        from tuned.client import api

        return self.client.send(api.metrics(f"{self.name}/{trial}", name))
