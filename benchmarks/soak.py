"""`python -m benchmarks.soak --minutes M`: kill whatever is there, at random, and count what is lost.

Owns the random kills and verbs; what must hold is said in `tests.crash.invariants`. Ends with random programs with
faults of I/O (`tests.crash.programs`), and prints the faults injected, the checks made, the losses (0, or the run stops
at the first), and what the daemon and its state folder took meanwhile.

`--hours H` is a day of 100,000 trials and 500 restarts, or as much of it, as fast as the machine goes: most studies are
long ones of trials that end at once, and faults come when so many trials have ended, not after so much time.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.invariants import TERMINAL, Broken
from tests.crash.lab import RETRIES, Lab
from tests.crash.processes import KINDS, Process, of_home
from tests.crash.programs import run_programs
from tests.e2e.conftest import Refusal
from tuned.core import words

SLOTS = 3
SLOTS_BY_WORK = 16
STUDIES_AT_ONCE = 3
STUDIES_KEPT = 20
"""Older ones that have ended are deleted, so that what is left over would be seen to grow."""
MEASURED = (0.1, 0.2, 0.4, 0.6, 0.8)
"""The shares of the work after which sizes are measured, and once at the end."""
DAY_TRIALS = 100_000
DAY_RESTARTS = 500
BULK_TRIALS = 60
"""Trials of a long study: twenty that are kept are 1,200 trials to check after each restart."""
BULK_SHARE = 0.9
"""The share of long studies in a soak of hours."""
TRIALS = 6
MODEL_EVERY = 10
HOLD_S = (0.1, 1.5)
PAUSE_S = (0.05, 0.5)
REST_S = 300.0
PLAIN_EVERY = 4
PLAIN = """import os, sys, time
x, steps, hold = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
for step in range(steps):
    print(f"step {step} loss {x + 1 / (1 + step)}", flush=True)
    while step == 1 and os.path.exists(hold):
        time.sleep(0.01)
"""
WEIGHTS = {"daemon": 2, "advisor": 2, "launcher": 3, "supervisor": 4, "trial": 4}
"""How often each kind is hit, of those that are there."""
VERBS = ("pause", "resume", "prune", "cancel", "kill", "next", "retry")


@dataclass(frozen=True)
class Size:
    """What the daemon and its state folder take, in bytes; `trials` and `restarts` up to then.

    Events are apart: a day's are all kept, for a month.
    """

    trials: int
    restarts: int
    memory: int
    descriptors: int
    database: int
    events: int
    disk: int

    def __str__(self) -> str:
        sizes = f"{words.size(self.memory)} of memory, {self.descriptors} descriptors"
        stored = f"{words.size(self.database)} of database and {words.size(self.events)} of events"
        return f"{self.trials} trials, {self.restarts} restarts: {sizes}, {stored}, {words.size(self.disk)} of disk"


@dataclass(frozen=True)
class Length:
    """How long a soak is: by time, or by the work done.

    Example:
        >>> Length.of_hours(12).trials
        50000
    """

    seconds: float = float("inf")
    trials: int = 0
    restarts: int = 0

    @classmethod
    def of_hours(cls, hours: float) -> Length:
        """So much of a day's work."""
        return cls(trials=round(DAY_TRIALS * hours / 24), restarts=round(DAY_RESTARTS * hours / 24))

    @property
    def by_work(self) -> bool:
        """Whether trials are counted, not seconds."""
        return self.trials > 0

    def share(self, seconds: float, trials: int, restarts: int) -> float:
        """How much of it is done; 1 at the end."""
        if not self.by_work:
            return seconds / self.seconds
        return min(trials / self.trials, restarts / self.restarts)


