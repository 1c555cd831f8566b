"""`make gpu-check [WHEELS=FOLDER] [TORCH_PYTHON=PYTHON]`: what only a machine with a GPU can show, in eight minutes.

Owns the checks and their table. Nothing is fetched: `--wheels FOLDER` downloads, where there is a network, what is to
be handed over, and lists it with its sizes (torch and NVIDIA's libraries are the machine's own). Trials run under the
machine's own Python with CUDA, whose version the wheels must have (`--python-version 3.12`): 100 wheels and 159 MiB for
3.11, the largest of them scipy (34), numpy (16), pandas (12), matplotlib, plotly, scikit-learn and Ax (9 each).
Before the checks that Python is asked for CUDA, and cards that somebody else uses are left out. On a machine without a
driver the stand-in takes its place, and the table says so: then it shows that the checks run, and nothing of CUDA.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from subprocess import PIPE
from typing import Any

from tests.crash.processes import kill_all, of_home
from tests.e2e.conftest import DaemonProcess, Refusal, wait_until
from tests.gpus.standin import ENV_FOLDER, GIB, Cards
from tuned.core import words
from tuned.core.cards.attribution import FOREIGN_BYTES
from tuned.core.cards.shares import is_part
from tuned.core.trials.card_figures import in_words
from tuned.daemon.attempts.gpu_memory import cuda_tool
from tuned.nvidia import Card, Look, Nvidia

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "benchmarks" / "scripts"
OF_THE_MACHINE = ("torch", "nvidia", "triton", "cuda")
"""Beginnings of the packages that are not handed over."""
LIMIT_S = 480.0
"""Of the whole; checks that it leaves no time for are not tried."""
PATIENCE_S = 180.0
"""For a study."""
ASK = """
import json, sys, time
import torch
if not torch.cuda.is_available():
    sys.exit("torch %s of this Python does not find a card" % torch.__version__)
matrix = torch.randn(4096, 4096, device="cuda")
for _ in range(3):
    began = time.perf_counter()
    for _ in range(20):
        (matrix @ matrix).sum().item()
    each = (time.perf_counter() - began) / 20
name = torch.cuda.get_device_name()
print(json.dumps({"products": 1 / each, "torch": torch.__version__, "cuda": torch.version.cuda, "name": name}))
"""
"""Asks the trials' Python for CUDA, and how many products of two matrices it does in a second."""
STEP_S = 0.25
"""Of the trials' work, as in their script."""
POLITE = """
[gpu]
after = "2s"
back_after = "2s"
whose = "all"
"""
"""Settings under which processes of the user's own, beside the trials, count as a colleague's."""
COLLEAGUE = """
import sys, time
import torch
held = torch.empty(int(sys.argv[1]), dtype=torch.uint8, device="cuda")
print("here", flush=True)
sys.stdin.read()
"""
"""Holds memory of a card until its input ends."""
Row = tuple[str, str, str]
"""What was checked, what was found, and `ok`, `MISSED` or `not tried`."""


