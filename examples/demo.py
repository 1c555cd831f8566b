"""`make demo`: tunes the digits example on this machine, in a state folder of its own, `.demo/` in the checkout.

Owns the order of the commands and what is said between them; all the work is done by `tunectl`, the way a person would
do it. Run again, it goes on where it was interrupted, or says that it is done already. It leaves no process behind.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".demo"
STUDY_FILE = ROOT / "examples" / "digits" / "study.toml"
STUDY = "digits"
SLOTS = 2
ENDED = ("completed", "stopped", "failed")
GPU_FILES = ("/dev/nvidiactl", "/dev/nvidia0")


class Stopped(Exception):
    """A command failed; it has told why itself."""


def environment() -> dict[str, str]:
    """This environment with the demo's state folder, and without virtual environments that happen to be active."""
    env = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', os.defpath)}"
    return {**env, "TUNED_HOME": str(STATE), "PATH": path}


def tunectl(*arguments: str, check: bool = True) -> int:
    """Run one command with the terminal as it is; its exit code.

    Raises:
        Stopped: It failed and `check` is set.
    """
    code = subprocess.run(
        [sys.executable, "-I", "-m", "tuned.cli", *arguments], env=environment(), check=False
    ).returncode
    if check and code:
        raise Stopped(code)
    return code


def ask(*arguments: str) -> Any:
    """The document that a command prints with `--json`.

    Raises:
        Stopped: It failed.
    """
    command = [sys.executable, "-I", "-m", "tuned.cli", *arguments, "--json"]
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Stopped(done.returncode)
    return json.loads(done.stdout)


def daemon_runs() -> bool:
    """Whether a daemon of the demo's state folder runs already."""
    command = [sys.executable, "-I", "-m", "tuned.cli", "daemon", "status", "--json"]
    return subprocess.run(command, env=environment(), capture_output=True, check=False).returncode == 0


def gpu_remark(cuda: str | None, usable: bool, torch_version: str) -> str:
    """What to say about a GPU that is there, given what torch says of itself."""
    if usable:
        return f"torch {torch_version} can use the GPU of this machine; this net is so small that it trains on the CPU."
    if cuda:
        why, remedy = (
            f"is built for CUDA {cuda} and cannot reach it",
            "compare nvidia-smi's CUDA version, update the driver",
        )
    else:
        why, remedy = "is built without CUDA", "to use it, install a CUDA build of torch"
    return (
        f"There is an NVIDIA GPU here, but this torch ({torch_version}) {why} ({remedy}). The demo trains on the CPU."
    )


def look_for_gpu() -> str:
    """The remark for this machine; empty without a GPU."""
    if not any(Path(name).exists() for name in GPU_FILES):
        return ""
    import torch

    return gpu_remark(torch.version.cuda, torch.cuda.is_available(), torch.__version__)


def find_study() -> Mapping[str, Any] | None:
    """The demo's study as it stands; None before the first run."""
    return next((row for row in ask("studies") if row["name"] == STUDY), None)


def interrupt() -> None:
    """Pause the study, so that its time budget is not spent while nothing runs."""
    tunectl("pause", STUDY, check=False)
    print("interrupted; make demo goes on from here")


def take_up(study: Mapping[str, Any]) -> None:
    """Let a study that was interrupted go on, with the trials that were stopped in the middle."""
    paused = ask("trials", STUDY, "--state", "paused", "--limit", "1000")
    targets = [STUDY] if study["state"] == "paused" else []
    targets += [f"{STUDY}/{row['number']}" for row in paused]
    if targets:
        tunectl("resume", *targets)


def start_study(interactive: bool) -> None:
    """Submit, and look on until the study has ended; on a terminal in the UI first."""
    if not interactive:
        tunectl("submit", str(STUDY_FILE), "--follow")
        return
    tunectl("submit", str(STUDY_FILE))
    tunectl("ui", check=False)
    study = find_study()
    if study is not None and study["state"] not in ENDED:
        print(f"\n{STUDY} goes on; Ctrl-C interrupts it, and make demo takes it up again.")
        tunectl("wait", STUDY)


def as_argument(name: str, value: object) -> str:
    """`lr=0.0123`: a parameter as train.py takes it."""
    return f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}"


def here(path: Path) -> str:
    """The path as one would type it in this folder."""
    return os.path.relpath(path) if Path.cwd() == ROOT else str(path)


def tell_best() -> None:
    """The best point, what it reached, and the command that measures it on images that were never tuned on."""
    found = ask("best", STUDY)
    if not found:
        print(f"\nNo trial of {STUDY} gave a result; see what they printed: tunectl logs {STUDY}/1")
        return
    best = found[0]
    curve = [row for row in ask("metrics", f"{STUDY}/{best['number']}") if row["name"] in ("val_loss", "val_accuracy")]
    by_step: dict[float, dict[str, float]] = {}
    for row in curve:
        by_step.setdefault(row["step"], {})[row["name"]] = float(row["value"])
    step, reached = min(by_step.items(), key=lambda item: item[1]["val_loss"])
    arguments = [as_argument(name, value) for name, value in best["params"].items()]
    print(f"\nBest of {STUDY}: trial {best['number']} ({best['origin']}), " + " ".join(arguments))
    print(
        f"  validation loss {reached['val_loss']:.4f}, accuracy {reached['val_accuracy']:.2%}, in epoch {step:g}"
        " (the best of many is partly luck; to measure it on images that no trial saw:)"
    )
    script = here(STUDY_FILE.parent / "train.py")
    print(f"  {here(Path(sys.executable))} {script} --test {shlex.join(arguments)}")


def tell_how_to_look() -> None:
    """Commands that show more; each starts the daemon by itself."""
    program = Path(sys.executable).with_name("tunectl")
    prefix = f"TUNED_HOME={here(STATE)} {here(program)}"
    print("\nLook around (each starts the daemon when none runs):")
    for arguments, what in (
        ("ui", "the terminal UI"),
        (f"trials {STUDY} --sort value --limit 10", "the ten best"),
        (f"metrics {STUDY}/best --name val_loss", "a learning curve"),
        (f"logs {STUDY}/best", "what it printed"),
        (f"enqueue {STUDY} lr=0.01 width=128", "a point of your own; the rest is suggested"),
        ("daemon stop", "ends the daemon"),
    ):
        print(f"  {prefix} {arguments:<45} # {what}")
    print(f"Start anew: {prefix} daemon stop; rm -r {here(STATE)}; make demo")


def run(interactive: bool) -> None:
    """Everything between the daemon's start and its end."""
    study = find_study()
    if study is not None and study["state"] in ENDED:
        print(f"{STUDY} is {study['state']} already, with {sum(study['counts'].values())} trials; nothing to tune.")
    else:
        if study is not None:
            take_up(study)
        how = "goes on" if study is not None else "is tuned: 40 trials, at most 3 minutes"
        print(f"{STUDY} {how}, {SLOTS} trials at a time. Everything is kept in {here(STATE)}.")
        start_study(interactive)
    tell_best()
    tell_how_to_look()


def main() -> int:
    """Run the demo; 0, or the exit code of the command that failed."""
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    remark = look_for_gpu()
    if remark:
        print(remark)
    ours = not daemon_runs()
    try:
        tunectl("daemon", "start", "--slots", str(SLOTS))
        run(interactive)
    except Stopped as stopped:
        return int(stopped.args[0])
    except KeyboardInterrupt:
        print()
        interrupt()
        return 130
    finally:
        if ours and daemon_runs():
            tunectl("daemon", "stop", "--stop-trials", check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
