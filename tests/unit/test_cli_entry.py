"""The console script: isolated from a user's own packages, and light."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import tuned
from tuned.cli.root import root
from tuned.core.verbs import BY_NAME

ROOT = Path(tuned.__path__[0]).parent
MAIN = "import sys; from tuned.cli.run import run; sys.exit(run(sys.argv[1:]))"
SCRIPT = ROOT / "packaging" / "tunectl"


def run(*arguments: str, code: str = MAIN, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**env, **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script in an environment whose path no line `#!` could hold, by a link to it elsewhere."""
    folder = tmp_path_factory.mktemp("zu Hause ü" + "-long" * 40)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    packages = next((folder / "venv").glob("lib/python*/site-packages"))
    theirs = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "ours.pth").write_text("\n".join([str(ROOT), *theirs]))
    shutil.copy(SCRIPT, folder / "venv" / "bin" / "tunectl")
    (folder / "tunectl").symlink_to(folder / "venv" / "bin" / "tunectl")
    return folder / "tunectl"


@pytest.mark.parametrize("kind", ["PYTHONPATH", "user site"])
def test_a_users_own_packages_are_not_imported(script: Path, kind: str, tmp_path: Path) -> None:
    places = {"PYTHONPATH": tmp_path, "user site": tmp_path / f"lib/python3.{sys.version_info[1]}/site-packages"}
    for name in ("tuned", "click", "storage", "tui", "random"):
        (places[kind] / name).mkdir(parents=True)
        (places[kind] / name / "__init__.py").write_text("raise SystemExit('imported the wrong one')")
    env = {"PYTHONPATH": str(tmp_path)} if kind == "PYTHONPATH" else {"PYTHONUSERBASE": str(tmp_path)}
    done = subprocess.run(
        [script, "--version"], env={**os.environ, **env}, cwd=places[kind], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout[:8]) == (0, "tunectl "), done.stderr


@pytest.mark.parametrize("verb", ["studies", "trials"])
def test_json_verbs_import_nothing_heavy(verb: str, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from tuned.cli.run import run\n"
        f"code = run([{verb!r}, *(['x'] if {verb!r} == 'trials' else []), '--json', '--no-start'])\n"
        "heavy = {'rich', 'textual', 'pydantic', 'sqlalchemy', 'fastapi', 'asyncio', 'http.client', 'ssl', 'email',\n"
        "         'subprocess', 'h11', 'numpy', 'torch', 'tomllib', 'storage', 'tui', 'tuned.daemon', 'tuned.wire'}\n"
        "print(code, sorted(heavy & set(sys.modules)))\n"
    )
    done = run(code=code, PYTHONPATH=str(ROOT), TUNED_HOME=str(tmp_path))
    assert done.stdout.strip() == "3 []", done.stderr


def test_help_lists_every_verb_without_importing_them() -> None:
    code = (
        "import sys\nfrom tuned.cli.run import run\nrun(['--help'])\n"
        "print([m for m in sys.modules if m.startswith('tuned.cli.')])\n"
    )
    done = run(code=code, PYTHONPATH=str(ROOT))
    for name in BY_NAME:
        assert f"\n  {name} " in done.stdout
    assert "tuned.cli.verbs.submit" not in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", ["pause", "next", "daemon", "ui", "queue"])
def test_every_verb_has_a_help_of_its_own(name: str) -> None:
    done = run(name, "--help", PYTHONPATH=str(ROOT))
    assert done.returncode == 0
    assert name in done.stdout.splitlines()[0]


def helps(command: click.Command, context: click.Context) -> Iterator[str]:
    """The help of a verb, and of the verbs of a group."""
    yield command.get_help(context)
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        below = command.get_command(context, name)
        assert below is not None
        yield from helps(below, click.Context(below, parent=context, info_name=name))


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_help_fits_the_terminal(name: str, width: int) -> None:
    context = click.Context(root, info_name="tunectl", terminal_width=width)
    command = root.get_command(context, name)
    assert command is not None
    for text in helps(command, click.Context(command, parent=context, info_name=name)):
        lines = [line for line in text.splitlines() if "> ~/" not in line]  # those are copied, in one piece
        assert max(map(len, lines)) <= width, max(lines, key=len)
        assert "\b" not in text, "click's mark for text that is not to be folded"


def test_a_closed_pipe_is_silent(tmp_path: Path) -> None:
    script = f"import click, tuned.cli.root as r\nr.root.callback = lambda **k: click.echo('x' * 10_000_000)\n{MAIN}"
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -c {script!r} | head -c 1; echo; echo ${{PIPESTATUS[0]}}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr
