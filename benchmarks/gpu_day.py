"""`python -m benchmarks.gpu_day`: a day of two GPUs in a few minutes, by a real daemon on the stand-in driver.

Owns the script of the day. Three users sweep, a fourth study is urgent, a colleague comes and goes, one card has quiet
hours, one is lost for a while. The same day is played once more with a whole card for each trial and none of packing,
preemption and polite mode; what quiet hours do by the clock, a person does there by hand, so that both have the same
cards for the same time. An hour of the day lasts some ten seconds; work is sleep, slowed down by neighbours.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.processes import kill_all, of_home
from tests.e2e.conftest import DaemonProcess, Refusal
from tests.gpus.standin import ENV_FOLDER, GIB, LOST, Cards
from tuned.core.cards.time import OURS, per_mille
from tuned.core.words import duration

SCRIPTS = Path(__file__).resolve().parent / "scripts"
GRACE_S = 10.0
QUIET_S = 60.0
LONGEST_S = 900.0
STUDIES: dict[str, tuple[float, int, dict[str, float]]] = {
    "anna": (0.0, 20, {"gib": 2.5, "busy": 18, "seconds": 12.0}),
    "ben": (5.0, 12, {"gib": 5.0, "busy": 30, "seconds": 14.0}),
    "cleo": (10.0, 4, {"gib": 17.0, "busy": 85, "seconds": 14.0}),
    "urgent": (50.0, 4, {"gib": 4.0, "busy": 30, "seconds": 6.0}),
}
"""Name -> when it is submitted, its trials, and what each takes alone."""


@dataclass
class Day:
    """One playing of the day.

    Attributes:
        whole: Whether each trial has a card of its own, and nobody makes room.
    """

    whole: bool
    daemon: DaemonProcess
    cards: Cards
    folder: Path
    began: float = field(default_factory=time.monotonic)
    urgent_at: float = 0.0
    urgent_waited: float | None = None

    @property
    def now(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def submit(self, name: str) -> None:
        """A user's study."""
        _, trials, takes = STUDIES[name]
        run: dict[str, Any] = {
            "script": str(SCRIPTS / "card_work.py"),
            "env": {ENV_FOLDER: str(self.cards.folder)},
            "grace": f"{GRACE_S:g}s",
        }
        if self.whole:
            run["resources"] = {"gpus": 1}
        space: dict[str, Any] = {key: {"type": "fixed", "value": value} for key, value in takes.items()}
        space["width"] = {"type": "float", "low": 0.0, "high": 1.0}
        study = {
            "name": name,
            "run": run,
            "objective": {"metric": "loss", "direction": "minimize"},
            "space": space,
            "search": {"method": "sobol", "trials": trials, "seed": 1},
            "urgent": name == "urgent" and not self.whole,
        }
        self.daemon.submit(study, SCRIPTS)
        if name == "urgent":
            self.urgent_at = self.now

    def script(self) -> list[tuple[float, Callable[[], Any]]]:
        """What happens when."""
        until_minute = 60.0 - time.time() % 60.0
        quiet_at = until_minute + 60.0 if until_minute < 20 else until_minute
        found: list[tuple[float, Callable[[], Any]]] = [
            (at, lambda name=name: self.submit(name))  # type: ignore[misc]
            for name, (at, _, _) in STUDIES.items()
        ]
        found += [
            (70.0, lambda: self.cards.set(0, processes={1: 6 * GIB})),
            (85.0, lambda: self.cards.set(0, processes={})),
            (100.0, lambda: self.cards.set(0, error=LOST)),
            (108.0, lambda: self.cards.set(0, error=None)),
        ]
        if self.whole:
            by_hand = {"gpu": "1", "seconds": QUIET_S, "level": "checkpoint"}
            found.append((quiet_at, lambda: self.daemon.post("/v1/gpus/yield", by_hand)))
        else:
            begin = time.time() + quiet_at + 1.0
            hours = [time.strftime("%H:%M", time.localtime(at)) for at in (begin, begin + QUIET_S)]
            settings = '[gpu]\nafter = "1s"\nback_after = "3s"\nwhose = "all"\n'
            settings += f'[[gpu.quiet]]\ncards = [1]\nfrom = "{hours[0]}"\nto = "{hours[1]}"\n'
            (self.folder / "tuned-hpo" / "config.toml").write_text(settings)
        return sorted(found, key=lambda item: item[0])

    def play(self) -> float:
        """Play it to its end; the seconds from the first submission to the last end."""
        if not self.whole:
            self.daemon.post("/v1/gpus/polite", {"on": True})
        script = self.script()
        self.began = time.monotonic()
        while script or not self.over():
            while script and script[0][0] <= self.now:
                try:
                    script.pop(0)[1]()
                except Refusal as error:
                    print(f"refused at {self.now:.0f} s: {error}", file=sys.stderr)
            self.watch_urgent()
            time.sleep(0.1)
            assert self.now < LONGEST_S, "the day does not end"
        return self.now

    def over(self) -> bool:
        """Whether every study has ended."""
        rows = self.daemon.get("/v1/studies")
        return len(rows) == len(STUDIES) and all(row["ended_at"] for row in rows)

    def watch_urgent(self) -> None:
        """Note when the first urgent trial runs."""
        if self.urgent_at and self.urgent_waited is None:
            begun = any(t["state"] != "queued" for t in self.daemon.trials("urgent"))
            self.urgent_waited = self.now - self.urgent_at if begun else None


