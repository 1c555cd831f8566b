"""`make gpu-check [WHEELS=FOLDER] [TORCH_PYTHON=PYTHON]`: what only a machine with a GPU can show, in eight minutes.

Owns the checks and their table. Nothing is fetched: `--wheels FOLDER` downloads, where there is a network, what is to
be handed over, and lists it with its sizes (torch and NVIDIA's libraries are the machine's own). Trials run under the
machine's own Python with CUDA, whose version the wheels must have: 99 wheels and 157 MiB for 3.11, the largest of them
scipy (34), numpy (16), pandas (12), matplotlib, plotly, scikit-learn and ax-platform (9 each). On a machine without a
driver the stand-in takes its place, and the table says so: then it shows that the checks run, and nothing of CUDA.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.crash.processes import kill_all, of_home
from tests.e2e.conftest import DaemonProcess, Refusal, wait_until
from tests.gpus.standin import ENV_FOLDER, GIB, Cards
from tuned.core import words
from tuned.core.trials.card_figures import in_words
from tuned.nvidia import Look, Nvidia

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "benchmarks" / "scripts"
OF_THE_MACHINE = ("torch", "nvidia", "triton", "cuda")
"""Beginnings of the packages that are not handed over."""
PATIENCE_S = 300.0
Row = tuple[str, str, str]
"""What was checked, what was found, and `ok`, `MISSED` or `not tried`."""


class Machine:
    """A daemon on this machine's cards.

    Args:
        python: The trials' interpreter.
        cards: The stand-in's; None on a machine with a driver.
        total: Bytes of the smallest card.
    """

    def __init__(self, folder: Path, python: str, cards: Cards | None, total: int) -> None:
        self.daemon, self.python, self.cards, self.gib = DaemonProcess(folder / "home"), python, cards, total / GIB
        self.environment = cards.environment if cards else {}
        self.daemon.start(**self.environment)

    def submit(self, name: str, trials: int, script: str = "cuda_work.py", **more: Any) -> None:
        """A study; `takes` are a trial's parameters, `space` further ones, `run` and `search` further settings."""
        takes = {"gib": 0.05 * self.gib, "busy": 30, "seconds": 4.0, **more.get("takes", {})}
        space: dict[str, Any] = {key: {"type": "fixed", "value": value} for key, value in takes.items()}
        space |= {"x": {"type": "float", "low": 0.0, "high": 1.0}, **more.get("space", {})}
        run: dict[str, Any] = {"script": str(SCRIPTS / script), "python": self.python, "resources": {"share": "never"}}
        if self.cards is not None:
            run["env"] = {ENV_FOLDER: str(self.cards.folder)}
        study = {
            "name": name,
            "run": {**run, **more.get("run", {})},
            "objective": {"metric": "loss", "direction": "minimize"},
            "space": space,
            "search": {"method": "sobol", "trials": trials, **more.get("search", {})},
        }
        self.daemon.submit(study, SCRIPTS)

    def ended(self, name: str) -> list[dict[str, Any]]:
        """The trials of a study, once it has ended."""

        def over() -> bool:
            row = self.daemon.study(name)
            assert row["state"] != "paused", f"{name} is paused: {row['reason']}"
            return bool(row["ended_at"])

        wait_until(over, f"{name} does not end", PATIENCE_S)
        numbers = [trial["number"] for trial in self.daemon.trials(name)]
        return [self.daemon.get(f"/v1/studies/{name}/trials/{number}") for number in numbers]


def warm_and_cold(machine: Machine) -> Row:
    """The same trials forked from a process that has imported torch, and begun anew."""
    taken = {}
    for name, run in (("warm", {"preload": ["torch"] if machine.cards is None else []}), ("cold", {"start": "cold"})):
        machine.submit(name, 3, run=run, takes={"seconds": 1.0})
        last = machine.ended(name)[-1]
        attempt = last["attempts"][-1]
        taken[attempt["mode"]] = attempt["ended_at"] - attempt["claimed_at"]
    told = ", ".join(f"{mode} {seconds:.2f} s" for mode, seconds in taken.items())
    return "a trial of one second, from its claim to its end", told, _word(set(taken) == {"warm", "cold"})


