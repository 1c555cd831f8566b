"""How many isolated trials a second the whole daemon gets through, and how fast it takes in metrics.

Owns the figures `noop-trials` and `ingest`.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure, spread
from benchmarks.fresh_daemon import Measured, fresh_daemon, fsync_ms
from benchmarks.warm_start import OBJECTIVE, SPACE
from tuned.wire import EventRow

TRIALS, RUN_IN, ROUNDS = 300, 40, 3
LINES = 150_000


def noop_trials() -> Figure:
    """Trials a second between the 40th and the last of 300, each a process of its own."""
    rates = []
    with fresh_daemon(slots=2) as daemon:
        sync = fsync_ms(daemon.home.root)
        rates += [one_round(daemon, f"noop{index}") for index in range(ROUNDS)]
    how = (
        f"{TRIALS} trials, 2 slots, torch preloaded, synchronous=FULL; {ROUNDS} studies, range {spread(rates)}; "
        f"one fsync of this disk takes {sync:.2f} ms"
    )
    return Figure("no-op trials", f"{median(rates):.0f} /s", ">= 40 /s", median(rates) >= 40, how)


def one_round(daemon: Measured, name: str) -> float:
    """Run one study of no-op trials; trials a second once it is under way."""
    daemon.submit(
        name,
        {"script": "noop.py", "preload": ["torch"]},
        objective=OBJECTIVE,
        space=SPACE,
        search={"method": "random", "trials": TRIALS, "parallel": 2},
    )
    daemon.wait(name)
    ended = sorted(trial.ended_at for trial in daemon.trials(name) if trial.ended_at is not None)
    if len(ended) != TRIALS:
        raise RuntimeError(f"{len(ended)} of {TRIALS} trials ended")
    return (TRIALS - RUN_IN) / (ended[-1] - ended[RUN_IN - 1])


def ingest() -> Figure:
    """Points a second from the trial's first write to their last commit."""
    rates = []
    with fresh_daemon(slots=1) as daemon:
        prepared = daemon.home.root / "lines.jsonl"
        write_lines(prepared)
        rates += [one_flood(daemon, f"flood{index}", prepared) for index in range(ROUNDS)]
    how = f"{LINES:,} lines of 2 metrics in one write, until the trial's end is committed; range {spread(rates, 0)}"
    return Figure("ingest", f"{median(rates):,.0f} points/s", ">= 100,000 /s", median(rates) >= 100_000, how)


def write_lines(path: Path) -> None:
    """Prepare what the trial will append."""
    with path.open("w") as file:
        for step in range(LINES):
            file.write(json.dumps({"step": step, "train_loss": 1 / (step + 1), "value": 2 / (step + 1)}) + "\n")


def one_flood(daemon: Measured, name: str, prepared: Path) -> float:
    """Run one trial that appends the prepared lines; points a second until all is committed."""
    daemon.submit(
        name,
        {"script": "flood.py", "args": [str(prepared)], "preload": []},
        objective=OBJECTIVE,
        space={},
        search={"trials": 1},
    )
    committed = 0.0

    def done(event: EventRow | None) -> bool:
        nonlocal committed
        if event is not None and event.type == "trial.moved" and event.data["to"] == "completed":
            committed = event.at
        return committed > 0

    daemon.until(name, done)
    return 2 * LINES / (committed - daemon.reported(name, 1, "began"))