class Machine:
    """A daemon on this machine's cards.

    Args:
        python: The trials' interpreter.
        cards: The stand-in's; None on a machine with a driver.
        free: The driver's cards that nobody uses.
        products: Products of matrices that one does in a second.
    """

    def __init__(
        self, folder: Path, python: str, cards: Cards | None, free: Sequence[Card] = (), products: float = 0.0
    ) -> None:
        self.daemon, self.python, self.cards, self.products = DaemonProcess(folder / "home"), python, cards, products
        self.gib = min((card.memory_total for card in free), default=24 * GIB) / GIB
        self.cut = any(is_part(card.uuid) for card in free)
        self.environment = {"XDG_CONFIG_HOME": str(folder)}
        (folder / "tuned-hpo").mkdir()
        (folder / "tuned-hpo" / "config.toml").write_text(POLITE)
        seen = {"CUDA_VISIBLE_DEVICES": ",".join(card.uuid for card in free)}
        self.sees, self.environment = {**os.environ, **seen}, self.environment | (cards.environment if cards else seen)
        self.ends_at, self.submitted = time.monotonic() + LIMIT_S, ""
        self.daemon.start(**self.environment)

    def submit(self, name: str, trials: int, script: str = "cuda_work.py", **more: Any) -> None:
        """A study; `takes` are a trial's parameters; `space`, `run` and `search` are added to what all have."""
        takes = {"gib": 0.05 * self.gib, "busy": 30, "seconds": 4.0, **more.get("takes", {})}
        takes["products"] = max(1, round(self.products * STEP_S * float(takes["busy"]) / 100))
        space: dict[str, Any] = {key: {"type": "fixed", "value": value} for key, value in takes.items()}
        space |= {"x": {"type": "float", "low": 0.0, "high": 1.0}, **more.get("space", {})}
        run: dict[str, Any] = {"script": str(SCRIPTS / script), "python": self.python, "resources": {"share": "never"}}
        run |= more.get("run", {})
        if self.cards is not None:
            run["env"] = {ENV_FOLDER: str(self.cards.folder), **run.get("env", {})}
        study = {
            "name": name,
            "urgent": more.get("urgent", False),
            "run": run,
            "objective": {"metric": "loss", "direction": "minimize"},
            "space": space,
            "search": {"method": "sobol", "trials": trials, **more.get("search", {})},
        }
        self.submitted = name
        self.daemon.submit(study, SCRIPTS)

    def reported(self, name: str, steps: int = 1) -> None:
        """Once all trials of a study have reported that many steps."""

        def so_far() -> bool:
            last = [trial["last_step"] for trial in self.daemon.trials(name)]
            return bool(last) and all(step is not None and step >= steps - 1 for step in last)

        self.daemon.until(so_far, f"{name} reports nothing")

    def begun_at(self, name: str, number: int) -> int:
        """The step at which the last attempt of a trial went on; 0 where it began anew."""
        log = self.daemon.get(f"/v1/studies/{name}/trials/{number}/log")["text"]
        found = re.findall(r"goes on at step (\d+)", log)
        return int(found[-1]) if found else 0

    @contextlib.contextmanager
    def colleague(self, part: float) -> Iterator[None]:
        """A process that is no trial holds a part of the first card's memory."""
        size = int(part * self.gib * GIB)
        if self.cards is not None:
            self.cards.set(0, processes={1: size})
            yield
            self.cards.set(0, processes={})
            return
        with subprocess.Popen(
            [self.python, "-c", COLLEAGUE, str(size)], stdin=PIPE, stdout=PIPE, env=self.sees
        ) as other:
            assert other.stdin and other.stdout
            assert other.stdout.readline() == b"here\n", "the colleague's process ended"
            yield
            other.stdin.close()

    def ended(self, name: str) -> list[dict[str, Any]]:
        """The trials of a study, once it has ended."""

        def over() -> bool:
            row = self.daemon.study(name)
            assert row["state"] != "paused", f"{name} is paused: {row['reason']}"
            return bool(row["ended_at"])

        wait_until(over, f"{name} does not end", max(1.0, min(PATIENCE_S, self.ends_at - time.monotonic())))
        self.submitted = ""
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
    """No trial is forked from a process in which an import has opened a card: that import is not made ahead then."""
    what = "an import ahead opens a card"
    run = {"preload": ["opens_card"], "env": {"PYTHONPATH": str(SCRIPTS / "ahead")}}
    machine.submit("context", 2, run=run)
    ended = machine.ended("context")
    states, modes = ([trial["trial"]["state"] for trial in ended], [trial["attempts"][-1]["mode"] for trial in ended])
    refused = "opens_card" in machine.daemon.log() and "no process could be forked" in machine.daemon.log()
    told = f"{'refused' if refused else 'not refused'}; trials {', '.join(modes)} without it: {', '.join(states)}"
    return what, told, _word(refused and set(states) == {"completed"})


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
    if machine.cut:
        return "packing", "instances of a card are not shared", "not tried"
    trials = 4 * len(machine.daemon.get("/v1/gpus")) + 2
    machine.submit("packed", trials, run={"resources": {}}, takes={"seconds": 8.0})
    machine.ended("packed")
    told = machine.daemon.study("packed")["packing"]
    return "packing", told, _word("together" in told)


