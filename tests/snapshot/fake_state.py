"""What a scripted daemon holds, and how a test changes it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.snapshot.fake_rows import NOW, STATES, make_trial
from tuned.core.errors import Unavailable
from tuned.wire import (
    EventRow,
    MetricRow,
    StepRow,
    Summary,
    TrialRow,
)


class FakeState:
    """Two studies; `push` sends an event down every open stream, `drop` breaks them."""

    socket = ""

    def __init__(self, trials: int = 24) -> None:
        self.trials_of: dict[str, dict[int, TrialRow]] = {"digits": {}, "other[bold]": {}}
        for number in range(1, trials + 1):
            state = "running" if number in (trials - 3, trials - 2) else STATES[number % len(STATES)]
            state = "queued" if number >= trials - 1 else state
            self.trials_of["digits"][number] = make_trial(number, state)
        self.trials_of["other[bold]"][1] = make_trial(1, "paused", "other[bold]")
        self.studies_state = {"digits": "running", "other[bold]": "paused"}
        self.questions: dict[str, str] = {}
        self.priorities = {"digits": 0, "other[bold]": 0}
        self.calls: list[tuple[object, ...]] = []
        self.refusal: Exception | None = None
        self.lr_high = 0.1
        self.steps: list[StepRow] = []
        self.few = False
        self.more_advice = 0
        self.away = False
        self.logs: dict[int, str] = {}
        self.points: dict[tuple[str, int], list[MetricRow]] = {}
        self.past: list[EventRow] = []
        self.gpus = False
        self.alarms: list[str] = []
        self.advisor = "ready"
        self.front: list[int] = []
        self.summary = Summary("ada@here", None, NOW, [], 2, [], [])
        self.closed = False
        self._streams: set[asyncio.Queue[EventRow | None]] = set()
        self._seq = 100

    def push(self, type_: str, study: str = "digits", number: int | None = None, **data: object) -> None:
        """Send one event to everyone who listens."""
        self._seq += 1
        event = EventRow(self._seq, NOW, type_, study, number, dict(data))
        self.past.append(event)
        for stream in self._streams:
            stream.put_nowait(event)

    def move(self, number: int, to: str, value: float = 0.5, study: str = "digits", **changes: object) -> None:
        """Move a trial and tell."""
        row = self.trials_of[study][number]
        values = {"val_loss": value} if to == "completed" else row.values
        self.trials_of[study][number] = replace(row, state=to, values=values, **changes)  # type: ignore[arg-type]
        self.push("trial.moved", study, number, **{"from": row.state, "to": to, "attempt": 1, "values": values})

    def take_steps(self) -> None:
        """The first study is the third step of a playbook: two trials were repeated, one of them runs."""
        names = {"coarse": "done", "refine": "done", "confirm": "running", "ensemble": "waiting", "finalize": "paused"}
        why = {"coarse": "12 trials", "refine": "8 trials, lr.low: 1e-05 -> 1e-04"}
        why["finalize"] = "the study file pauses before it"
        self.steps = [
            StepRow(name, name, state, False, {}, {}, why.get(name, ""), NOW - 900, None)
            for name, state in names.items()
        ]
        for number, state in ((25, "completed"), (26, "running")):
            row = make_trial(number, state, stage="confirm", origin="confirm", retry_of=19)
            self.trials_of["digits"][number] = row

    def drop(self) -> None:
        """The daemon goes away."""
        self.away = True
        for stream in self._streams:
            stream.put_nowait(None)

    def come_back(self) -> None:
        """The daemon is there again."""
        self.away = False

    def _check(self) -> None:
        if self.away:
            raise Unavailable("no daemon answers", where="/fake/tuned.sock", hint="start one")
