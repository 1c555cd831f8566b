"""`python -m benchmarks.judgement [--repetitions N] [--processes N] [--write]`: how often `advise` is right.

Owns the run: processes at low priority, each outcome a line in `.judgement/`, so that a run that was broken off
goes on where it stopped. Outcomes lie under a digest of the code that gave them: those of other code never mix in.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.judgement.healthy import HEALTHY
from benchmarks.judgement.judging import Outcome, outcome
from benchmarks.judgement.planted import PLANTED
from benchmarks.judgement.summary import details, page, summary

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".judgement"
PROCESSES = 2
FIRST_SEED = 100
"""Seeds from here on are kept for the table: no threshold is chosen by them (use those below for that)."""
Task = tuple[str, str, int]


def code_digest() -> str:
    """Of all that an outcome depends on."""
    found = hashlib.blake2b(digest_size=6)
    for folder in ("tuned/analyses", "tuned/core", "benchmarks/judgement"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.name not in ("__main__.py", "summary.py"):
                found.update(path.read_bytes())
    return found.hexdigest()


def tasks(repetitions: int, first: int) -> list[Task]:
    """All kinds, a repetition at a time: a run that is broken off has seen every kind equally often."""
    kinds = [("planted", kind) for kind in PLANTED] + [("healthy", kind) for kind in HEALTHY]
    return [(*kind, seed) for seed in range(first, first + repetitions) for kind in kinds]


def stored(file: Path) -> dict[Task, Outcome]:
    """Outcomes of earlier runs of the same code; a torn last line is left out."""
    found: dict[Task, Outcome] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        row["said"] = tuple(tuple(one) for one in row["said"])
        one = Outcome(**row)
        found[one.family, one.kind, one.seed] = one
    return found


def _begin() -> None:
    os.nice(10)
    logging.disable(logging.CRITICAL)
    threadpool_limits(1)


def run(wanted: Iterable[Task], file: Path, processes: int = PROCESSES) -> Iterator[Outcome]:
    """Each outcome, those known first; new ones are appended to the file."""
    known = stored(file)
    asked = list(wanted)
    yield from (known[task] for task in asked if task in known)
    file.parent.mkdir(exist_ok=True)
    with ProcessPoolExecutor(processes, initializer=_begin) as pool, file.open("a") as out:
        for done in as_completed([pool.submit(outcome, *task) for task in asked if task not in known]):
            found = done.result()
            out.write(json.dumps(asdict(found)) + "\n")
            out.flush()
            yield found


def main() -> int:
    """Run, print, and with `--write` put the table into the page of verdicts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judgement")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--write", action="store_true", help="put the table into docs/playbook-verdicts.md")
    chosen = parser.parse_args()
    wanted = tasks(chosen.repetitions, chosen.first_seed)
    found: list[Outcome] = []
    for one in run(wanted, KEPT / f"{code_digest()}.jsonl", chosen.processes):
        found.append(one)
        if len(found) % 50 == 0:
            sys.stderr.write(f"{len(found)} of {len(wanted)}\n")
    print(summary(found))
    print(details(found))
    if chosen.write:
        page(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
