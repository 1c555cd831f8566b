"""`submit`: what a study file becomes on its way, and how bad files are refused before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

STUDY = 'question = "why"\n[run]\nscript = "t.py"\n[search]\ntrials = 5\n[[search.point]]\nlr = 1.0\n'
SUBMITTED = {
    "study": "tiny", "created": True, "state": "running", "trials": 5, "slots": 2, "devices": ["cpu:0", "cpu:1"],
    "python": "/usr/bin/python3", "python_why": "python3 on PATH", "arguments": [["t.py", "--lr", "1.0"]],
    "notes": ["look here"],
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path, daemon: Any) -> Path:
    daemon.routes["POST /v1/studies"] = dict(SUBMITTED)
    path = tmp_path / "tiny.toml"
    path.write_text(STUDY)
    return path


def test_file_flags_and_environment_arrive(
    tunectl: Any, daemon: Any, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    monkeypatch.setenv("MY_FLAG", "1")
    ran = tunectl(
        "submit", "tiny.toml", "--trials", "8", "--parallel", "1", "--priority", "-2", "--as", "other",
        "--set", "search.point.0.lr=0.5", "--set", "question=how so", "--set", "space.width.high=64",
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    (body,) = [request.body for request in daemon.asked("/v1/studies")]
    assert body["study"] == {
        "question": "how so",
        "run": {"script": "t.py"},
        "search": {"trials": 8, "parallel": 1, "point": [{"lr": 0.5}]},
        "priority": -2,
        "space": {"width": {"high": 64}},
    }
    assert (body["name"], body["stem"], body["base"]) == ("other", "tiny", str(file.parent))
    assert body["file"] == str(file)
    assert body["environment"]["MY_FLAG"] == "1"


def test_the_echo_shows_what_will_run(tunectl: Any, file: Path) -> None:
    out = tunectl("submit", str(file)).out
    assert "tiny: 5 trials, 2 at once on cpu:0, cpu:1" in out
    assert "/usr/bin/python3 (python3 on PATH)" in out
    assert "t.py --lr 1.0" in out
    assert "look here" in out


def test_a_point_that_its_arguments_do_not_show_stands_beside_them(tunectl: Any, daemon: Any, file: Path) -> None:
    """Each trial's line was the same, where a script reads a file."""
    daemon.routes["POST /v1/studies"] |= {
        "arguments": [["t.py"], []],
        "points": [{"lr": 0.5, "act": "relu"}, {"lr": 1.0}],
    }
    out = tunectl("submit", str(file)).out
    assert "trial 1  t.py with lr=0.5 act=relu" in out and "trial 2  with lr=1" in out


def test_the_same_content_again_is_done(tunectl: Any, daemon: Any, file: Path) -> None:
    daemon.routes["POST /v1/studies"]["created"] = False
    ran = tunectl("submit", str(file))
    assert ran.code == 0
    assert "submitted already" in ran.out


def test_changed_content_is_refused_in_one_line_with_the_difference(tunectl: Any, daemon: Any, file: Path) -> None:
    daemon.routes["POST /v1/studies"] = lambda request: (
        409,
        {"title": "Conflict", "status": 409, "where": "tiny", "hint": "submit it --as another name",
         "detail": "there is a study of this name with other content: search.trials: 5 -> 6"},
    )  # fmt: skip
    ran = tunectl("submit", str(file))
    assert (ran.code, ran.out) == (1, "")
    assert "search.trials: 5 -> 6 (submit it --as another name)" in ran.err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name = \n", "bad.toml:1:8: is not TOML: Invalid value"),
        (b'name = "x"\nname = "y"\n', "bad.toml:2"),
        (b"[run\n", "bad.toml:1"),
        (b"a = [1,", "is not TOML"),
        (b'a = 1\nname = "\xff"\n', "bad.toml:2: is not UTF-8 text"),
        (b"[space]\nlr = { low = nan }\n", "space.lr.low: nan is not a finite number"),
        (b"when = 2020-01-01\n", "when: date is no value of a study file"),
    ],
)
def test_a_malformed_file_is_refused_with_its_place(
    tunectl: Any, daemon: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_bytes(content)
    ran = tunectl("submit", "bad.toml")
    assert (ran.code, ran.out) == (1, "")
    assert says in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not daemon.seen


def test_files_that_are_none_are_refused(tunectl: Any, daemon: Any, file: Path) -> None:
    assert "no such file (did you mean tiny.toml?)" in tunectl("submit", str(file.with_name("tinny.toml"))).err
    assert "is a folder" in tunectl("submit", str(file.parent)).err
    assert "there is no such folder" in tunectl("submit", "/nowhere/at/all.toml").err
    other = file.with_suffix(".yaml")
    other.write_text("a: 1")
    assert "neither .toml nor .py" in tunectl("submit", str(other)).err
    assert not daemon.seen


def test_a_python_file_is_run_by_an_interpreter_of_its_own(tunectl: Any, daemon: Any, file: Path) -> None:
    script = file.with_name("made.py")
    script.write_text(
        "import sys, tuned, neighbour\n"
        "print('noise')\n"
        "study = tuned.Study(run={'script': 't.py'}, search={'trials': neighbour.TRIALS},\n"
        "                    space={'lr': {'type': 'float', 'low': 0.1, 'high': 1.0}, 'w': (1, 2)})\n"
        "again = study\n"
    )
    script.with_name("neighbour.py").write_text("TRIALS = 3\n")
    ran = tunectl("submit", "--json", str(script), "--trials", "9")
    assert (ran.code, ran.err) == (0, "")
    assert ran.document["study"] == "tiny"
    (body,) = [request.body for request in daemon.asked("/v1/studies")]
    assert body["study"]["search"] == {"trials": 9}
    assert body["study"]["space"]["w"] == [1, 2]
    assert body["stem"] == "made"
    assert "noise" not in ran.out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import tuned\n", "defines no tuned.Study"),
        ("import tuned\na = tuned.Study()\nb = tuned.Study()\n", "defines 2 tuned.Study"),
        ("raise RuntimeError('boom')  # no study\n", "failed: RuntimeError: boom"),
        ("def study(:\n", "failed: SyntaxError"),
        ("import tuned\nstudy = tuned.Study(space={1, 2})\n", "space: Object of type set is not JSON serializable"),
        ("import tuned\nstudy = tuned.Study(run=lambda: 0)\n", "is not a function of a module's top level"),
    ],
)
def test_a_python_file_that_gives_no_study_is_refused(
    tunectl: Any, daemon: Any, tmp_path: Path, text: str, says: str
) -> None:
    script = tmp_path / "bad.py"
    script.write_text(text)
    ran = tunectl("submit", str(script))
    assert (ran.code, ran.out) == (1, "")
    assert says in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not daemon.seen