def figures(machine: Machine) -> Row:
    """The figures of a trial's card."""
    machine.submit("figures", 1, takes={"seconds": 8.0})
    card = machine.ended("figures")[0]["trial"]["card"]
    wanted = {"peak_memory"} if machine.cut else {"peak_memory", "utilisation", "watts"}
    return "figures of a trial", in_words(card), _word(wanted <= set(card) and card["peak_memory"] > 0)


def moved(machine: Machine) -> Row:
    """A pause that moves the GPU memory away, and back."""
    what = "pause --level cuda"
    if cuda_tool() is None:
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


def preempted(machine: Machine) -> Row:
    """An urgent trial takes a card from one of lower priority, which goes on afterwards from what it had saved."""
    cards = len(machine.daemon.get("/v1/gpus"))
    machine.submit("patient", cards, takes={"seconds": 15.0})
    machine.reported("patient", steps=8)
    began = time.monotonic()
    machine.submit("urgent", 1, takes={"seconds": 1.0}, urgent=True)
    machine.reported("urgent")
    waited = time.monotonic() - began
    machine.ended("urgent")
    ended = machine.ended("patient")
    moved = [trial["trial"]["number"] for trial in ended if trial["trial"]["attempt"] == 2]
    step = min((machine.begun_at("patient", number) for number in moved), default=0)
    told = f"its first line after {waited:.1f} s; {len(moved)} of {cards} made room and went on at step {step}"
    kept = {trial["trial"]["state"] for trial in ended} == {"completed"} and step >= 8
    return "an urgent study", told, _word(len(moved) == 1 and kept)


def polite(machine: Machine) -> Row:
    """A trial leaves its card for somebody else's process, and comes back when it is quiet."""
    what, daemon = "polite mode", machine.daemon
    if len(daemon.get("/v1/gpus")) > 1:
        return what, "this check wants one card: CUDA_VISIBLE_DEVICES=0", "not tried"
    daemon.post("/v1/gpus/polite", {"on": True})
    try:
        machine.submit("polite", 1, takes={"seconds": 15.0})
        machine.reported("polite", steps=8)
        with machine.colleague(0.1):
            came = time.monotonic()
            daemon.until(lambda: daemon.trials("polite")[0]["state"] == "queued", "it stays")
            left, whose = time.monotonic() - came, daemon.get("/v1/gpus")[0]["left_to"].split(" since ")[0]
        went = time.monotonic()
        daemon.until(lambda: daemon.trials("polite")[0]["state"] == "running", "it does not come back")
        back = time.monotonic() - went
        trial = machine.ended("polite")[0]["trial"]
    finally:
        daemon.post("/v1/gpus/polite", {"on": False})
    step = machine.begun_at("polite", 1)
    told = f"{whose} after {left:.1f} s, had back {back:.1f} s after the other's end; went on at step {step}"
    return what, told, _word(trial["state"] == "completed" and step >= 8)


CHECKS: tuple[Callable[[Machine], Row], ...] = (
    warm_and_cold, context_refused, parts, packed, figures, moved, adopted, preempted, polite, out_of_memory,
)  # fmt: skip


def _word(reached: bool) -> str:
    return "ok" if reached else "MISSED"


def _tried(check: Callable[[Machine], Row], machine: Machine) -> Row:
    what = check.__name__.replace("_", " ")
    if machine.ends_at < time.monotonic() + 20.0:
        return what, f"no time was left of {LIMIT_S / 60:.0f} minutes", "not tried"
    try:
        return check(machine)
    except (AssertionError, Refusal, OSError) as error:
        if machine.submitted:  # else the next check would wait behind it
            with contextlib.suppress(Refusal, OSError):
                machine.daemon.post("/v1/kill", {"targets": [machine.submitted]})
        return what, (str(error).splitlines() or [repr(error)])[0][:160], "MISSED"


