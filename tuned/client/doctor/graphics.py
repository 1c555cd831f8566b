"""The GPUs: what the driver says, and whether the Python that trials will run under can use them.

Owns these judgements. The driver is asked as the daemon asks it, torch in a process of the trials' interpreter.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tuned.client.finding import Finding
from tuned.core import words
from tuned.core.cards.attribution import FOREIGN_BYTES
from tuned.nvidia import Look, Nvidia

PATIENCE = 120.0
"""Seconds for `import torch`, which takes long from a cold disk."""

_ASK = """
import json, sys
found = {"python": "%d.%d.%d" % sys.version_info[:3]}
try:
    import torch
    found["torch"] = torch.__version__
    found["cuda"] = torch.version.cuda or getattr(torch.version, "hip", None)
    found["count"] = torch.cuda.device_count()
    found["available"] = torch.cuda.is_available()
    found["archs"] = torch.cuda.get_arch_list() if found["available"] else []
    seen = range(found["count"]) if found["available"] else []
    found["needs"] = ["sm_%d%d" % torch.cuda.get_device_capability(i) for i in seen]
except ImportError as error:
    found["missing"] = str(error)
except Exception as error:
    found["broken"] = "%s: %s" % (type(error).__name__, error)
print("\\n" + json.dumps(found))
"""


def examine(python: str, why: str) -> Iterator[Finding]:
    """Findings on the driver and on torch.

    Args:
        python: Absolute path of the interpreter that trials of this folder would run under.
        why: How it was chosen.
    """
    driver = ask_driver()
    yield from judge_driver(driver, Path("/proc/driver/nvidia/version").exists())
    yield from judge_torch(ask_torch(python), python, why, len(driver.cards))


def ask_driver() -> Look:
    """The NVIDIA driver's answer."""
    driver = Nvidia()
    try:
        return driver.look()
    finally:
        driver.close()


def judge_driver(driver: Look, module_loaded: bool) -> Iterator[Finding]:
    """Findings on what the driver said."""
    if driver.trouble and module_loaded:
        yield Finding(
            "fail",
            f"the NVIDIA driver does not answer: {driver.trouble}",
            "after an upgrade of the driver restart the machine",
        )
        return
    if driver.trouble:
        yield Finding(
            "warn",
            f"the NVIDIA library is here, and its driver does not answer: {driver.trouble}",
            "with a GPU in this machine load its driver: sudo modprobe nvidia; without one this is as it should be",
        )
    if driver.trouble or not driver.cards:
        why = "until it does" if driver.trouble else "no NVIDIA GPU here:"
        yield Finding("ok", f"{why} trials run in CPU slots, one per two cores")
        return
    yield Finding("ok", f"driver {driver.version}, {words.count(len(driver.cards), 'GPU')}")
    for card in driver.cards:
        name = f"gpu:{card.number} ({card.name})"
        if card.sample is None:
            yield Finding("fail", f"{name}: {card.trouble}", "it is not leased until it answers: nvidia-smi -r")
        elif card.sample.memory_used > FOREIGN_BYTES:
            yield Finding(
                "warn",
                f"{name}: {words.size(card.sample.memory_used)} of {words.size(card.memory_total)} are in use",
                "what holds them is not ours unless trials run: a GPU with a foreign process is not leased",
            )


def ask_torch(python: str) -> dict[str, object]:
    """The answer of torch under an interpreter."""
    try:
        done = subprocess.run(
            [python, "-c", _ASK],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        found: dict[str, object] = json.loads(done.stdout.strip().rpartition("\n")[2])
    except subprocess.TimeoutExpired:
        return {"broken": f"import torch took more than {PATIENCE:.0f} s"}
    except (OSError, ValueError) as error:
        return {"broken": f"it does not run: {error}"}
    return found


def judge_torch(said: dict[str, object], python: str, why: str, gpus: int) -> Iterator[Finding]:
    """Findings on what torch said, beside the driver's number of GPUs."""
    name = f"{python} ({why})"
    if "broken" in said:
        yield Finding("fail", f"{name}: {said['broken']}", "mend that environment, or name another: run.python = ...")
        return
    if "missing" in said:
        yield Finding(
            "warn",
            f"{name} has no torch",
            "where trials need it: activate their environment, or name it: run.python = ...",
        )
        return
    shown = f"{name}: torch {said['torch']}"
    if not gpus:
        yield Finding("ok", shown)
    elif not said["cuda"]:
        yield Finding(
            "fail", f"{shown} is built for the CPU alone, and there is a GPU", "install a CUDA build of torch"
        )
    elif not said["available"] or said["count"] != gpus:
        yield Finding(
            "fail",
            f"{shown} (CUDA {said['cuda']}) sees {said['count']} of {words.count(gpus, 'GPU')}",
            "its CUDA is newer than the driver, or CUDA_VISIBLE_DEVICES hides them",
        )
    else:
        built = _listed(said["archs"])
        old = [need for need in sorted(_listed(said["needs"])) if not any(_same_family(need, arch) for arch in built)]
        if old:
            yield Finding("fail", f"{shown} has no code for {', '.join(old)}", "install a build of torch for this GPU")
        else:
            yield Finding("ok", f"{shown} sees {words.count(said['count'], 'GPU')}")


def _listed(value: object) -> set[str]:
    return {str(item) for item in value} if isinstance(value, Sequence) and not isinstance(value, str) else set()


def _same_family(need: str, arch: str) -> bool:
    """Code for `sm_80` runs on `sm_86`; PTX (`compute_80`) is compiled for whatever is newer."""
    kind, _, number = arch.partition("_")
    wanted = need.partition("_")[2]
    if not number.rstrip("a").isdigit() or not wanted.isdigit():
        return False
    have = int(number.rstrip("a"))
    return have <= int(wanted) if kind == "compute" else have <= int(wanted) and have // 10 == int(wanted) // 10
