"""Cost of suggestions: slots that stand idle for want of one, and processor time against the length of the history.

Owns the figures `idle-slots` and `suggestion-cpu`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from statistics import median

from benchmarks.figure import Figure, spread
from benchmarks.fresh_daemon import Measured, fresh_daemon
from benchmarks.warm_start import OBJECTIVE
from tuned.wire import TrialRow

TRIALS, SLOTS = 24, 2
HISTORIES = (50, 200, 1000, 5000)
MOST_IDLE, MOST_CPU_S = 0.01, 1.5
REPEATS = 3


def idle_slots() -> Figure:
    """Share of the slots' time between a trial's end and the next one's first line, once the model is at work."""
    space = {f"x{i}": {"type": "float", "low": 0.0, "high": 1.0} for i in range(4)}
    with fresh_daemon(slots=SLOTS) as daemon:
        daemon.submit(
            "sleeps",
            {"script": "sleeps.py", "preload": []},
            objective=OBJECTIVE,
            space=space,
            search={"trials": TRIALS},
        )
        daemon.wait("sleeps")
        trials = daemon.trials("sleeps")
        share, gaps = idle_share(trials)
        modelled = sum(trial.origin == "bayesian" for trial in trials)
        ready = first_modelled(daemon)
    how = (
        f"{TRIALS} trials of 5 s on {SLOTS} slots, {modelled} of them from the model (the first is trial {ready}); "
        f"gaps of {spread([1000 * gap for gap in gaps], 0)} ms, starting the trial included"
    )
    return Figure("idle slot time", f"{100 * share:.2f} %", "<= 1 %", share <= MOST_IDLE, how)


def first_modelled(daemon: Measured) -> int:
    """Number of the first trial whose point came from the model."""
    return next((trial.number for trial in daemon.trials("sleeps") if trial.origin == "bayesian"), 0)


def idle_share(trials: list[TrialRow]) -> tuple[float, list[float]]:
    """Idle time over all time of the slots, from each slot's first start to its last end; and the gaps in seconds."""
    gaps, whole = [], 0.0
    for device in {trial.device for trial in trials}:
        mine = sorted((t.started_at, t.ended_at) for t in trials if t.device == device and t.started_at and t.ended_at)
        gaps += [max(0.0, after[0] - before[1]) for before, after in pairwise(mine)]
        whole += mine[-1][1] - mine[0][0]
    return sum(gaps) / whole, gaps


def suggestion_cpu() -> list[Figure]:
    """Processor seconds of one suggestion of the model, for histories of several lengths; in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.suggesting"]
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
    figures = []
    for line in output.splitlines():
        found = json.loads(line)
        taken = found["cpu_s"]
        how = f"conditional space of 8 parameters, {REPEATS} times, each after a new result; range {spread(taken, 2)}"
        what = f"suggestion at n = {found['n']:,}"
        figures.append(
            Figure(what, f"{median(taken):.2f} s CPU", f"<= {MOST_CPU_S} s", median(taken) <= MOST_CPU_S, how)
        )
    return figures


def measure() -> None:
    """Print one JSON line for each history."""
    from benchmarks.search_problems import PROBLEMS
    from tuned.advisor.messages import DefineStudy, ObjectiveLine, Suggest, TrialLine, UpdateTrials
    from tuned.advisor.suggesting import Advisor
    from tuned.core.search.design import design_point
    from tuned.core.states import TrialState

    problem, advisor = PROBLEMS["mixed"], Advisor()

    def result(i: int) -> TrialLine:
        point = design_point(problem.space, 0, i, "random")
        return TrialLine(i + 1, point, TrialState.COMPLETED, {"loss": problem.value(point, 0)})

    for n in (20, *HISTORIES):
        advisor.answer(DefineStudy(n, problem.space, (ObjectiveLine("loss", "minimize"),), 0, "bayesian"))
        advisor.answer(UpdateTrials(n, tuple(result(i) for i in range(n))))
        taken = []
        for extra in range(REPEATS):
            advisor.answer(UpdateTrials(n, (result(n + extra),)))
            taken.append(float(advisor.answer(Suggest(n, n + extra + 2))["cpu_s"]))
        if n in HISTORIES:  # the first study imports Ax
            print(json.dumps({"n": n, "cpu_s": taken}), flush=True)


if __name__ == "__main__":
    measure()