class Soak:
    """One run on one state folder.

    Args:
        folder: Empty folder for it.
        seed: Of the faults; the timing of the machine is not seeded.
        length: When it is over.
    """

    def __init__(self, folder: Path, seed: int, length: Length) -> None:
        self.length = length
        self.lab = Lab(folder, SLOTS_BY_WORK if length.by_work else SLOTS, bad_disk=True)
        self.random = random.Random(seed)
        self.killed: Counter[str] = Counter()
        self.verbs = 0
        self.checks = 0
        self.held: dict[str, float] = {}
        self.names: list[str] = []
        self.acknowledged: set[tuple[str, int]] = set()
        self.deleted: set[str] = set()
        self.restarts = 0
        self.trials = 0
        """Of the studies that were deleted."""
        self.sizes: list[Size] = []
        (self.lab.base / "plain.py").write_text(PLAIN)

    def run(self) -> None:
        """Attack until the work is done or Ctrl-C, then let everything come to rest and check it all."""
        with contextlib.suppress(KeyboardInterrupt):
            self._attack()
        self._come_to_rest()
        self._measure()

    def _attack(self) -> None:
        self.lab.start()
        began = told = time.monotonic()
        share = 0.0
        while share < 1:
            self._work()
            time.sleep(self.random.uniform(*PAUSE_S))
            if not self.length.by_work or self._restart_due():
                self._fault()
                if self.random.random() < 0.3:
                    self._verb()
            share = self.length.share(time.monotonic() - began, self._trials(), self.restarts)
            if len(self.sizes) < len(MEASURED) and share > MEASURED[len(self.sizes)] and self.lab.of_kind("daemon"):
                self._measure()
            if time.monotonic() - told > 30:
                told = time.monotonic()
                sys.stderr.write(f"{share:.1%} done: {self.line()}\n")

    def _restart_due(self) -> bool:
        """Whether restarts are behind trials: faults go on then until one hits the daemon."""
        return self.restarts / self.length.restarts < self._trials() / self.length.trials

    def _trials(self) -> int:
        """Trials that have ended so far, those of deleted studies included."""
        with contextlib.closing(self._read()) as conn:
            marks = ", ".join("?" * len(TERMINAL))
            ended = conn.execute(f"SELECT count(*) FROM trials WHERE state IN ({marks})", [*TERMINAL]).fetchone()[0]
        return self.trials + int(ended)

    def _read(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.lab.home / 'tuned.db'}?mode=ro", uri=True)

    def _measure(self) -> None:
        """Note what is taken now."""
        assert self.lab.daemon.process is not None
        process = Path(f"/proc/{self.lab.daemon.process.pid}")  # not of its kind: what it starts is, until its exec
        resident = int((process / "statm").read_text().split()[1]) * 4096
        descriptors = len(list((process / "fd").iterdir()))
        files: dict[Path, int] = {}
        for path in self.lab.home.rglob("*"):
            with contextlib.suppress(OSError):
                files[path] = path.lstat().st_blocks * 512
        database = sum(size for path, size in files.items() if path.name.startswith("tuned.db"))
        with contextlib.closing(self._read()) as conn:
            pages = "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name LIKE '%events%'"
            events = int(conn.execute(pages).fetchone()[0])
        stored = (database - events, events, sum(files.values()) - events)
        self.sizes.append(Size(self._trials(), self.restarts, resident, descriptors, *stored))

    def _work(self) -> None:
        """Keep some studies going, and let the held ones go on when their time has come."""
        for name, until in list(self.held.items()):
            if time.monotonic() >= until:
                self.lab.release(name)
                del self.held[name]
        with self._daemon_may_be_gone():
            open_studies = [s for s in self.lab.daemon.get("/v1/studies") if not s["ended_at"]]
            self._delete()
            if open_studies and self.random.random() < 0.2:
                self._resume(self.random.choice(open_studies))
            if len(open_studies) < STUDIES_AT_ONCE:
                # Named before it is sent: a reply that never came may have been a study that was taken in.
                name = self._long_study() if self._next_is_long() else self._short_study()
                self.names.append(name)
                self.lab.send()
                self.acknowledged.add((name, 0))

    def _next_is_long(self) -> bool:
        return self.length.by_work and self.random.random() < BULK_SHARE

    def _long_study(self) -> str:
        """Trials that end at once."""
        search = {"method": "random", "trials": BULK_TRIALS, "parallel": 16, "seed": len(self.names)}
        return self.lab.study(search=search)

    def _short_study(self) -> str:
        """Trials that are held for a while; now and then with a model, so that there is an advisor to kill."""
        method = "bayesian" if len(self.names) % MODEL_EVERY == 0 else "random"
        search = {"method": method, "trials": TRIALS, "parallel": 2, "seed": len(self.names)}
        plain = self._plain() if len(self.names) % PLAIN_EVERY == 1 else {}
        name = self.lab.study(hold=True, search=search, **plain)
        self.held[name] = time.monotonic() + self.random.uniform(*HOLD_S)
        return name

    def _delete(self) -> None:
        """Delete the oldest studies that have ended."""
        ended = [s["name"] for s in self.lab.daemon.get("/v1/studies") if s["ended_at"]]
        for name in sorted(ended, key=lambda name: int(name[1:]))[: max(0, len(ended) - STUDIES_KEPT)]:
            if name not in self.deleted:
                self.trials += len(self.lab.daemon.trials(name))
            self.deleted.add(name)  # from now on it may be gone
            self.lab.daemon.delete(f"/v1/studies/{name}")

    def _plain(self) -> dict[str, Any]:
        """A study of a program that knows nothing of us: cold, its metrics read from its output."""
        return {
            "run": {"command": [sys.executable, "plain.py", "{x}", "{steps}", "{hold}"], "retries": RETRIES},
            "metrics": {"patterns": [r"step (?P<step>\d+) loss (?P<loss>\S+)"]},
        }

    def _fault(self) -> None:
        there: dict[str, list[Process]] = {}
        for process in of_home(self.lab.home):
            there.setdefault(process.kind, []).append(process)
        kinds = [kind for kind in KINDS if kind in there]
        if not kinds:
            return
        (kind,) = self.random.choices(kinds, [WEIGHTS[kind] for kind in kinds])
        if kind == "daemon":
            self.killed[kind] += self.lab.kill(kind)
            self.restarts += 1
            self.lab.restart()
            self._check()
        else:
            self.killed[kind] += self.random.choice(there[kind]).kill()

    def _check(self, *, at_rest: bool = False) -> None:
        self.lab.invariants.check(at_rest=at_rest)
        self.checks += 1
        with contextlib.closing(self._read()) as conn:
            there = set(conn.execute("SELECT name, 0 FROM studies"))
            there |= set(conn.execute("SELECT s.name, number FROM trials t JOIN studies s ON s.id = t.study_id"))
        forgotten = {(name, number) for name, number in self.acknowledged - there if name not in self.deleted}
        if forgotten:
            raise Broken(f"acknowledged and not there: {sorted(forgotten)[:10]}")

    def _verb(self) -> None:
        if not self.names:
            return
        name = self.random.choice(self.names[-STUDIES_AT_ONCE:])
        verb = self.random.choice((*VERBS, "priority", "enqueue"))
        target = f"{name}/{self.random.randint(1, TRIALS)}"
        with self._daemon_may_be_gone():
            self.verbs += 1
            if verb == "priority":
                body: Any = {"targets": [target], "priority": self.random.randint(-2, 2)}
            elif verb == "enqueue":
                body = {"points": [{"x": self.random.random()}]}
            else:
                body = {"targets": [name if verb in ("pause", "resume") and self.random.random() < 0.3 else target]}
            path = f"/v1/studies/{name}/enqueue" if verb == "enqueue" else f"/v1/{verb}"
            reply = self.lab.daemon.post(path, body)
            if verb == "enqueue":
                self.acknowledged |= {(name, number) for number in reply["trials"]}

    @contextlib.contextmanager
    def _daemon_may_be_gone(self) -> Any:
        """Refusals are answers, too; a bug (5xx) is not."""
        try:
            yield
        except Refusal as refusal:
            if refusal.status >= 500 and refusal.status != 503:
                raise
        except OSError:
            if self.lab.daemon.process is not None and self.lab.daemon.process.poll() is not None:
                self.lab.restart()

    def _resume(self, study: Any) -> None:
        """Resume everything that verbs or failures have paused."""
        for text in (study["name"], f"{study['name']}/paused"):
            with contextlib.suppress(Refusal):
                self.lab.daemon.post("/v1/resume", {"targets": [text]})

    def _come_to_rest(self) -> None:
        if not self.lab.of_kind("daemon"):
            self.lab.restart()
        for name in list(self.held):
            self.lab.release(name)
        there = {study["name"] for study in self.lab.daemon.get("/v1/studies")}
        deadline = time.monotonic() + REST_S
        while time.monotonic() < deadline:
            studies = self.lab.daemon.get("/v1/studies")
            if all(study["ended_at"] for study in studies):
                break
            for study in studies:
                self._resume(study)
            time.sleep(0.2)
        self.lab.wait_at_rest(*sorted(there), deadline_s=10.0)
        self._check(at_rest=True)

    def line(self) -> str:
        """Counts of the deeds so far."""
        faults = ", ".join(f"{self.killed[kind]} {kind}" for kind in KINDS)
        compared = ", ".join(f"{n} {what}" for what, n in sorted(self.lab.invariants.checked.items()))
        return (
            f"{sum(self.killed.values())} kills ({faults}), {self.verbs} verbs, {len(self.names)} studies; "
            f"{self.checks} checks ({compared}); losses: 0"
        )


