"""Tuners that replay tables: ours by its own rules, Optuna by its own code.

Owns how each is asked. Ours is the design, the advisor and the rules of early stopping as the daemon uses them, in
this process.
"""

from __future__ import annotations

import bisect
import time
from typing import Any

from benchmarks.replay.simulation import Told, Verdict
from benchmarks.replay.tables import Table
from tuned.advisor.messages import DefineStudy, ObjectiveLine, Suggest, TrialLine, UpdateTrials
from tuned.core.search import rungs
from tuned.core.search.design import Method, fresh_point
from tuned.core.search.phases import phase
from tuned.core.search.rungs import Entry, Ruling, Standing
from tuned.core.space import Point, canonical_key
from tuned.core.states import TrialState
from tuned.core.study import EarlyStopping, SearchSpec

_STATES = {
    "completed": TrialState.COMPLETED,
    "pruned": TrialState.PRUNED,
    "paused": TrialState.PAUSED,
    "running": TrialState.RUNNING,
}


class Ours:
    """Our own choice of points and our own early stopping.

    Args:
        table: For its space and epochs.
        seed: Of the study.
        trials: That it shall have.
        method: `auto`, or a design.
        rule: Of early stopping; None: none.
        resumable: Whether a trial can go on from where it was stopped.
        lag: Results that a point is chosen without: those of so many trials before it.
    """

    def __init__(
        self,
        table: Table,
        seed: int,
        trials: int,
        method: str = "auto",
        rule: EarlyStopping | None = None,
        resumable: bool = True,
        lag: int = 0,
    ) -> None:
        from tuned.advisor.suggesting import Advisor

        self._table, self._seed, self._trials, self._method = table, seed, trials, method
        self._rule, self._resumable, self._lag = rule, resumable, lag
        self._advisor = Advisor()
        goal = (ObjectiveLine("loss", "minimize"),)
        self._advisor.answer(DefineStudy(1, table.space, goal, seed, method if method != "sobol" else "auto"))
        self._taken: set[str] = set()
        self._at: dict[int, list[Entry]] = {}
        self._seen: dict[int, dict[int, float]] = {}
        self._waiting: dict[int, tuple[int, float]] = {}
        self._promoted: list[int] = []
        self._told: dict[int, Told] = {}
        self._best_whole: float | None = None

    def suggest(self, number: int, known: list[Told]) -> tuple[Point | None, float]:
        """By the design until a model is due."""
        began = time.process_time()
        made, space = number - 1, self._table.space
        by_design = self._method in ("sobol", "random")
        if not by_design:
            ended = sum(t.state != "running" for t in known)
            by_design = phase(space, "auto", ended, made, self._trials) == "design"
        if by_design:
            method: Method = "random" if self._method == "random" else "sobol"
            point = fresh_point(space, self._seed, made, self._taken, method)
        else:
            cut = number - 1 - self._lag if self._lag else None
            point = self._advisor.answer(Suggest(1, number, cut=cut)).get("params")
        if point is not None:
            self._taken.add(canonical_key(point))
            line = TrialLine(number, point, TrialState.RUNNING)
            self._advisor.answer(UpdateTrials(1, (line,)))
        return point, time.process_time() - began

    def report(self, trial: Told, value: float, best: float) -> Verdict:
        """By the rungs."""
        del value
        self._told[trial.number] = trial
        if self._rule is None:
            return "go"
        seen = self._seen.setdefault(trial.number, {})
        crossing = rungs.next_crossing(self._rule, max(seen, default=-1), [float(trial.epochs)])
        if crossing is None:
            return "go"
        rung, _ = crossing
        seen[rung] = best
        mine = (best, trial.number)
        entries = self._at.setdefault(rung, [])
        if self._rule.method != "median":
            bisect.insort(entries, mine)
            if self._rule.method == "asha":
                self._promote(rung, entries)
        standing = self._standing(entries)
        rescue = rungs.drawn_for_rescue(self._rule, self._seed, trial.number)
        gathering = rungs.gathers(self._rule, SearchSpec(trials=self._trials))
        match rungs.judge(self._rule, mine, standing, self._resumable, rescue, gathering):
            case Ruling.PAUSED:
                self._waiting[trial.number] = (rung, best)
                return "pause"
            case Ruling.PRUNED:
                return "stop"
            case Ruling.RESCUED:
                trial.free = True
        return "go"

    def _standing(self, entries: list[Entry]) -> Standing:
        assert self._rule is not None
        passing = rungs.passing(self._rule, len(entries))
        return Standing(len(entries), entries[passing - 1] if passing else None)

    def _promote(self, rung: int, entries: list[Entry]) -> None:
        cut = self._standing(entries).cutoff
        for number, (at, best) in list(self._waiting.items()):
            if at == rung and cut is not None and (best, number) <= cut:
                del self._waiting[number]
                self._promoted.append(number)

    def ended(self, trial: Told, value: float) -> None:
        """Tell the advisor, and have a finished trial count."""
        rule = self._rule
        if trial.state == "completed":
            self._best_whole = value if self._best_whole is None else min(self._best_whole, value)
            if rule is not None and rule.method == "median":
                for rung, best in self._seen.get(trial.number, {}).items():
                    bisect.insort(self._at.setdefault(rung, []), (best, trial.number))
        line = TrialLine(
            trial.number, trial.point, _STATES[trial.state], {"loss": value}, rungs=self._seen.get(trial.number, {})
        )
        self._advisor.answer(UpdateTrials(1, (line,)))

    def resume(self, over: bool) -> int | None:
        """What was promoted; at the end, what must still run to its end."""
        if self._promoted:
            return self._promoted.pop(0)
        if not over or self._rule is None or not self._waiting:
            return None
        waiting = [(number, number, best) for number, (_, best) in self._waiting.items()]
        cutoff = self._standing(self._at.get(0, [])).cutoff
        for number, _ in rungs.to_finish(self._rule, self._seed, waiting, self._best_whole, cutoff):
            del self._waiting[number]
            self._told[number].free = True
            self._promoted.append(number)
        return self._promoted.pop(0) if self._promoted else None


class Optunas:
    """Optuna's own sampler and pruner: ordered values as whole numbers, others as categories.

    Args:
        table: For its space.
        sampler, pruner: Made by the caller.
    """

    def __init__(self, table: Table, sampler: Any, pruner: Any) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._optuna, self._table = optuna, table
        self._study = optuna.create_study(sampler=sampler, pruner=pruner)
        self._asked: dict[int, Any] = {}

    def suggest(self, number: int, known: list[Told]) -> tuple[Point | None, float]:
        """Ask."""
        del known
        began = time.process_time()
        trial = self._asked[number] = self._study.ask()
        point: Point = {}
        for p in self._table.space.parameters:
            if p.ordered or len(p.values) == 2:
                point[p.name] = p.values[trial.suggest_int(p.name, 0, len(p.values) - 1)]
            else:
                point[p.name] = trial.suggest_categorical(p.name, list(p.values))
        return point, time.process_time() - began

    def report(self, trial: Told, value: float, best: float) -> Verdict:
        """Report, and ask the pruner."""
        del best
        asked = self._asked[trial.number]
        asked.report(value, trial.epochs)
        return "stop" if asked.should_prune() else "go"

    def ended(self, trial: Told, value: float) -> None:
        """Tell."""
        states = self._optuna.trial.TrialState
        state = states.COMPLETE if trial.state == "completed" else states.PRUNED
        self._study.tell(self._asked[trial.number], value if state is states.COMPLETE else None, state=state)

    def resume(self, over: bool) -> int | None:
        """It resumes nothing."""
        del over