def ask(python: str, free: Sequence[Card]) -> dict[str, Any]:
    """What the trials' Python says of CUDA.

    Raises:
        SystemExit: It has none, and why.
    """
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": free[0].uuid}
    asked = subprocess.run([python, "-c", ASK], env=environment, capture_output=True, text=True)
    if asked.returncode:
        why = (asked.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise SystemExit(f"gpu-check: {python}: {why} (name another one: make gpu-check TORCH_PYTHON=...)")
    return dict(json.loads(asked.stdout.splitlines()[-1]))


def unused(look: Look) -> list[Card]:
    """The cards that nobody uses.

    Raises:
        SystemExit: There are none.
    """
    free = [card for card in look.cards if card.sample and card.sample.memory_used <= FOREIGN_BYTES]
    for card in look.cards:
        if card not in free:
            used = card.trouble or f"{words.size(card.sample.memory_used if card.sample else 0)} are in use"
            print(f"gpu-check: card {card.number} is left out: {used} (nvidia-smi says by whom)", file=sys.stderr)
    if look.cards and not free:
        raise SystemExit("gpu-check: no card is free; end what runs there and try again")
    return free


def wheels(folder: Path, version: str) -> int:
    """Download what is to be handed over to a machine with this version of Python, and list it with its sizes."""
    locked = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if line[:1].isalpha()]
    wanted = [line for line in locked if not line.lower().startswith(OF_THE_MACHINE) or line.startswith("nvidia-ml-py")]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-d", str(folder)]
    beside = ["pip", "pytest", "pluggy", "iniconfig"]  # without a network, pip installs from its own wheel
    subprocess.run([*command, "--python-version", version, *wanted, *beside], check=True)
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
    here = ".".join(map(str, sys.version_info[:2]))
    parser.add_argument("--python-version", default=here, help=f"of the machine that they are for (without it, {here})")
    parser.add_argument(
        "names", nargs="*", choices=[*(check.__name__ for check in CHECKS), []], help="these checks alone"
    )
    options = parser.parse_args()
    if options.wheels:
        return wheels(options.wheels, options.python_version)
    began, look = time.monotonic(), Nvidia().look()
    free = unused(look)
    asked = ask(options.python, free) if free else {}
    with tempfile.TemporaryDirectory(prefix="tuned-gpu-", dir="/var/tmp") as name:
        folder = Path(name)
        cards = None if look.cards else _stand_in(folder)
        machine = Machine(folder, options.python, cards, free, asked.get("products", 0.0))
        try:
            rows = [_tried(check, machine) for check in CHECKS if check.__name__ in (options.names or [check.__name__])]
        finally:
            kill_all(of_home(folder / "home"))
    print(f"{_named(look, asked)}; {time.monotonic() - began:.0f} s\n\n| checked | found | |\n|---|---|---|")
    print("\n".join(f"| {what} | {found} | {word} |" for what, found, word in rows))
    return int(any(word == "MISSED" for _, _, word in rows))


def _stand_in(folder: Path) -> Cards:
    card = {"uuid": "GPU-a", "memory_total": 24 * GIB, "power": 60_000, "energy": 1, "temperature": 50, "throttle": 0}
    return Cards(folder / "cards", card)


def _named(look: Look, asked: dict[str, Any]) -> str:
    if not look.cards:
        return "No driver here: the stand-in takes its place, and nothing of CUDA is shown"
    card = look.cards[0]
    told = f"{len(look.cards)} x {card.name}, {words.size(card.memory_total)}, driver {look.version}"
    return f"{told}, torch {asked['torch']} with CUDA {asked['cuda']}"


if __name__ == "__main__":
    sys.exit(main())
