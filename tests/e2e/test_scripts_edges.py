"""What happens around other people's scripts: edited code, other interpreters, warm starts that fail, refusals."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.interpreters import interpreters

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

REPORTS = """
    import sys
    import tuned
    trial = tuned.current_trial()
    trial.report(step=0, loss=trial.params["x"], minor=sys.version_info[1])
"""


def write(folder: Path, text: str, name: str = "train.py") -> None:
    (folder / name).write_text(textwrap.dedent(text))


def study(name: str, **over: Any) -> dict[str, Any]:
    run = {"script": "train.py", "python": sys.executable, **over.pop("run", {})}
    return {
        "name": name,
        "run": run,
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        "search": {"method": "sobol", "trials": 1, "parallel": 1},
        **over,
    }


@pytest.mark.parametrize("python", interpreters())
def test_trials_under_every_interpreter(shared_daemon: DaemonProcess, tmp_path: Path, python: str) -> None:
    write(tmp_path, REPORTS)
    minor = int(subprocess.run([python, "-c", "import sys; print(sys.version_info[1])"], capture_output=True).stdout)
    name = f"python3.{minor}"
    run = {
        "python": python,
        "code": "snapshot",
        "config": [{"from": "base.json", "to": "config.json", "set": {"x": "x"}}],
    }
    (tmp_path / "base.json").write_text('{"x": 0}')
    write(tmp_path, REPORTS + "\n    open('log.csv', 'w').write('step,more\\n3,0.5\\n')\n")
    submitted = shared_daemon.submit(study(name, run=run, metrics={"csv": "log.csv"}), tmp_path)
    assert submitted["python_why"].startswith(f"Python 3.{minor}.")
    assert shared_daemon.wait_ended(name)["counts"] == {"completed": 1}
    assert shared_daemon.get("/v1/metrics", target=f"{name}/1", name="minor")[0]["value"] == minor
    assert shared_daemon.get("/v1/metrics", target=f"{name}/1", name="more")[0]["step"] == 3
    start = json.loads((shared_daemon.home / "runs" / name / "1" / "1" / "start.json").read_text())
    assert start["mode"] == "warm"


def test_trials_that_run_edited_code_are_marked(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    write(
        tmp_path,
        """
        import pathlib, time
        import tuned
        from helper import scale
        trial = tuned.current_trial()
        while not pathlib.Path("go").exists():
            time.sleep(0.02)
        trial.report(loss=trial.params["x"] * scale)
        """,
    )
    write(tmp_path, "scale = 1\n", "helper.py")
    search = {"method": "sobol", "trials": 3, "parallel": 1}
    submitted = shared_daemon.submit(study("edited", search=search), tmp_path)
    shared_daemon.wait_state("edited", 1, "running")
    write(tmp_path, "scale = 1000\n", "helper.py")
    (tmp_path / "go").touch()
    shared_daemon.wait_ended("edited")
    first, *others = shared_daemon.trials("edited")
    assert first["code"] == ""
    assert {trial["code"] for trial in others} - {"", submitted["code"]} and all(trial["code"] for trial in others)
    assert shared_daemon.study("edited")["note"].startswith("2 trials ran other code")


@pytest.mark.parametrize(
    ("name", "source", "how"),
    [
        ("leaves", "import os\nos._exit(3)", "its import ended the launcher with code 3: it printed nothing"),
        (
            "crashes",
            "import ctypes\nctypes.string_at(0)",
            "its import ended the launcher with SIGSEGV: it printed nothing",
        ),
        (
            "aborts",
            "import os\nos.write(2, b'  what():  no device\\n')\nos.abort()",
            "with SIGABRT: what():  no device",
        ),
        ("closes", "import os\nos.closerange(3, 256)", "its import ended the launcher with code 0: "),
        (
            "ignores",
            "import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)",
            "it ignores SIGCHLD, so no process",
        ),
    ],
)
def test_a_module_whose_import_ends_the_launcher_is_left_out_and_the_others_stay_warm(
    shared_daemon: DaemonProcess, tmp_path: Path, name: str, source: str, how: str
) -> None:
    write(tmp_path, REPORTS + f"\n    print('ahead', {{'colorsys', '{name}'}} & set(__import__('sys').modules))\n")
    (tmp_path / "lib").mkdir()
    write(tmp_path / "lib", source, f"{name}.py")
    run = {"preload": ["colorsys", name], "env": {"PYTHONPATH": str(tmp_path / "lib")}}
    shared_daemon.submit(study(f"it-{name}", run=run), tmp_path)
    assert shared_daemon.wait_ended(f"it-{name}")["counts"] == {"completed": 1}
    start = json.loads((shared_daemon.home / "runs" / f"it-{name}" / "1" / "1" / "start.json").read_text())
    assert start["mode"] == "warm", shared_daemon.study(f"it-{name}")["note"]
    assert "ahead {'colorsys'}" in shared_daemon.get(f"/v1/studies/it-{name}/trials/1/log")["text"]
    note = shared_daemon.study(f"it-{name}")["note"]
    assert f"{name} cannot be imported ahead: " in note
    assert how in note


def test_a_module_that_forbids_forks_is_left_out_and_the_others_stay_warm(
    shared_daemon: DaemonProcess, tmp_path: Path
) -> None:
    write(tmp_path, REPORTS + "\n    print('ahead', {'colorsys', 'keeps_a_thread'} & set(__import__('sys').modules))\n")
    (tmp_path / "lib").mkdir()
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    write(tmp_path / "lib", thread, "keeps_a_thread.py")
    run = {"preload": ["colorsys", "keeps_a_thread"], "env": {"PYTHONPATH": str(tmp_path / "lib")}}
    shared_daemon.submit(study("threaded", run=run), tmp_path)
    assert shared_daemon.wait_ended("threaded")["counts"] == {"completed": 1}
    start = json.loads((shared_daemon.home / "runs" / "threaded" / "1" / "1" / "start.json").read_text())
    assert start["mode"] == "warm"
    assert "ahead {'colorsys'}" in shared_daemon.get("/v1/studies/threaded/trials/1/log")["text"]
    said = shared_daemon.study("threaded")["note"]
    assert "keeps_a_thread cannot be imported ahead: it starts a thread, so no process could be forked" in said


def test_a_preload_that_cannot_be_imported_is_told_of(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    write(tmp_path, REPORTS)
    shared_daemon.submit(study("missing", run={"preload": ["json", "no_such_module"]}), tmp_path)
    assert shared_daemon.wait_ended("missing")["counts"] == {"completed": 1}
    start = json.loads((shared_daemon.home / "runs" / "missing" / "1" / "1" / "start.json").read_text())
    assert start["mode"] == "warm"
    assert "no_such_module cannot be imported ahead" in shared_daemon.log()


def test_installed_and_found_packages_are_those_of_the_copy(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "src" / "mine").mkdir(parents=True)
    write(tmp_path / "src" / "mine", "value = 1\n", "__init__.py")
    write(
        tmp_path,
        """
        import subprocess, sys
        import mine, tuned
        ask = [sys.executable, "-c", "import mine; print(mine.__file__)"]
        child = subprocess.run(ask, capture_output=True, text=True)
        assert child.stdout.strip() == mine.__file__, (child.stdout, mine.__file__)
        trial = tuned.current_trial()
        assert str(trial.work_dir) in mine.__file__, mine.__file__
        trial.report(loss=mine.value)
        """,
    )
    for start in ("warm", "cold"):
        write(tmp_path / "src" / "mine", "value = 1\n", "__init__.py")
        name = f"packages-{start}"
        env = {"PYTHONPATH": str(tmp_path / "src")}
        shared_daemon.submit(study(name, run={"code": "snapshot", "env": env, "start": start}), tmp_path)
        write(tmp_path / "src" / "mine", "value = 2\n", "__init__.py")
        shared_daemon.wait_ended(name)
        assert shared_daemon.trials(name)[0]["values"] == {"loss": 1.0}, shared_daemon.trials(name)


def test_snapshots_are_content(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    write(tmp_path, REPORTS)
    given = study("content", run={"code": "snapshot"})
    assert shared_daemon.submit(given, tmp_path)["created"]
    assert not shared_daemon.submit(given, tmp_path)["created"]
    write(tmp_path, REPORTS + "\n# edited\n")
    with pytest.raises(Exception, match=r"run\.code_hash: .* -> "):
        shared_daemon.submit(given, tmp_path)
    assert not list((shared_daemon.home / "runs").glob(".taking-*"))


def test_interpreters_that_cannot_run_trials_are_refused(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    write(tmp_path, REPORTS)
    broken, old = tmp_path / "broken", tmp_path / "old"
    broken.write_text("#!/bin/sh\necho 'no such library' >&2\nexit 1\n")
    old.write_text("#!/bin/sh\necho 3.8.1\n")
    for path in (broken, old):
        path.chmod(0o755)
    with pytest.raises(Exception, match=r"does not run: no such library.*'where': 'run.python'"):
        shared_daemon.submit(study("none", run={"python": str(broken)}), tmp_path)
    with pytest.raises(Exception, match=r"is Python 3\.8\.1; trials need 3\.9 or newer"):
        shared_daemon.submit(study("none", run={"python": str(old)}), tmp_path)
    # A command needs no Python of its own.
    command = {"name": "shell", "run": {"command": ["true"], "python": str(old)}, "search": {"trials": 1}}
    shared_daemon.submit(command, tmp_path)
    assert shared_daemon.wait_ended("shell")["counts"] == {"completed": 1}


def test_what_git_ignores_and_what_is_too_large_is_refused(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    write(tmp_path, REPORTS)
    subprocess.run(["git", "-C", str(tmp_path), "init", "-q"], check=True)
    (tmp_path / ".gitignore").write_text("train.py\n")
    with pytest.raises(Exception, match=r"git ignores .*train\.py.*'where': 'run.script'"):
        shared_daemon.submit(study("ignored", run={"code": "snapshot"}), tmp_path)
    (tmp_path / ".gitignore").write_text("")
    with (tmp_path / "weights.bin").open("wb") as file:
        file.truncate(200 * 2**20)
    with pytest.raises(Exception, match=r"200 MiB to copy, above 100 MiB; the largest file is weights\.bin"):
        shared_daemon.submit(study("large", run={"code": "snapshot"}), tmp_path)


def test_a_named_environment_is_active_in_commands(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    """As for conda and uv environments that nobody has activated."""
    folder = tmp_path / "env" / "bin"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
    (folder / "mytool").write_text('#!/bin/sh\necho "loss $1 in $VIRTUAL_ENV"\n')
    (folder / "mytool").chmod(0o755)
    given = study("named", metrics={"patterns": [r"loss (?P<loss>\S+)"]})
    given["run"] = {"command": ["mytool", "{x}"], "python": str(tmp_path / "env")}
    shared_daemon.submit(given, tmp_path)
    assert shared_daemon.wait_ended("named")["counts"] == {"completed": 1}
    assert str(tmp_path / "env") in shared_daemon.get("/v1/studies/named/trials/1/log")["text"]
