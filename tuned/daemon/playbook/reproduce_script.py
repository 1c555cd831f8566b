"""Runs the final training of this bundle again, and compares what it comes to: `python reproduce.py [--out DIR]`.

Owns nothing outside of the folder that it makes. It needs the interpreter that the bundle names (or the one given with
`--python`) and the packages listed in `bundle.json`; `sdk/` starts the training just as it was started then.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
TOLERANCE = 1e-9


def main() -> int:
    """Run every stage; 0 when all numbers are the same, 1 when one is not, 2 when a stage does not run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", help="a new folder to run in; default: a temporary one, which stays")
    parser.add_argument("--python", help="interpreter of the training; default: the one that was used")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="relative difference that counts as none")
    options = parser.parse_args()
    with open(os.path.join(HERE, "bundle.json")) as file:
        bundle = json.load(file)
    out = os.path.abspath(options.out or tempfile.mkdtemp(prefix="reproduced-"))
    os.makedirs(out, exist_ok=True)
    check_data(bundle["data"])
    python, same = options.python or bundle["python"], True
    for run in bundle["runs"]:
        run_dir, code = run_stage(run, bundle, python, out)
        if code != 0:
            print("%s: exit code %s; %s/output.log ends:\n%s" % (run["stage"], code, run_dir, tail(run_dir)))
            return 2
        same = compare(run, run_dir, options.tolerance) and same
    print("%s; files: %s" % ("the same" if same else "NOT the same", out), flush=True)
    return 0 if same else 1


def check_data(hashes: Dict[str, str]) -> None:
    """Say when data is other data than it was."""
    for path, before in hashes.items():
        now = digest(path)
        if now != before:
            print("data: %s is %s" % (path, "other data than it was" if now else "not there"))


def digest(path: str) -> str:
    """SHA-256 over names and contents below a path, as the bundle has it."""
    files = [path] if os.path.isfile(path) else []
    for folder, _, names in os.walk(path):
        files += [os.path.join(folder, name) for name in names]
    files = sorted((f for f in files if os.path.isfile(f)), key=lambda f: f.split(os.sep))
    if not files:
        return ""
    total = hashlib.sha256()
    for name in files:
        total.update(os.fsencode(os.path.relpath(name, path)) + b"\0")
        with open(name, "rb") as content:
            for chunk in iter(lambda: content.read(2**20), b""):
                total.update(chunk)
    return total.hexdigest()


def run_stage(run: Dict[str, Any], bundle: Dict[str, Any], python: str, out: str) -> Tuple[str, Any]:
    """Start one stage as the daemon did, and wait for its end; its run directory and exit code."""
    run_dir = os.path.join(out, run["stage"])
    work, code, checkpoint = os.path.join(run_dir, "work"), os.path.join(out, "code"), os.path.join(out, "checkpoint")
    os.makedirs(run_dir)
    os.makedirs(checkpoint, exist_ok=True)
    spec = placed(run["spec"], {"@RUN@": run_dir, "@CHECKPOINT@": checkpoint, "@CODE@": code, "@SDK@": HERE + "/sdk"})
    if run["spec"].get("tree"):
        shutil.copytree(os.path.join(HERE, "code"), work, symlinks=True)
        link_data(bundle["spec"]["run"], work)
    else:
        os.makedirs(work)
        if not os.path.isdir(code):
            shutil.copytree(os.path.join(HERE, "code"), code, symlinks=True)
            link_missing(bundle["tree"], code)
    spec.update(python=python, place="")
    if spec["device"].startswith(("cpu", "place")):
        spec["device"] = "cpu:0"
    with open(os.path.join(run_dir, "spec.json"), "w") as file:
        json.dump(spec, file)
    env = {name: value for name, value in os.environ.items() if not name.startswith("TUNED_")}
    env.update(bundle["environment"])
    launcher = subprocess.Popen(
        [python, "-u", os.path.join(HERE, "sdk", "tuned", "launch", "__main__.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, cwd="/",
    )  # fmt: skip
    assert launcher.stdin is not None and launcher.stdout is not None
    requests: Tuple[Dict[str, Any], ...] = ({"hello": {"preload": []}}, {"launch": run_dir})
    for request in requests:
        launcher.stdin.write((json.dumps(request) + "\n").encode())
        launcher.stdin.flush()
        answer = json.loads(launcher.stdout.readline() or '{"refused": 1, "why": "the launcher ended"}')
        if "refused" in answer:
            print("%s: %s" % (run["stage"], answer["why"]))
            return run_dir, "none"
    exit_file = os.path.join(run_dir, "exit.json")
    while not os.path.exists(exit_file):
        time.sleep(0.05)
    launcher.stdin.close()
    launcher.wait()
    with open(exit_file) as file:
        return run_dir, json.load(file)["code"]


def tail(run_dir: str) -> str:
    """The last lines of a stage's output."""
    try:
        with open(os.path.join(run_dir, "output.log"), errors="replace") as file:
            return "".join(file.readlines()[-10:]).rstrip()
    except OSError:
        return ""


def placed(value: Any, places: Dict[str, str]) -> Any:
    """The specification with the folders of this run."""
    if isinstance(value, dict):
        return {name: placed(entry, places) for name, entry in value.items()}
    if isinstance(value, list):
        return [placed(entry, places) for entry in value]
    if isinstance(value, str):
        for word, path in places.items():
            value = value.replace(word, path)
    return value


def link_data(run: Dict[str, Any], work: str) -> None:
    """The folders that were linked into each trial, where they still are."""
    for path in run["data"]:
        link = os.path.join(work, path)
        if not os.path.exists(link):
            os.makedirs(os.path.dirname(link), exist_ok=True)
            os.symlink(os.path.join(run["tree"], path), link)


def link_missing(tree: str, copy: str) -> None:
    """Link what lay beside the code and is no part of it, such as data that git ignores, where it still is."""
    for folder, folders, files in os.walk(copy):
        original = os.path.join(tree, os.path.relpath(folder, copy))
        if not os.path.isdir(original):
            continue
        for name in os.listdir(original):
            path = os.path.join(original, name)
            if name not in folders + files and name[0] not in "._" and not os.path.exists(path + "/pyvenv.cfg"):
                os.symlink(path, os.path.join(folder, name))


def compare(run: Dict[str, Any], run_dir: str, tolerance: float) -> bool:
    """Whether the last value of the stage's metric is what it was."""
    name, found = run["metric"], None
    if not name:
        return True
    try:
        with open(os.path.join(run_dir, "metrics.jsonl")) as file:
            for line in file:
                found = json.loads(line).get(name, found)
    except OSError:
        pass
    before = float(run["expected"])
    now = math.nan if found is None else float(found)
    same = math.isclose(before, now, rel_tol=tolerance, abs_tol=tolerance) or (before != before and now != now)
    print("%s: %s was %r, is %r" % (run["stage"], name, before, now))
    return same


if __name__ == "__main__":
    sys.exit(main())