def context_refused(machine: Machine) -> Row:
    """A module that opens a card while it is imported is not forked from."""
    what = "a card opened by an import: no fork"
    if machine.cards is not None:
        return what, "needs CUDA", "not tried"
    machine.submit("context", 2, "cuda_at_import.py")
    found = [trial["attempts"][-1]["mode"] for trial in machine.ended("context")]
    return what, ", ".join(found), _word("cold" in found)


def out_of_memory(machine: Machine) -> Row:
    """Half of the range is more than a card has; the search learns to keep away from it."""
    space = {"gib": {"type": "float", "low": 0.1 * machine.gib, "high": 2.0 * machine.gib}}
    # A study whose very first trial fails is paused, so that one fits.
    first = {"x": 0.5, "gib": 0.1 * machine.gib}
    search = {"method": "auto", "trials": 14, "parallel": 1, "point": [first]}
    machine.submit("memory", 14, takes={"seconds": 1.0, "busy": 20}, space=space, search=search)
    found = [trial["trial"] for trial in machine.ended("memory")]
    told = []
    for whose, chosen in (("the design's", "sobol"), ("the model's", "bayesian")):
        short = [trial["failure"] == "oom" for trial in found if trial["origin"] == chosen]
        told.append(f"{sum(short)} of {len(short)} of {whose} points ran out")
    modelled = [trial["failure"] == "oom" for trial in found if trial["origin"] == "bayesian"]
    learned = bool(modelled) and sum(modelled) <= 0.4 * len(modelled)  # of points at random it would be half
    known = any(trial["failure"] == "oom" for trial in found)
    return "a lack of memory is known and learned from", ", ".join(told), _word(known and learned)


def parts(machine: Machine) -> Row:
    """Two halves of a card at once."""
    machine.submit("parts", 2, run={"resources": {"gpus": 0.5}}, takes={"seconds": 5.0})
    machine.daemon.until(lambda: len(machine.daemon.get("/v1/gpus")[0]["held_by"]) == 2, "the parts are not leased")
    found = [trial["trial"]["slot"] for trial in machine.ended("parts")]
    return "two halves of one card", ", ".join(found), _word(len(set(found)) == 1)


def packed(machine: Machine) -> Row:
    """Small trials share a card by themselves."""
    trials = 4 * len(machine.daemon.get("/v1/gpus")) + 2
    machine.submit("packed", trials, run={"resources": {}}, takes={"seconds": 8.0})
    machine.ended("packed")
    told = machine.daemon.study("packed")["packing"]
    return "packing", told, _word("together" in told)


def figures(machine: Machine) -> Row:
    """The figures of a trial's card."""
    machine.submit("figures", 1, takes={"seconds": 8.0})
    card = machine.ended("figures")[0]["trial"]["card"]
    return "figures of a trial", in_words(card), _word({"peak_memory", "utilisation", "watt_hours"} <= set(card))


def moved(machine: Machine) -> Row:
    """A pause that moves the GPU memory away, and back."""
    what = "pause --level cuda"
    if shutil.which("cuda-checkpoint") is None:
        return what, "cuda-checkpoint is not installed", "not tried"
    machine.submit("moved", 1, takes={"seconds": 8.0})
    machine.daemon.until(lambda: machine.daemon.trials("moved")[0]["last_step"] is not None, "it reports nothing")
    before = machine.daemon.get("/v1/gpus")[0]["memory_used"]
    machine.daemon.post("/v1/pause", {"targets": ["moved/1"], "level": "cuda"})
    away = machine.daemon.get("/v1/gpus")[0]["memory_used"]
    machine.daemon.post("/v1/resume", {"targets": ["moved/1"]})
    state = machine.ended("moved")[0]["trial"]["state"]
    told = f"{words.size(before)} in use, {words.size(away)} meanwhile; then {state}"
    return what, told, _word(away < before and state == "completed")


