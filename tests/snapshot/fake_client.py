"""A scripted daemon for UI tests: the client's methods over plain rows, changed by the test and by its own verbs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from tests.snapshot.fake_reads import FakeReads
from tests.snapshot.fake_rows import make_trial
from tuned.client.api import Call
from tuned.core.errors import Conflict, InvalidInput
from tuned.core.states import TERMINAL
from tuned.wire import (
    Changed,
    Enqueued,
    ReplacedRow,
    SpaceChange,
    SpaceChanged,
    Steps,
)


class FakeClient(FakeReads):
    """Routes each call to its answer; its verbs change the rows and tell so."""

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

    async def close(self) -> None:
        self.closed = True


def sent(ui: Any) -> list[tuple[object, ...]]:
    """Every order that reached the daemon."""
    return [call for call in ui.fake.calls if call[0] != "trials"]
