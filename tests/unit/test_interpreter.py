from __future__ import annotations

import sys

import pytest

from tuned.cli.verbs import sdk
from tuned.core.errors import InvalidInput
from tuned.core.program.interpreter import choose_interpreter


class Programs:
    """A file system of executables alone."""

    def __init__(self, *paths: str) -> None:
        self.paths = set(paths)

    def is_file(self, path: str) -> bool:
        return path in self.paths

    def is_executable(self, path: str) -> bool:
        return path in self.paths

    def is_dir(self, path: str) -> bool:
        return any(p.startswith(path.rstrip("/") + "/") for p in self.paths)

    def read_text(self, path: str) -> str:
        raise FileNotFoundError(path)


ALL = Programs(
    "/v/bin/python", "/own/bin/python", "/home/u/p/.venv/bin/python", "/home/u/p/a/other/bin/python3",
    "/c/envs/e/bin/python", "/c/bin/python",
    "/proj/cenv/bin/python", "/m/bin/python", "/m/condabin/conda", "/usr/bin/python3", "/usr/bin/python3.11",
)  # fmt: skip
PATH = {"PATH": "relative:/usr/local/bin:/usr/bin", "HOME": "/home/u"}


@pytest.mark.parametrize(
    ("base", "environment", "python", "expected", "why"),
    [
        ("/home/u/p/a", {"VIRTUAL_ENV": "/v"}, None, "/v/bin/python", "VIRTUAL_ENV"),
        ("/home/u/p/a", {"VIRTUAL_ENV": "/own"}, None, "/home/u/p/.venv/bin/python", "nearest .venv"),
        ("/home/u/p/a", {"VIRTUAL_ENV": "/gone"}, None, "/home/u/p/.venv/bin/python", "nearest .venv"),
        ("/x", {"VIRTUAL_ENV": "/own/", "CONDA_PREFIX": "/c/envs/e"}, None, "/c/envs/e/bin/python", "CONDA_PREFIX"),
        ("/x", {"CONDA_PREFIX": "/c"}, None, "/usr/bin/python3", "PATH"),
        ("/x", {"CONDA_PREFIX": "/c/envs/e", "CONDA_DEFAULT_ENV": "base"}, None, "/usr/bin/python3", "PATH"),
        (
            "/x",
            {"CONDA_PREFIX": "/proj/cenv", "CONDA_DEFAULT_ENV": "/proj/cenv"},
            None,
            "/proj/cenv/bin/python",
            "conda",
        ),
        ("/x", {"CONDA_PREFIX": "/m"}, None, "/usr/bin/python3", "PATH"),
        ("/x", {}, None, "/usr/bin/python3", "PATH"),
        ("/home/u/p/a", {"VIRTUAL_ENV": "/v"}, "other", "/home/u/p/a/other/bin/python3", "run.python"),
        ("/home/u/p/a", {}, "../.venv/bin/python", "/home/u/p/.venv/bin/python", "run.python"),
        ("/home/u/p/a", {}, "/v/bin/python", "/v/bin/python", "run.python"),
        ("/home/u/p/a", {}, "python3.11", "/usr/bin/python3.11", "run.python"),
        ("/x", {}, "~/p/.venv/bin/python", "/home/u/p/.venv/bin/python", "run.python"),
    ],
)
def test_the_order_of_places(base: str, environment: dict[str, str], python: str | None, expected: str, why: str):
    found = choose_interpreter(python, base=base, environment={**PATH, **environment}, files=ALL, own_prefix="/own")
    assert found[0] == expected
    assert why in found[1]


@pytest.mark.parametrize("python", ["gone/bin/python", "python7", "/v", "/nowhere"])
def test_named_but_not_there(python: str):
    files = Programs("/v/lib/x")
    with pytest.raises(InvalidInput) as caught:
        choose_interpreter(python, base="/x", environment=PATH, files=files)
    assert caught.value.where == "run.python"


def test_no_python_anywhere():
    with pytest.raises(InvalidInput, match="no Python"):
        choose_interpreter(None, base="/x", environment={}, files=Programs("/a"))


def test_a_folder_is_no_reason_whatever_it_is_called(tmp_path, monkeypatch):
    """`tunectl sdk` refuses the system's Python by how it was found, and not by the words of a path."""
    python = tmp_path / "on PATH" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path / "on PATH")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    assert sdk._interpreter(None)[0] == str(python)
    python.unlink()
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    with pytest.raises(InvalidInput, match="may be the system's own"):
        sdk._interpreter(None)
