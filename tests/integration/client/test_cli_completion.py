"""Completion in the shell, as its scripts ask for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def offered(tunectl: Any, monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    monkeypatch.setenv("_TUNECTL_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["tunectl", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    ran = tunectl()
    monkeypatch.delenv("_TUNECTL_COMPLETE")
    assert ran.err == ""
    return [line.partition(",")[2] for line in ran.out.splitlines() if line]


def test_verbs_studies_trials_and_keys(tunectl: Any, daemon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered(tunectl, monkeypatch, "stu") == ["studies"]
    assert offered(tunectl, monkeypatch, "show", "d") == ["digits"]
    assert offered(tunectl, monkeypatch, "show", "digits/") == ["digits/best", "digits/1"]
    assert offered(tunectl, monkeypatch, "pause", "--lev") == ["--level"]
    assert offered(tunectl, monkeypatch, "set", "digits", "search.") == [
        "search.trials=", "search.budget=", "search.parallel=",
    ]  # fmt: skip
    assert offered(tunectl, monkeypatch, "enqueue", "digits", "l") == ["lr="]
    assert offered(tunectl, monkeypatch, "gpu", "y") == ["yield"]


VALUES = [
    (["trials", "digits", "--sort", "p"], ["priority", "params.lr", "params.width"]),
    (["trials", "digits", "--state", "co"], ["completed"]),
    (["trials", "digits", "--filter", "state:pr"], ["state:pruned"]),
    (["pause", "digits", "--level", "c"], ["checkpoint", "cuda"]),
    (["advise", "digits", "--format", "c"], ["csv"]),
    (["metrics", "digits/best", "--name", ""], ["val_loss", "val_acc"]),
    (["importance", "digits", "--metric", "val_a"], ["val_acc"]),
    (["effects", "digits", ""], ["lr", "width"]),
    (["effects", "digits", "--by", "lr,"], ["lr,width"]),
    (["contour", "digits", "lr", "w"], ["width"]),
    (["enqueue", "digits", "--like", "digits/"], ["digits/best", "digits/1"]),
    (["confirm", "digits", "--against", ""], ["1"]),
    (["compare", "digits", "d"], ["digits"]),
    (["space", "digits", "--set", "lr"], ["lr.low=", "lr.high="]),
    (["space", "digits", "--fix", "w"], ["width="]),
    (["space", "digits", "--drop", "w"], ["width"]),
    (["steps", "digits", "resume", ""], ["confirm"]),
    (["steps", "digits", "pause", ""], ["report"]),
    (["steps", "digits", "skip", ""], ["confirm", "report"]),
    (["wait", "--any", "--until", "best,"], ["best,failed", "best,idle", "best,done"]),
    (["tune", "train.py", "--method", "so"], ["sobol"]),
    (["tune", "train.py", "h"], ["hidden="]),
    (["gpu", "polite", ""], ["on", "off"]),
    (["explain", "see"], ["seed"]),
    (["submit", "sw"], ["sw"]),
    (["init", "tr"], ["tr"]),
    (["queue", "--", "pyt"], ["pyt"]),
]


@pytest.mark.parametrize(("words", "expected"), VALUES, ids=lambda v: " ".join(v))
def test_values_of_options_and_arguments(
    tunectl: Any,
    daemon: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: list[str],
    expected: list[str],
) -> None:
    """Words of the verbs, of the daemon and of the script; a file's name is left to the shell, as it was typed."""
    (tmp_path / "train.py").write_text(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--hidden', type=int)\n"
    )
    monkeypatch.chdir(tmp_path)
    study = daemon.routes["GET /v1/studies/digits"]["study"]
    study["parameters"] = ["lr", "width"]
    study["objectives"] = [study["objective"]]
    study["steps"] = [
        {"id": name, "name": name, "state": state, "by_hand": False, "options": {}, "result": {}, "why": "",
         "began_at": None, "ended_at": None}
        for name, state in (("coarse", "done"), ("confirm", "paused"), ("report", "waiting"))
    ]  # fmt: skip
    daemon.routes["GET /v1/studies/digits/trials"][0]["metrics"] = {"val_loss": 0.5, "val_acc": 0.8}
    assert offered(tunectl, monkeypatch, *words) == expected