def played(whole: bool) -> dict[str, Any]:
    """The day, and what came of it."""
    with tempfile.TemporaryDirectory(prefix="tuned-day-", dir="/var/tmp") as name:
        folder = Path(name)
        (folder / "tuned-hpo").mkdir()
        figures = {"memory_total": 24 * GIB, "power": 60_000, "temperature": 50, "throttle": 0}
        cards = Cards(folder / "cards", *({"uuid": f"GPU-{n}", "name": "stand-in", **figures} for n in "ab"))
        daemon = DaemonProcess(folder / "home")
        daemon.start(**cards.environment, XDG_CONFIG_HOME=str(folder))
        try:
            day = Day(whole, daemon, cards, folder)
            makespan = day.play()
            trials = [trial for study in STUDIES for trial in daemon.trials(study)]
            events = daemon.get("/v1/events/list", limit=1000)
            return {
                "makespan": makespan,
                "completed": sum(t["state"] == "completed" for t in trials),
                "trials": len(trials),
                "attempts": sum(t["attempt"] for t in trials),
                "urgent": day.urgent_waited,
                "preempted": sum(e["type"] == "trial.preempted" and "for" in e["data"] for e in events),
                "packing": {study: daemon.study(study)["packing"] for study in STUDIES},
                "ledger": daemon.get("/v1/gpus/ledger", seconds=makespan),
            }
        finally:
            kill_all(of_home(folder / "home"))


def ledger_lines(cards: list[dict[str, Any]]) -> list[str]:
    """The account as a table of Markdown."""
    shares = [per_mille(card["uses"]) for card in cards]
    names = list(dict.fromkeys(use for card in cards for use in card["uses"]))
    lines = ["| use | " + " | ".join(f"gpu:{card['index']}" for card in cards) + " |", "|---" * (len(cards) + 1) + "|"]
    lines += [f"| {use} | " + " | ".join(f"{of.get(use, 0) / 10:.1f} %" for of in shares) + " |" for use in names]
    total = sum(sum(card["uses"].values()) for card in cards) or 1.0
    ours = sum(card["uses"].get(use.value, 0.0) for card in cards for use in OURS)
    return [*lines, "", f"Ours to avoid: {ours / total:.1%}."]


def main() -> int:
    """Play both days and print what came of them; 0 where all goals are reached."""
    day, whole = played(whole=False), played(whole=True)
    ratio = day["makespan"] / whole["makespan"]
    print("| | this day | a whole card each |\n|---|---|---|")
    print(f"| makespan | {duration(day['makespan'])} | {duration(whole['makespan'])} |")
    for name, form in (
        ("completed", "{completed} of {trials}"),
        ("attempts", "{attempts}"),
        ("preempted", "{preempted}"),
    ):
        print(f"| {name} | {form.format(**day)} | {form.format(**whole)} |")
    print(f"| the urgent study began after | {day['urgent']:.1f} s | {whole['urgent']:.1f} s |")
    print(f"\nThe day took {ratio:.2f} of the time.\n")
    print("\n".join(ledger_lines(day["ledger"])))
    print("\nWith a whole card each:\n")
    print("\n".join(ledger_lines(whole["ledger"])))
    print("\n".join(f"{study}: {text}" for study, text in day["packing"].items()))
    reached = ratio <= 0.6 and day["completed"] == day["trials"] == 40 and day["urgent"] <= GRACE_S
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
