"""`lint-imports` refuses planted circles with the contracts of this project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.patience import DEADLINE_S

ROOT = Path(__file__).parents[2]
CIRCLES = ("no_circles", "acyclic_siblings")


def contracts() -> str:
    """The project's contracts against circles, for the package `planted`."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    found = [contract for contract in table["contracts"] if contract["type"] in CIRCLES]
    assert {contract["type"] for contract in found} == set(CIRCLES)
    lines = ["[tool.importlinter]", 'root_packages = ["planted"]', f"contract_types = {table['contract_types']}"]
    for contract in found:
        lines += ["[[tool.importlinter.contracts]]", f'name = "{contract["type"]}"', f'type = "{contract["type"]}"']
        lines += ['ancestors = ["planted"]'] if "ancestors" in contract else []
    return "\n".join(lines)


def check(folder: Path, files: dict[str, str]) -> tuple[int, str]:
    """Exit code and output of `lint-imports` on these files of the package `planted`."""
    for name, text in {"__init__.py": "", "rooms/__init__.py": "", **files}.items():
        path = folder / "planted" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "pyproject.toml").write_text(contracts())
    program = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    return done.returncode, done.stdout + done.stderr


def test_imports_in_one_direction_pass(tmp_path):
    code, said = check(tmp_path, {"a.py": "import planted.b", "b.py": "import json", "rooms/c.py": "import planted.a"})
    assert code == 0 and "2 kept, 0 broken" in said, said


@pytest.mark.parametrize(
    ("files", "circle"),
    [
        pytest.param(
            {"a.py": "import planted.b", "b.py": "def late():\n    from planted import a\n"},
            {"planted.a", "planted.b"},
            id="within a function",
        ),
        pytest.param(
            {"a.py": "import planted.b", "b.py": "import planted.rooms.c", "rooms/c.py": "from planted.a import x"},
            {"planted.a", "planted.b", "planted.rooms.c"},
            id="of three",
        ),
        pytest.param(
            {"rooms/__init__.py": "def late():\n    import planted.rooms.d\n", "rooms/d.py": "import planted.rooms"},
            {"planted.rooms", "planted.rooms.d"},
            id="of a package and its own module",
        ),
        pytest.param(
            {
                "a.py": 'from importlib import import_module\n\nKINDS = {"b": "planted.b"}\nload = import_module\n',
                "b.py": "import planted.a",
            },
            {"planted.a", "planted.b"},
            id="by a table of names",
        ),
        pytest.param(
            {"a.py": 'def late():\n    return __import__("planted.b")\n', "b.py": "import planted.a"},
            {"planted.a", "planted.b"},
            id="by the built-in",
        ),
        pytest.param(
            {
                "a.py": 'from importlib import import_module\n\nload = import_module(".b", __package__)\n',
                "b.py": "import planted.a",
            },
            {"planted.a", "planted.b"},
            id="by a relative name",
        ),
        pytest.param(
            {
                "a.py": 'from importlib import import_module\n\nload = lambda n: import_module(f"planted.rooms.{n}")\n',
                "rooms/e.py": "def late():\n    import planted.a\n",
            },
            {"planted.a", "planted.rooms.e"},
            id="by a name that is put together",
        ),
    ],
)  # fmt: skip
def test_a_circle_of_modules_is_refused(tmp_path: Path, files: dict[str, str], circle: set[str]):
    code, said = check(tmp_path, files)
    assert code == 1, said
    line = next(line for line in said.splitlines() if " -> " in line and "(" not in line)
    assert set(line.split(" -> ")) == circle, json.dumps(said)


def test_rooms_that_import_each_other_are_refused(tmp_path):
    files = {"a/__init__.py": "", "a/x.py": "import planted.rooms.y", "a/z.py": "", "rooms/y.py": "", "rooms/w.py": ""}
    assert check(tmp_path, files)[0] == 0
    code, said = check(tmp_path, {**files, "rooms/w.py": "def late():\n    import planted.a.z\n"})
    assert code == 1 and "acyclic_siblings BROKEN" in said and "no_circles KEPT" in said, said
