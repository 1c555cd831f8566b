"""What a script sets before it imports a library, as its text tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuned.core.script.own_environment import OwnEnvironment, read
from tuned.disk import Disk

AHEAD = ("torch", "numpy", "keras")


def found(folder: Path, text: str) -> OwnEnvironment:
    (folder / "train.py").write_text(text)
    return read(str(folder / "train.py"), Disk(), AHEAD)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("import os\nos.environ['X'] = '1'\nimport torch", {"X": "1"}),
        ("from os import environ\nenviron['X'] = str(4)\nimport torch", {"X": "4"}),
        ("N = '2'\nimport os\nos.environ.update({'X': N}, Y='3')\nimport torch", {"X": "2", "Y": "3"}),
        ("import os\nos.putenv('X', '1')\nos.environ |= {'Y': '2'}\nimport numpy.linalg", {"X": "1", "Y": "2"}),
        ("import os\nos.environ.setdefault('X', '1')\nos.environ.setdefault('HAS', '1')\nimport torch", {"X": "1"}),
        ("import os\ndel os.environ['X']\nos.environ.pop('HAS', None)\nimport torch", {"X": None, "HAS": None}),
        ("import os\ntry:\n    os.environ['X'] = '1'\n    import keras\nexcept ImportError:\n    pass", {"X": "1"}),
        ("import os, torch\nos.environ['X'] = '1'", {}),
        ("import os, torch\nos.environ['X'] = '1'\nimport json, argparse", {}),
        ("import os, torch\nos.environ['CUDA_VISIBLE_DEVICES'] = str(x)\nimport numpy", {}),
        ("import os\ndef f():\n    os.environ['X'] = y\nimport torch\nf()", {}),
        (
            "import os\nos.environ['X'] = '1'\nif __name__ == '__main__':\n    os.environ['Y'] = '2'",
            {"X": "1", "Y": "2"},
        ),
        ("import torch as\n", {}),
    ],
)
def test_literals_above_the_imports(tmp_path: Path, text: str, changes: dict[str, str | None]) -> None:
    own = found(tmp_path, text)
    assert (own.over({"HAS": "0"}), own.unknown) == (changes, "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import os, sys\nos.environ['X'] = sys.argv[1]\nimport torch", "line 2 of train.py sets X"),
        ("import os\nfor n in 'XY':\n    os.environ[n] = '1'\nimport torch", "line 2 of train.py sets a variable"),
        ("import os\nif os.name:\n    os.environ['X'] = '1'\nimport torch", "line 2 of train.py sets X"),
        ("import os\nos.environ.update(read())\nimport torch", "line 2 of train.py sets a variable"),
        ("import os\ndef f():\n    os.environ['X'] = y\nf()\nimport torch", "line 4 of train.py calls f"),
        ("from dotenv import load_dotenv\nload_dotenv()\nimport torch", "line 2 of train.py calls load_dotenv"),
        ("import os, numpy\nos.environ['X'] = '1'\nimport torch", "line 2 of train.py sets X between imports"),
    ],
)
def test_what_only_running_it_tells_is_said(tmp_path: Path, text: str, why: str) -> None:
    assert why in found(tmp_path, text).unknown


def test_modules_beside_the_script_are_read_in_the_order_of_their_imports(tmp_path: Path) -> None:
    (tmp_path / "setup_env.py").write_text("import os\nos.environ['X'] = '1'\nos.environ['Y'] = '1'")
    (tmp_path / "model.py").write_text("import torch\nimport os\nos.environ['Z'] = '1'")
    text = "import setup_env\nimport os\nos.environ['Y'] = '2'\nimport model\nos.environ['W'] = '1'"
    assert found(tmp_path, text).over({}) == {"X": "1", "Y": "2"}
