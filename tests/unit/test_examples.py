"""Every example: its study file fits its script, the script runs alone and reports what is to improve."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import tuned
from examples.run import EXAMPLES, HERE
from examples.tables import BEGIN, END, Measured, Question, effect_table, front_table, interval, put_between
from tuned.core.study_file.reading import read_tables
from tuned.core.study_file.space_file import parse_space
from tuned.sdk.local_trial import LocalTrial

FILES = sorted(file for name in EXAMPLES for file in (HERE / name).glob("*.toml"))
SCRIPTS = [name for name in EXAMPLES if name not in ("keras", "shell_script")]
SHORT = {"epochs": 1, "steps": 1, "train_size": 50, "trees": 5}


def test_each_folder_is_an_example() -> None:
    folders = {path.parent.name for path in HERE.glob("*/study.toml")}
    assert folders == {*EXAMPLES, "digits"}
    listed = (HERE.parent / "docs" / "examples.md").read_text()
    for name in EXAMPLES:
        assert f"../examples/{name}/README.md" in listed
        assert (HERE / name / "README.md").is_file()


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_the_study_file_is_one(file: Path) -> None:
    tables, raw_space = read_tables(tomllib.loads(file.read_text()))
    space = parse_space(raw_space)
    assert tables.question and space.names
    program = tables.run.script or (tables.run.command or [""])[0]
    assert (file.parent / program).is_file()


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_runs_alone(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tables, raw_space = read_tables(tomllib.loads((HERE / name / "study.toml").read_text()))
    asked: dict[str, Any] = {}
    reported: set[str] = set()

    class Short(LocalTrial):
        def _report(self, step: int | None, values: dict[str, Any]) -> None:
            reported.update(values)

    def short_trial(defaults: dict[str, Any]) -> Short:
        asked.update(defaults)
        trial = Short()
        trial.params = {**defaults, **{key: value for key, value in SHORT.items() if key in defaults}}
        return trial

    monkeypatch.setattr(tuned, "current_trial", short_trial)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(HERE / name / "train.py"), run_name="__main__")
    assert set(asked) == set(parse_space(raw_space).names)
    assert {objective.metric for objective in tables.objective} | set(EXAMPLES[name].beside) <= reported


def test_the_shell_script_prints_what_its_pattern_finds() -> None:
    tables, _ = read_tables(tomllib.loads((HERE / "shell_script" / "study.toml").read_text()))
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [str(HERE / "shell_script" / "train.sh"), "0.1", "1", "1", "20"]
    output = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout
    patterns = tables.metrics.stdout
    found = [m.groupdict() for m in re.finditer(patterns if isinstance(patterns, str) else patterns[0], output)]
    assert [row["step"] for row in found] == ["10", "20"]
    assert all(float(row["val_error"]) > 0 for row in found)


def test_without_keras_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(SystemExit, match=r"keras is not installed .* pip install keras"):
        runpy.run_path(str(HERE / "keras" / "train.py"), run_name="__main__")


def trial(numbers: list[float], **params: Any) -> Measured:
    return Measured(params, {"loss": numbers, "seconds": [1.0]})


def test_a_value_is_shown_at_its_best_setting_over_all_seeds() -> None:
    question = Question(("kind",), ("lr",), {"loss": False})
    trials = [trial([v], kind="a", lr=lr, repeat=i) for lr, values in {1: (0.1, 0.9), 2: (0.3, 0.5)}.items()
              for i, v in enumerate(values)]  # fmt: skip
    table = effect_table(question, trials, beside=[])
    assert table.splitlines()[-1].startswith("| a | lr 2 | 0.4 ± 1.3 |  | 0.3 |")  # not the lucky run at lr 1


def test_values_are_compared_seed_by_seed_with_the_best() -> None:
    question = Question(("kind",), (), {"loss": False})
    trials = [trial([i + {"a": 0.1, "b": 0.2}[k]], kind=k, repeat=i) for i in (1, 5, 9) for k in "ab"]
    first, second = effect_table(question, trials, beside=[]).splitlines()[2:]
    assert first.split(" | ")[2] == "" and second.split(" | ")[2].startswith("0.1")
    assert " ± 9" in first and " ± 9" not in second.split(" | ")[2]  # the spread of seeds cancels


def test_intervals_are_student_s_and_wider_over_folds() -> None:
    middle, half = interval([1.0, 2.0, 3.0])
    assert middle == 2.0 and half == pytest.approx(4.3027 / 3**0.5, abs=1e-3)
    assert interval([1.0, 2.0, 3.0], folds=True)[1] == pytest.approx(half * (1 + 3 / 2) ** 0.5)


def test_the_front_is_what_nothing_beats() -> None:
    question = Question(("width",), (), {"accuracy": True, "ms": False})
    points = {8: (0.8, 1.0), 16: (0.9, 2.0), 32: (0.85, 3.0), 64: (0.95, 4.0)}
    trials = [Measured({"width": w}, {"accuracy": [a], "ms": [t], "seconds": [1.0]}) for w, (a, t) in points.items()]
    rows = front_table(question, trials).splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| 8", "| 16", "| 64"]


def test_tables_go_between_the_marks() -> None:
    assert put_between(f"a\n{BEGIN}\nold\n{END}\nb\n", "new") == f"a\n{BEGIN}\nnew\n{END}\nb\n"
    with pytest.raises(ValueError, match="there is no"):
        put_between("a", "new")
