"""A scripted daemon for UI tests: the client's methods over plain rows, changed by the test and by its own verbs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from tuned.client.api import Call
from tuned.core.errors import Conflict, InvalidInput, NotFound, Unavailable
from tuned.core.ranking import Ranking, Tier
from tuned.core.state_words import STATE_ORDER
from tuned.core.states import TERMINAL
from tuned.core.trials.filter import Columns, parse
from tuned.wire import (
    BestRow,
    BestSoFar,
    BestStep,
    Changed,
    DaemonStatus,
    DeviceRow,
    Enqueued,
    EventRow,
    LogChunk,
    LogPlace,
    MetricRow,
    ObjectiveRow,
    ReplacedRow,
    SpaceChange,
    SpaceChanged,
    SpacePage,
    SpaceVersionRow,
    StepRow,
    Steps,
    StudyRow,
    Summary,
    TrialDetail,
    TrialNumbers,
    TrialRow,
)

NOW = 1_700_000_000.0
STATES = ("completed", "completed", "pruned", "completed", "failed", "completed", "completed", "lost")
COLUMNS = Columns(("lr", "batch", "activation", "dropout"), ("val_loss",))
RANKING = Ranking("val_loss")
ACTIVATIONS = ("relu", "tanh", "gelu")


def in_order(rows: Sequence[TrialRow], sort: str, descending: bool) -> list[TrialRow]:
    """The daemon's order: by value one tier behind the other; those without a key come last."""
    keys: dict[str, Callable[[TrialRow], Any]] = {
        "number": lambda r: r.number,
        "priority": lambda r: r.priority,
        "state": lambda r: STATE_ORDER.index(r.state),
        "step": lambda r: r.last_step,
        "elapsed": lambda r: None if r.started_at is None else (r.ended_at or NOW) - r.started_at,
        "value": lambda r: None if RANKING.tier(r) is Tier.NONE else RANKING.score(r),
    }
    keys["watch"] = keys["value"]
    key = keys.get(sort) or (lambda r: str(r.params[sort.removeprefix("params.")]))
    having = sorted((r for r in rows if key(r) is not None), key=lambda r: (key(r), r.number), reverse=descending)
    if sort in ("value", "watch"):
        having.sort(key=RANKING.tier)
    rest = [r for r in rows if key(r) is None]
    live = sorted((r for r in rest if r.state == "running" and sort == "watch"), key=lambda r: -r.number)
    rest = [r for r in rest if r not in live]
    return live + having + sorted(rest, key=lambda r: (STATE_ORDER.index(r.state), -r.number))


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def make_trial(number: int, state: str = "completed", study: str = "digits", **changes: object) -> TrialRow:
    """A trial that looks real; the same for the same number."""
    value = 0.9 * math.exp(-number / 12) + 0.02 * ((number * 7) % 5) + 0.01
    started = NOW - 4000 + number * 60
    ended = state in ("completed", "failed", "pruned", "cancelled", "lost")
    has_run = state != "queued"
    row = TrialRow(
        study=study,
        number=number,
        state=state,
        params={
            "lr": 10 ** (-4 + (number * 0.37) % 3),
            "batch": (32, 64, 128)[number % 3],
            "activation": ACTIVATIONS[number % 3],
            "dropout": round((number * 0.13) % 0.6, 3),
        },
        values={"val_loss": value} if has_run and state != "failed" else {},
        priority=number % 3 if state == "queued" else 0,
        origin="sobol" if number < 8 else "bayesian",
        attempt=1 if has_run else 0,
        reason="exit code 1: ValueError: loss is nan" if state == "failed" else "",
        failure="error" if state == "failed" else None,
        device="cpu:0" if has_run else "",
        seed=1000 + number,
        stage="search",
        created_at=NOW - 4100,
        started_at=started if has_run else None,
        ended_at=started + 55 if ended else None,
        why="quasi-random point" if number < 8 else "expected improvement 0.0041 over 0.012",
        stop_reason=None,
        last_step=19.0 if ended else 11.0 if has_run else None,
        retry_of=None,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


class FakeClient:
    """Serves two studies; `push` sends an event down every open stream, `drop` breaks them."""

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

    # --- the test's side ------------------------------------------------------------------------------------------

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

    # --- the client's side ----------------------------------------------------------------------------------------

    async def send(self, call: Call[Any]) -> Any:
        """Answer a call by the method for its route."""
        query = {name: value for name, value in call.query.items() if value is not None}
        parts = [unquote(part) for part in call.path.strip("/").split("/")]
        match call.method, parts:
            case "GET", ["status"]:
                return await self.status()
            case "GET", ["studies"]:
                return await self.studies()
            case "GET", ["queue"]:
                return await self.queue()
            case "GET", ["events", "list"]:
                return await self.events_list(**query)
            case "GET", ["metrics"]:
                return await self.metrics(**query)
            case "GET", ["studies", study, "trials"]:
                return await self.trials(study, **query)
            case "GET", ["studies", study, "trials", number]:
                return await self.trial(study, int(number))
            case "GET", ["studies", study, "trials", number, "log"]:
                return await self.log(study, int(number), **query)
            case "GET", ["studies", study, "trials", number, "log", "find"]:
                return await self.find_in_log(study, int(number), **query)
            case "GET", ["studies", study, "trial-numbers"]:
                return await self.trial_numbers(study, **query)
            case "GET", ["studies", study, "trends"]:
                return await self.trends(study, query["number"])
            case "GET", ["studies", study, "best"]:
                rows = self.trials_of[study]
                return [rows[number] for number in self.front if number in rows]
            case "GET", ["studies", study, "best-so-far"]:
                return await self.best_so_far(study)
            case "GET", ["studies", study, "analysis", kind]:
                return await self.analysis(study, kind)
            case "GET", ["studies", study, "space"]:
                return await self.space(study)
            case "POST", ["summary"]:
                self._check()
                return self.summary
            case "POST", ["studies", study, "space"]:
                return await self.change_space(study, call.body)
            case "POST", ["studies", study, "enqueue"]:
                return await self.enqueue(study, call.body.points, call.body.priority)
            case "POST", ["studies", _, "steps", "steer"]:
                return await self.steer_step(**call.body)
            case "DELETE", ["studies", study]:
                return await self.delete(study)
            case "POST", ["priority"]:
                return await self.priority(call.body["targets"], call.body["priority"], call.body["relative"])
            case "POST", ["enqueue", "undo"]:
                return await self.undo_enqueue(call.body["targets"])
            case "POST", ["pause"]:
                return await self.act("pause", call.body["targets"])
            case "POST", [verb]:
                return await self.act(verb, call.body["targets"])
        raise AssertionError((call.method, call.path))

    def _check(self) -> None:
        if self.away:
            raise Unavailable("no daemon answers", where="/fake/tuned.sock", hint="start one")

    async def events(
        self, after: int | None = None, study: str | None = None, *, opened: Callable[[], None] | None = None
    ) -> AsyncGenerator[EventRow]:
        self._check()
        queue: asyncio.Queue[EventRow | None] = asyncio.Queue()
        self._streams.add(queue)
        if opened is not None:
            opened()
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._streams.discard(queue)
        self._check()

    async def status(self) -> DaemonStatus:
        self._check()
        held = [f"{t.study}/{t.number}" for t in self._all() if t.state == "running"]
        devices = [
            DeviceRow("GPU-1", "gpu", "NVIDIA H100", 0, 80 * 2**30, 61 * 2**30, 98.0, held[0] if held else "", "")
            if self.gpus
            else DeviceRow(f"cpu:{i}", "cpu", "CPU", i, None, None, None, held[i] if i < len(held) else "", "")
            for i in range(2)
        ]
        return DaemonStatus(
            4242, "/fake/tuned.sock", "/fake", "0.1.0", 3600.0, 60_000_000, 2, devices, 2, 2, 2, self.advisor,
            self.alarms, self.alarms,
        )  # fmt: skip

    def _all(self) -> list[TrialRow]:
        return [row for rows in self.trials_of.values() for row in rows.values()]

    async def studies(self) -> list[StudyRow]:
        self._check()
        return [self._study(name) for name in self.trials_of]

    def _study(self, name: str) -> StudyRow:
        rows = list(self.trials_of[name].values())
        counts: dict[str, int] = {}
        for row in rows:
            counts[row.state] = counts.get(row.state, 0) + 1
        done = [r for r in rows if r.state == "completed" and r.values and r.stage == "search"]
        best = min(done, key=lambda r: r.values["val_loss"]) if done else None
        return StudyRow(
            name=name,
            state=self.studies_state[name],
            priority=self.priorities[name],
            question=self.questions.get(name, "Which net suits [these] digits?"),
            counts=counts,
            best=BestRow(best.number, best.params, best.values) if best else None,
            created_at=NOW - 5000,
            reason="",
            ended_at=None,
            trials=40,
            started=len(rows) - counts.get("queued", 0),
            method="bayesian",
            parallel=2,
            objective=ObjectiveRow("val_loss", "minimize", "train_loss") if name not in self.questions else None,
            parameters=["lr", "batch", "activation", "dropout"] if name not in self.questions else [],
            eta_s=754.0 if self.studies_state[name] == "running" else None,
            note="",
            steps=self.steps if name == "digits" else [],
            aside={state: n for state in counts if (n := sum(r.stage == "confirm" and r.state == state for r in rows))},
        )

    async def trials(
        self,
        study: str,
        *,
        state: Sequence[str] | None = None,
        filter: str | None = None,
        sort: str | None = None,
        descending: bool | None = None,
        limit: int | None = None,
        offset: int | None = None,
        metrics: bool = False,
    ) -> list[TrialRow]:
        self._check()
        self.calls.append(("trials", study, offset))
        if study not in self.trials_of:
            raise NotFound("there is no such study", where=study)
        found = parse(filter or "")
        rows = [
            r
            for r in self.trials_of[study].values()
            if (state is None or r.state in state) and found.matches(r, COLUMNS)
        ]
        rows = in_order(rows, sort or "number", bool(descending))
        return rows[offset or 0 : (offset or 0) + (limit or 10**9)]

    async def trial_numbers(self, study: str, *, limit: int | None = None, **order: Any) -> TrialNumbers:
        numbers = [row.number for row in await self.trials(study, **order)]
        return TrialNumbers(numbers[:limit], len(numbers))

    async def undo_enqueue(self, targets: Sequence[str]) -> Changed:
        self.calls.append(("undo enqueue", tuple(targets)))
        rows = {name: self.trials_of[name.rpartition("/")[0]][int(name.rpartition("/")[2])] for name in targets}
        waiting = [name for name, row in rows.items() if row.state == "queued"]
        for name in waiting:
            self.move(rows[name].number, "cancelled", study=rows[name].study)
        left = [
            f"{name} is {row.state}" + f" (tunectl cancel {name})" * (row.state not in TERMINAL)
            for name, row in rows.items()
            if name not in waiting
        ]
        if not waiting:
            raise Conflict("; ".join(left))
        return Changed(waiting, left)

    async def trends(self, study: str, numbers: Sequence[int], points: int | None = None) -> list[MetricRow]:
        return [row for n in numbers for row in await self.metrics(f"{study}/{n}") if row.name == "val_loss"]

    async def space(self, study: str) -> SpacePage:
        self._check()
        parameters = [
            {"name": "lr", "kind": "float", "low": 1e-5, "high": self.lr_high, "log": True, "role": "tuned"},
            {"name": "batch", "kind": "choice", "values": [32, 64, 128], "ordered": True, "role": "tuned"},
            {"name": "activation", "kind": "choice", "values": list(ACTIVATIONS), "role": "scientific"},
            {"name": "dropout", "kind": "float", "low": 0.0, "high": 0.6, "when": [["activation", ["relu"]]]},
        ]
        first = SpaceVersionRow(1, "submit", "", [], NOW - 5000, 20, {"parameters": parameters})
        versions = [first]
        if self.lr_high != 0.1:
            changes = [f"lr.high: 0.1 -> {self.lr_high:g}"]
            versions.append(SpaceVersionRow(2, "user", "", changes, NOW, 4, {"parameters": parameters}))
        return SpacePage(study, len(versions), 18, 2, versions)

    async def change_space(self, study: str, change: SpaceChange) -> SpaceChanged:
        self._check()
        self.calls.append(("space", study, change))
        high = change.set.get("lr.high", self.lr_high)
        changes = [] if high == self.lr_high else [f"lr.high: {self.lr_high:g} -> {high:g}"]
        if not change.dry_run:
            self.lr_high = high
            self.push("study.space", study, version=2, changes=changes)
        page = await self.space(study)
        replaced = [ReplacedRow(24, {"lr": 0.05}, {"lr": 0.005})]
        return SpaceChanged(study, 2, changes, [], 17, 3, replaced, [], change.dry_run, page.versions)

    async def analysis(self, study: str, kind: str, **_options: str) -> dict[str, object]:
        self._check()
        if kind == "advise":
            verdict = {
                "level": "warn",
                "code": "space.near-bound",
                "what": "4 of the 5 best trials lie within a tenth of lr's lower end.",
                "evidence": {"share": 0.8, "trials": 20},
                "remedy": "Widen lr downwards.",
                "command": f"tunectl space {study} --set lr.low=1e-6",
            }
            return {"verdicts": [verdict], "tables": [], "notes": ["20 finished trials were looked at."]}
        if kind == "importance" and self.few:
            raise InvalidInput("it has 5 finished trials in its present space, and a model needs 8", where=study)
        if kind == "importance":
            cells = {"lr": (0.62, [0.5, 0.71]), "batch": (0.2, [0.1, 0.3]), "dropout": (0.11, [0.02, 0.2])}
            shares = [{"parameter": n, "importance": s, "interval": i, "alone": s} for n, (s, i) in cells.items()]
            return {"verdicts": [], "tables": [{"name": "importance", "rows": shares}], "notes": []}
        tables = []
        for index, name in enumerate(("dropout", "lr", "batch", "activation")):
            rows = [
                {"value": f"level {i}", "trials": 5 + i, "mean": 0.2 + 0.1 * i * (index % 3), "best": 0.05 * (1 + i)}
                for i in range(3)
            ]
            tables.append({"name": f"effects.{name}", "title": name, "columns": [], "rows": rows, "notes": []})
        return {"verdicts": [], "tables": tables, "notes": []}

    async def best_so_far(self, study: str) -> BestSoFar:
        self._check()
        whole = [row for row in self.trials_of[study].values() if RANKING.tier(row) is Tier.WHOLE]
        whole.sort(key=lambda row: (row.ended_at or 0.0, row.number))
        steps: list[BestStep] = []
        for count, row in enumerate(whole, start=1):
            if not steps or RANKING.score(row) < steps[-1].value:
                steps.append(BestStep(count, row.number, RANKING.score(row)))
        return BestSoFar(len(whole), steps)

    async def trial(self, study: str, number: int) -> TrialDetail:
        self._check()
        ranked = [row.number for row in RANKING.ranked(self.trials_of[study].values())]
        return TrialDetail(
            self.trials_of[study][number],
            f"/fake/runs/{study}/{number}/1",
            f"/fake/runs/{study}/{number}/checkpoint",
            ["python", "train.py", "--lr", "0.001"],
            "",
            0,
            rank=ranked.index(number) + 1 if number in ranked else None,
            ranked=len(ranked),
        )

    async def log(
        self,
        study: str,
        number: int,
        *,
        offset: int = 0,
        limit: int = 65536,
        attempt: int | None = None,
        before: int | None = None,
    ) -> LogChunk:
        self._check()
        text = self.logs.get(number, "".join(f"epoch {i} val_loss {0.9 - i / 40:.3f}\n" for i in range(12)))
        start = max(0, len(text) + offset) if offset < 0 else offset
        if before is not None:
            start, limit = max(0, before - limit), min(limit, before)
        begin = text.find("\n", start) + 1 if start and (offset < 0 or before is not None) else start
        piece = text[begin : begin + limit] if before is None else text[begin:before]
        ended = self.trials_of[study][number].state not in ("running", "starting")
        return LogChunk(piece, 1, begin + len(piece), ended, begin=begin, size=len(text))

    async def find_in_log(self, _study: str, number: int, text: str, *, offset: int = 0, up: bool = False) -> LogPlace:
        log = self.logs[number].lower()
        place = log.rfind(text.lower(), 0, offset) if up else log.find(text.lower(), offset)
        return LogPlace(None if place < 0 else log.rfind("\n", 0, place) + 1)

    async def metrics(
        self, target: str | Sequence[str], name: str | Sequence[str] | None = None, points: int | None = None
    ) -> list[MetricRow]:
        self._check()
        study, number = str(target).rsplit("/", 1)
        row = self.trials_of[study][int(number)]
        if (study, row.number) in self.points:
            return self.points[study, row.number]
        if row.last_step is None:
            return []
        final = float(row.values.get("val_loss", 0.5))
        found = []
        for step in range(int(row.last_step) + 1):
            shape = final + (1.2 - final) * math.exp(-step / (4 + row.number % 3))
            found.append(MetricRow(study, row.number, step, "val_loss", shape, None, 1))
            found.append(MetricRow(study, row.number, step, "train_loss", shape * 0.8, None, 1))
        return found

    async def act(self, verb: str, targets: Sequence[str]) -> Changed:
        self._check()
        self.calls.append((verb, tuple(targets)))
        if self.refusal is not None:
            raise self.refusal
        to = {"pause": "paused", "resume": "queued", "prune": "pruned", "cancel": "cancelled", "kill": "failed"}
        for target in targets:
            study, _, number = target.partition("/")
            if number and verb in to:
                self.move(int(number), to[verb], study=study)
            elif verb in ("pause", "resume"):
                state = {"pause": "paused", "resume": "running"}[verb]
                self.push("study.moved", study, **{"from": self.studies_state[study], "to": state})
                self.studies_state[study] = state
        return Changed(list(targets), [])

    async def steer_step(self, step: str, action: str) -> Steps:
        self._check()
        self.calls.append((f"step {action}", step))
        to = {"pause": "paused", "resume": "waiting", "skip": "skipped"}[action]
        self.steps = [replace(s, state=to, why=f"{to} by you") if s.id == step else s for s in self.steps]
        self.push("study.step", "digits", step=step, id=step, state=to, why=f"{to} by you")
        return Steps("digits", "running", self.steps, step)

    async def priority(self, targets: Sequence[str], value: int, relative: bool = False) -> Changed:
        self._check()
        self.calls.append(("priority", tuple(targets), value, relative))
        for target in targets:
            study, _, number = target.partition("/")
            if not number:
                self.priorities[study] = self.priorities[study] + value if relative else value
                continue
            row = self.trials_of[study][int(number)]
            new = row.priority + value if relative else value
            self.trials_of[study][int(number)] = replace(row, priority=new)
            self.push("trial.priority", study, int(number), **{"from": row.priority, "to": new})
        return Changed(list(targets), [])

    async def enqueue(self, study: str, points: Sequence[dict[str, object]], priority: int = 0) -> Enqueued:
        self._check()
        self.calls.append(("enqueue", study, points))
        for point in points:
            unknown = [name for name in point if name not in ("lr", "batch", "activation", "dropout")]
            if unknown:
                raise InvalidInput("there is no such parameter", where=f"space.{unknown[0]}")
        number = max(self.trials_of[study]) + 1
        self.trials_of[study][number] = make_trial(number, "queued", study, params=dict(points[0]))
        self.push("trial.queued", study, number, params=points[0], origin="user")
        return Enqueued([number])

    async def delete(self, study: str) -> Changed:
        self._check()
        self.calls.append(("delete", study))
        del self.trials_of[study]
        self.push("study.deleted", study)
        return Changed([study], [])

    async def queue(self) -> list[TrialRow]:
        self._check()
        rows = [r for r in self._all() if r.state in ("running", "starting", "queued")]
        return sorted(rows, key=lambda r: (r.state == "queued", -r.priority, r.number))

    async def events_list(
        self,
        study: str | None = None,
        after: int | None = None,
        limit: int | None = None,
        latest: bool | None = None,
    ) -> list[EventRow]:
        self._check()
        return self.past[-(limit or 10**9) :]

    async def close(self) -> None:
        self.closed = True


def sent(ui: Any) -> list[tuple[object, ...]]:
    """Every order that reached the daemon."""
    return [call for call in ui.fake.calls if call[0] != "trials"]