def main() -> int:
    """Run the soak; 1 when something was lost."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--hours", type=float, help="In place of --minutes: the work of so many hours, accelerated.")
    parser.add_argument("--programs", type=int, default=20, help="Random programs with faults of I/O, at the end.")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    hours: float | None = arguments.hours
    length = Length(60 * arguments.minutes) if hours is None else Length.of_hours(hours)
    folder = Path(tempfile.mkdtemp(prefix="tuned-soak-"))
    soak = Soak(folder, arguments.seed, length)
    began = time.monotonic()
    try:
        soak.run()
    except Broken as broken:
        print(f"LOST after {sum(soak.killed.values())} kills (state folder kept: {folder}):\n{broken}")
        return 1
    finally:
        soak.lab.close()
    lasted = (time.monotonic() - began) / 60
    print(f"soak of {lasted:.0f} min, seed {arguments.seed}: {soak.line()}")
    print("\n".join(map(str, soak.sizes)))
    return _programs(arguments.programs, arguments.seed)


def _programs(count: int, seed: int) -> int:
    """Run so many; 1 when something was lost."""
    if not count:
        return 0
    folder = Path(tempfile.mkdtemp(prefix="tuned-programs-"))
    lab = Lab(folder)
    try:
        lab.start()
        run_programs(lab, count, chance=seed)
    except AssertionError as lost:
        print(f"LOST in a program (state folder kept: {folder}):\n{lost}\n" + "\n".join(getattr(lost, "__notes__", ())))
        return 1
    finally:
        lab.close()
    print(f"{count} programs, seed {seed}: losses: 0")
    return 0


if __name__ == "__main__":
    sys.exit(main())
