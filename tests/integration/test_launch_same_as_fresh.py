"""A warm trial is indistinguishable from a fresh process: each script runs both ways, and everything is compared."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.launch_driver import Launcher
from tests.interpreters import interpreters

SCRIPTS = Path(__file__).parents[1] / "launch_scripts"

EXITS = [
    *("code", "big", "negative", "text", "nothing", "true", "tuple", "raise", "builtin", "interrupt", "base"),
    *("huge", "wide", "subclass", "in-excepthook", "in-atexit"),
    *("interrupt-signal", "terminate", "abort", "at-once", "in-finally", "in-thread"),
]

CASES = [
    "start_state.py --lr 0.1 x",
    "tracebacks.py",
    "syntax_error.py",
    "excepthook.py once",
    "excepthook.py twice",
    "shutdown_order.py",
    "open_files.py",
    "late_destructors.py",
    "c_library.py",
    "c_library.py interpreter",
    "broken_streams.py",
    "broken_streams.py exit",
    "imports.py",
    "pickling.py",
    "pools.py",
    "data_loader.py",
    "unit_tests.py",
    "unit_tests.py Case.test_passes",
    "warned.py",
    "reads_stdin.py",
    "children.py",
    "loops.py",
    "coding.py",
    "logs.py a b",
    "own_tuned/train.py",
    *(f"exit_forms.py {form}" for form in EXITS),
]


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path_factory.mktemp("warm"), preload=["torch", "torch._dynamo", "numpy"])
    assert launcher.ready["fork_safe"], launcher.ready
    yield launcher
    launcher.close()


def run_in(launcher: Launcher, folder: Path, arguments: list[str], start: str) -> tuple[object, ...]:
    """What is left of a run: how it ended, what it said, and the files that it made."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    # As typed, relative to the folder it runs in: that is where warm and fresh processes differ most easily.
    typed = "../scripts/" + arguments[0]
    script = (folder / typed).resolve()
    end, output = launcher.run(
        script, argv=[typed, *arguments[1:]], cwd=str(folder), start=start, umask=0o027, rlimits={"RLIMIT_CORE": 0}
    )
    assert end["user_code"], output
    files = {
        str(path.relative_to(folder)): (oct(path.stat().st_mode), _content(path)) for path in sorted(folder.rglob("*"))
    }
    return end["code"], end["signal"], _without_chance(output), files


def _content(path: Path) -> bytes | None:
    if path.is_dir():
        return None
    return b"a checkpoint" if path.suffix == ".pt" else path.read_bytes()


def _without_chance(output: str) -> str:
    output = re.sub(r"0x[0-9a-f]+", "0x", output)
    return re.sub(r"in \d+\.\d+s", "in 0s", output)


@pytest.mark.parametrize("case", CASES)
def test_warm_is_fresh(launcher: Launcher, tmp_path: Path, case: str) -> None:
    (tmp_path / "scripts").symlink_to(SCRIPTS)
    arguments = case.split()
    fresh = run_in(launcher, tmp_path / "cwd", arguments, "cold")
    warm = run_in(launcher, tmp_path / "cwd", arguments, "warm")
    assert warm == fresh


@pytest.mark.parametrize("python", interpreters())
def test_on_every_interpreter(python: str, tmp_path: Path) -> None:
    """What interpreters do differently between their versions: the start, tracebacks and the end."""
    (tmp_path / "scripts").symlink_to(SCRIPTS)
    launcher = Launcher(tmp_path, preload=["json"], python=python)
    for case in (
        "start_state.py",
        "tracebacks.py",
        "shutdown_order.py",
        "excepthook.py twice",
        "exit_forms.py interrupt",
        "exit_forms.py code",
        "exit_forms.py subclass",
        "open_files.py",
        "late_destructors.py",
        "c_library.py",
        "c_library.py interpreter",
        "broken_streams.py",
    ):
        fresh = run_in(launcher, tmp_path / "cwd", case.split(), "cold")
        warm = run_in(launcher, tmp_path / "cwd", case.split(), "warm")
        assert warm == fresh
    launcher.close()
    assert launcher.log.read_text() == ""


def test_module_hidden_beside_the_script_goes_cold(launcher: Launcher) -> None:
    script = SCRIPTS / "shadowing" / "train.py"
    refusal = launcher.launch(launcher.attempt(script))
    assert "json beside the script" in refusal["why"]
    end, output = launcher.run(script, start="cold")
    assert (end["code"], output) == (0, "the user's\n")


def test_modules_named_as_those_of_the_standard_library_are_the_users(launcher: Launcher) -> None:
    end, output = launcher.run(SCRIPTS / "own_random" / "train.py", start="cold")
    assert (end["code"], output) == (0, "own own 6\n")