def adopted(machine: Machine) -> Row:
    """The daemon is killed; its trial lives on with its card, and the next daemon goes on with it."""
    machine.submit("adopted", 1, takes={"seconds": 6.0})
    machine.daemon.until(lambda: machine.daemon.trials("adopted")[0]["last_step"] is not None, "it reports nothing")
    machine.daemon.kill()
    machine.daemon.start(**machine.environment)
    held = machine.daemon.get("/v1/gpus")[0]["held_by"]
    trial = machine.ended("adopted")[0]["trial"]
    told = f"{trial['state']} in attempt {trial['attempt']}, held by {', '.join(held) or 'nobody'} after the start"
    return "kill -9 of the daemon", told, _word(trial["state"] == "completed" and trial["attempt"] == 1)


CHECKS: tuple[Callable[[Machine], Row], ...] = (
    warm_and_cold, context_refused, parts, packed, figures, moved, adopted, out_of_memory,
)  # fmt: skip


def _word(reached: bool) -> str:
    return "ok" if reached else "MISSED"


def _tried(check: Callable[[Machine], Row], machine: Machine) -> Row:
    try:
        return check(machine)
    except (AssertionError, Refusal) as error:
        return check.__name__.replace("_", " "), str(error).splitlines()[0][:160], "MISSED"


def wheels(folder: Path) -> int:
    """Download what is to be handed over, and list it with its sizes."""
    locked = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if line[:1].isalpha()]
    wanted = [line for line in locked if not line.lower().startswith(OF_THE_MACHINE) or line.startswith("nvidia-ml-py")]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-d", str(folder)]
    subprocess.run([*command, *wanted, "pytest", "pluggy", "iniconfig"], check=True)
    found = sorted(folder.glob("*.whl"), key=lambda path: -path.stat().st_size)
    for path in found:
        print(f"{words.size(path.stat().st_size):>10}  {path.name}")
    print(f"{words.size(sum(path.stat().st_size for path in found)):>10}  in all, {len(found)} wheels")
    return 0


def main() -> int:
    """Check, and print the table; 0 where nothing was missed."""
    parser = argparse.ArgumentParser(prog="make gpu-check")
    parser.add_argument("--python", default=shutil.which("python3"), help="the trials' interpreter")
    parser.add_argument("--wheels", type=Path, help="download the wheels to hand over into this folder, and list them")
    parser.add_argument(
        "names", nargs="*", choices=[*(check.__name__ for check in CHECKS), []], help="these checks alone"
    )
    options = parser.parse_args()
    if options.wheels:
        return wheels(options.wheels)
    began, look = time.monotonic(), Nvidia().look()
    with tempfile.TemporaryDirectory(prefix="tuned-gpu-", dir="/var/tmp") as name:
        folder = Path(name)
        cards = None if look.cards else _stand_in(folder)
        total = min((card.memory_total for card in look.cards), default=24 * GIB)
        machine = Machine(folder, options.python, cards, total)
        try:
            rows = [_tried(check, machine) for check in CHECKS if check.__name__ in (options.names or [check.__name__])]
        finally:
            kill_all(of_home(folder / "home"))
    print(f"{_named(look)}; {time.monotonic() - began:.0f} s\n\n| checked | found | |\n|---|---|---|")
    print("\n".join(f"| {what} | {found} | {word} |" for what, found, word in rows))
    return int(any(word == "MISSED" for _, _, word in rows))


def _stand_in(folder: Path) -> Cards:
    card = {"uuid": "GPU-a", "memory_total": 24 * GIB, "power": 60_000, "energy": 1, "temperature": 50, "throttle": 0}
    return Cards(folder / "cards", card)


def _named(look: Look) -> str:
    if not look.cards:
        return "No driver here: the stand-in takes its place, and nothing of CUDA is shown"
    card = look.cards[0]
    return f"{len(look.cards)} x {card.name}, {words.size(card.memory_total)}, driver {look.version}"


if __name__ == "__main__":
    sys.exit(main())
