"""The package that training scripts import: its names, its weight, and every interpreter that it promises."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import tuned
from tests.interpreters import interpreters
from tuned.client import sdk_copy
from tuned.launch.bundle import launcher_path, make_bundle

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_bundle(str(tmp_path_factory.mktemp("bundles")))


def test_version_is_the_distributions() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == tuned.__version__


def test_all_names_are_there() -> None:
    for name in tuned.__all__:
        assert getattr(tuned, name) is not None
    assert set(tuned.__all__) <= set(dir(tuned))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        tuned.nonsense  # noqa: B018


@pytest.mark.parametrize("python", interpreters())
def test_every_interpreter(python: str, bundle: str, tmp_path: Path) -> None:
    code = """
import sys
before = set(sys.modules)
import tuned
import tuned.protocol, tuned.launch.launcher, tuned.sdk.function_runner
import tuned.sdk.describe, tuned.sdk.predictions, tuned.sdk.watch
new = {n.partition(".")[0] for n in set(sys.modules) - before} - {"tuned"}
foreign = sorted(n for n in new if n not in getattr(sys, "stdlib_module_names", new))
trial = tuned.current_trial(defaults={"lr": 1})
trial.report(step=1, loss=0.5)
trial.save_predictions("validation", [[0.5, 0.5]], [1], ["a"])
trial.data_hashes("validation", ["text"])
try:
    tuned.connect
except ImportError as error:
    print(foreign, "tunectl" in str(error))
"""
    env = {**{k: v for k, v in os.environ.items() if not k.startswith(("TUNED_", "PYTHON"))}, "PYTHONPATH": bundle}
    done = subprocess.run(
        [python, "-S", "-W", "error", "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("step 1  loss 0.5\n[] True\n", "")


def test_import_is_light(bundle: str) -> None:
    code = "import sys, tuned; print(*sorted(sys.modules))"
    env = {**os.environ, "PYTHONPATH": bundle}
    loaded = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    heavy = {"asyncio", "ctypes", "typing_extensions", "subprocess", "logging", "pathlib", "inspect", "socket", "numpy"}
    assert not heavy & set(loaded.split())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestBundle:
    def test_holds_what_trials_need_and_no_more(self, bundle: str) -> None:
        files = {str(p.relative_to(bundle)) for p in Path(bundle).rglob("*.py")}
        modules = {"__init__.py", "faults.py", "metrics_appender.py", "plain_files.py", "protocol.py", "torch.py"}
        parts = {*modules, "sdk", "integrations", "launch"}
        assert {name.split("/")[1] for name in files} == parts
        assert Path(launcher_path(bundle)).is_file()
        assert names(Path(bundle)) == ["tuned"]

    def test_again_is_the_same(self, tmp_path: Path) -> None:
        folder = tmp_path / "new" / "bundles"
        first = make_bundle(str(folder))
        stamp = Path(launcher_path(first)).stat().st_mtime_ns
        assert make_bundle(str(folder)) == first
        assert Path(launcher_path(first)).stat().st_mtime_ns == stamp
        assert names(folder) == [Path(first).name]

    def test_damaged_one_is_made_anew(self, tmp_path: Path) -> None:
        first = make_bundle(str(tmp_path))
        Path(launcher_path(first)).write_text("")
        assert make_bundle(str(tmp_path)) == first
        assert Path(launcher_path(first)).read_text() != ""
        assert names(tmp_path) == [Path(first).name] and names(Path(first)) == ["tuned"]


def _of_scripts() -> set[str]:
    """Every module of ours that a script reaches from `tuned`, imports within functions among them."""
    seen, edge = set(), {"tuned", "tuned.client.script"}
    while edge:
        name = edge.pop()
        path = ROOT.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if not path.is_file() or name in seen:
            continue
        seen.add(name)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                edge |= {alias.name for alias in node.names if alias.name.startswith("tuned")}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tuned"):
                edge |= {f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return seen - {"tuned.torch"}


@pytest.mark.parametrize("python", interpreters())
def test_a_script_can_wait_and_steer_under_every_interpreter(python: str, tmp_path: Path) -> None:
    """All that `tuned.connect()` may import later is part of the copy, and needs no newer Python."""
    sdk_copy._write(tmp_path / "tuned", sdk_copy._dist(tmp_path), tmp_path)
    names = sorted(_of_scripts())
    assert {"tuned.client.waiting", "tuned.core.states", "tuned.wire.studies"} <= set(names)
    code = f"""
import importlib, sys
sys.path.insert(0, {str(tmp_path)!r})
for name in {names!r}:
    importlib.import_module(name)
from tuned.core.states import TrialState as S
assert f"{{S.RUNNING}}" == str(S.RUNNING) == S.RUNNING == "running"
"""
    done = subprocess.run([python, "-I", "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_wheel_of_the_sdk_runs_a_trial_under_the_oldest_python(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "-w", str(tmp_path), str(ROOT / "packaging" / "sdk")], check=True)
    (wheel,) = tmp_path.glob("tuned_hpo_sdk-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        inside = {name for name in archive.namelist() if name.startswith("tuned/")}
    assert inside == {f"tuned/{name}" for name in sdk_copy.names(ROOT / "tuned")}, "what `tunectl sdk` copies"
    code = """if True:
        import sys, tuned
        trial = tuned.current_trial(defaults={"lr": 0.5})
        trial.report(step=1, loss=trial.params["lr"])
        print(tuned.__version__, trial.params["lr"], tuned.connect.__name__, tuned.__path__[0])
    """
    env = {"PYTHONPATH": str(tmp_path / "site"), "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [interpreters()[0], "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-4:] == [tuned.__version__, "0.5", "connect", str(tmp_path / "site" / "tuned")]