STUDIES = {
    "runs": {"state": "running", "counts": {"running": 1, "queued": 2}},
    "held": {"state": "paused", "counts": {"completed": 2, "paused": 1}},
    "over": {"state": "completed", "counts": {"completed": 3, "failed": 1}},
    "stands": {"state": "running", "counts": {"running": 1}},
}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pause", ""], ["runs", "stands"]),
        (["resume", ""], ["held", "stands"]),
        (["cancel", ""], ["runs", "held", "stands"]),
        (["retry", ""], ["held", "over"]),
        (["wait", ""], ["runs", "held", "stands"]),
        (["logs", ""], ["runs", "held", "over", "stands"]),
        (["next", "runs/"], ["runs/queued", "runs/3", "runs/2"]),
        (["pause", "runs/"], ["runs/running", "runs/1"]),
        (["resume", "stands/"], ["stands/1"]),
        (["retry", "over/f"], ["over/failed"]),
        (["logs", "over/"], ["over/best", "over/failed", "over/completed", *(f"over/{n}" for n in (4, 3, 2, 1))]),
    ],
    ids=lambda v: " ".join(v),
)  # fmt: skip
def test_a_verb_is_offered_what_it_can_act_on(
    tunectl: Any, daemon: Any, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: list[str]
) -> None:
    row, trial = daemon.routes["GET /v1/studies"][0], daemon.routes["GET /v1/studies/digits/trials"][0]
    daemon.routes["GET /v1/studies"] = [{**row, "name": name, **fields} for name, fields in STUDIES.items()]
    for name, fields in STUDIES.items():
        states = [state for state, many in fields["counts"].items() for _ in range(many)]  # type: ignore[attr-defined]
        rows = [
            {**trial, "study": name, "number": i, "state": state, "frozen": name == "stands"}
            for i, state in enumerate(states, 1)
        ]

        def answer(request: Any, rows: Any = rows) -> Any:
            wanted = [value for key, value in request.query if key == "state"]
            return 200, [row for row in reversed(rows) if not wanted or row["state"] in wanted]

        daemon.routes[f"GET /v1/studies/{name}/trials"] = answer
    assert offered(tunectl, monkeypatch, *words) == expected


def test_another_machine_s_names_are_not_ours(tunectl: Any, daemon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered(tunectl, monkeypatch, "-H", "ssh://ada@far", "show", "d") == []
    assert not daemon.seen


def test_without_a_daemon_it_is_silent(tunectl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered(tunectl, monkeypatch, "show", "d") == []
    assert offered(tunectl, monkeypatch, "nonsense", "d") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_the_shells_own(shell: str) -> None:
    script = subprocess.run(
        [sys.executable, "-I", "-m", "tuned.cli", "completion", shell], capture_output=True, text=True, check=True
    ).stdout
    assert "_TUNECTL_COMPLETE" in script
    assert (shell == "bash") == ("compopt -o nospace" in script)
    if shutil.which(shell):
        check = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, env=dict(os.environ))
        assert check.returncode == 0, check.stderr


@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh")
def test_a_zsh_that_completes_nothing_yet_learns_to(tmp_path: Path) -> None:
    command = f'eval "$({sys.executable} -I -m tuned.cli completion zsh)"; print $_comps[tunectl]'
    environment = {**os.environ, "HOME": str(tmp_path), "ZDOTDIR": str(tmp_path)}
    ran = subprocess.run(["zsh", "-f", "-c", command], capture_output=True, text=True, env=environment)
    assert (ran.stdout, ran.stderr) == ("_tunectl_completion\n", "")


@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh")
def test_in_zsh_no_space_follows_what_goes_on(tmp_path: Path) -> None:
    script = subprocess.run(
        [sys.executable, "-I", "-m", "tuned.cli", "completion", "zsh"], capture_output=True, text=True, check=True
    ).stdout
    (tmp_path / "tunectl").write_text("#!/bin/sh\nprintf 'plain\\n%s\\n_\\n' lr= lrs\n")
    (tmp_path / "tunectl").chmod(0o755)
    shows = "compadd() { print -r -- $@ ${(P)@[-1]} }; words=(tunectl l); CURRENT=2; _tunectl_completion"
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "ZDOTDIR": str(tmp_path)}
    ran = subprocess.run(["zsh", "-f", "-c", f"{script}\n{shows}"], capture_output=True, text=True, env=environment)
    assert ran.stdout.splitlines() == [
        "-U -V unsorted -a completions lrs",
        "-U -S -V unsorted -a goes_on lr=",
    ], ran.stderr
