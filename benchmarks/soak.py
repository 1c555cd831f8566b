"""`python -m benchmarks.soak --minutes M`: kill whatever is there, at random, and count what is lost.

Owns the random kills and verbs; what must hold is said in `tests.crash.invariants`. Ends with one line: the faults
injected, the checks made, the losses (0, or the run stops at the first).
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.crash.invariants import Broken
from tests.crash.lab import Lab
from tests.crash.processes import KINDS
from tests.e2e.conftest import Refusal

STUDIES_AT_ONCE = 3
TRIALS = 6
MODEL_EVERY = 10
HOLD_S = (0.1, 1.5)
PAUSE_S = (0.05, 0.5)
REST_S = 300.0
VERBS = ("pause", "resume", "prune", "cancel", "kill", "next", "retry")


class Soak:
    """One run on one state folder.

    Args:
        folder: Empty folder for it.
        seed: Of the faults; the timing of the machine is not seeded.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.lab = Lab(folder)
        self.random = random.Random(seed)
        self.killed: Counter[str] = Counter()
        self.verbs = 0
        self.checks = 0
        self.held: dict[str, float] = {}
        self.names: list[str] = []

    def run(self, seconds: float) -> None:
        """Attack for so long, then let everything come to rest and check it all."""
        self.lab.start()
        deadline = time.monotonic() + seconds
        told = time.monotonic()
        while time.monotonic() < deadline:
            self._work()
            time.sleep(self.random.uniform(*PAUSE_S))
            self._fault()
            if self.random.random() < 0.3:
                self._verb()
            if time.monotonic() - told > 30:
                told = time.monotonic()
                sys.stderr.write(f"{self.line()}\n")
        self._come_to_rest()

    def _work(self) -> None:
        """Keep some studies going, and let the held ones go on when their time has come."""
        for name, until in list(self.held.items()):
            if time.monotonic() >= until:
                self.lab.release(name)
                del self.held[name]
        with self._daemon_may_be_gone():
            open_studies = [s for s in self.lab.daemon.get("/v1/studies") if not s["ended_at"]]
            if len(open_studies) < STUDIES_AT_ONCE:
                # Now and then with a model, so that there is an advisor to kill.
                method = "bayesian" if len(self.names) % MODEL_EVERY == 0 else "random"
                search = {"method": method, "trials": TRIALS, "parallel": 2, "seed": len(self.names)}
                # Named before it is sent: a reply that never came may have been a study that was taken in.
                name = self.lab.study(hold=True, search=search)
                self.names.append(name)
                self.held[name] = time.monotonic() + self.random.uniform(*HOLD_S)
                self.lab.send()

    def _fault(self) -> None:
        kind = self.random.choice(KINDS)
        there = self.lab.of_kind(kind)
        if not there:
            return
        if kind == "daemon":
            self.killed[kind] += self.lab.kill(kind)
            self.lab.restart()
            self.lab.invariants.check()
            self.checks += 1
        else:
            self.killed[kind] += self.random.choice(there).kill()

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
            self.lab.daemon.post(path, body)

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
                targets = [study["name"], f"{study['name']}/paused"]
                for text in targets:
                    with contextlib.suppress(Refusal):
                        self.lab.daemon.post("/v1/resume", {"targets": [text]})
            time.sleep(0.2)
        self.lab.wait_at_rest(*sorted(there), deadline_s=10.0)
        self.lab.invariants.check(at_rest=True)
        self.checks += 1

    def line(self) -> str:
        """What was done so far."""
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
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tuned-soak-"))
    soak = Soak(folder, arguments.seed)
    try:
        soak.run(arguments.minutes * 60)
    except Broken as broken:
        print(f"LOST after {sum(soak.killed.values())} kills (state folder kept: {folder}):\n{broken}")
        return 1
    finally:
        soak.lab.close()
    print(f"soak of {arguments.minutes:g} min, seed {arguments.seed}: {soak.line()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
