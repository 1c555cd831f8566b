"""The answers of a scripted daemon to what only reads."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from tests.snapshot.fake_rows import ACTIVATIONS, COLUMNS, NOW, RANKING, in_order
from tests.snapshot.fake_state import FakeState
from tuned.core.errors import InvalidInput, NotFound
from tuned.core.ranking import Tier
from tuned.core.trials.filter import parse
from tuned.wire import (
    BestRow,
    BestSoFar,
    BestStep,
    DaemonStatus,
    DeviceRow,
    EventRow,
    LogChunk,
    LogPlace,
    MetricRow,
    ObjectiveRow,
    SpacePage,
    SpaceVersionRow,
    StudyRow,
    TrialDetail,
    TrialNumbers,
    TrialRow,
)


class FakeReads(FakeState):
    """The pages, from the rows that it holds."""

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
            more = [{**verdict, "code": f"made.{n}", "what": f"Verdict {n}."} for n in range(2, 2 + self.more_advice)]
            return {"verdicts": [verdict, *more], "tables": [], "notes": ["20 finished trials were looked at."]}
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
