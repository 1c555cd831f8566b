"""What each entry point loads, seen in a process of its own: the import rules as they hold at run time."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.patience import DEADLINE_S

ROOT = Path(__file__).parents[2]

NUMERICS = {"torch", "ax", "botorch", "gpytorch", "numpy", "scipy", "pandas", "sklearn", "matplotlib"}
SCREENS = {"textual", "rich"}
SERVER = {"sqlalchemy", "alembic", "fastapi", "starlette", "uvicorn"}

OUR_FILES = ("tuned.protocol", "tuned.faults", "tuned.plain_files", "tuned.metrics_appender")
BESIDE_THE_CODE = (*OUR_FILES, "tuned.sdk", "tuned.integrations", "tuned.launch")

PROGRAM = """
import importlib, json, sys
before = set(sys.modules)
for name in {names!r}:
    importlib.import_module(name)
files = {{m: getattr(sys.modules[m], "__file__", None) for m in set(sys.modules) - before if sys.modules[m]}}
print(json.dumps(files))
"""


def modules_of(folder: str) -> list[str]:
    """Every module below a folder of the project, but for those that run something when imported."""
    paths = sorted(Path(ROOT, folder).rglob("*.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    return [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]


def loaded(names: list[str], *flags: str) -> dict[str, str | None]:
    """Modules that a fresh interpreter has loaded after importing these, with their files."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + PROGRAM.format(names=names)
    done = subprocess.run([sys.executable, *flags, "-c", program], capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr
    files: dict[str, str | None] = json.loads(done.stdout)
    return files


def tops(files: dict[str, str | None]) -> set[str]:
    return {name.partition(".")[0] for name in files}


def in_standard_library(file: str) -> bool:
    return Path(file).is_relative_to(sysconfig.get_path("stdlib")) and "site-packages" not in file


@pytest.mark.parametrize("folder", ["tuned/protocol.py", "tuned/sdk", "tuned/integrations", "tuned/launch"])
def test_what_runs_beside_the_users_code_needs_the_standard_library_alone(folder):
    names = ["tuned.protocol"] if folder.endswith(".py") else modules_of(folder)
    assert names
    for module, file in loaded(names, "-S", "-E").items():
        if module.partition(".")[0] == "tuned":
            assert module == "tuned" or module.startswith(BESIDE_THE_CODE), module
        elif file is not None:
            assert in_standard_library(file), module


def test_import_tuned_costs_a_training_script_nothing_of_ours_but_the_sdk():
    files = loaded(["tuned"], "-S", "-E")
    assert not {m for m in files if m.startswith(("tuned.client", "tuned.core", "tuned.daemon", "tuned.cli"))}


def test_the_daemon_loads_no_numerics_and_no_screen():
    files = loaded(["tuned.daemon.app"])
    assert not tops(files) & (NUMERICS | SCREENS | {"alembic", "psutil"})
    assert not {m for m in files if m.startswith(("tuned.cli", "tuned.client", "tuned.analyses", "tui"))}


@pytest.mark.parametrize("folder", ["tuned/client", "tuned/cli", "tui"])
def test_clients_know_neither_the_database_nor_the_server(folder):
    files = loaded(modules_of(folder))
    assert not tops(files) & (NUMERICS | SERVER | {"pydantic"})
    assert not {m for m in files if m.startswith(("tuned.daemon", "tuned.advisor", "storage"))}


def test_looking_at_the_queue_from_a_script_loads_no_screen():
    assert not tops(loaded(modules_of("tuned/client"))) & SCREENS


@pytest.mark.parametrize(
    "module",
    ["study", "events", "errors", "states", "trials.trial", "queue.schedule", "trials.metric_lines", "trials.endings"],
)
def test_the_rules_load_no_more_than_they_need(module):
    assert not tops(loaded([f"tuned.core.{module}"])) & (NUMERICS | SERVER | SCREENS | {"pydantic", "click"})


def test_the_rules_are_pure():
    files = loaded(modules_of("tuned/core"))
    assert not tops(files) & (NUMERICS | SERVER | SCREENS | {"click", "storage", "tui"})
    # `tuned` itself is what a training script imports, so the SDK comes with the package.
    known = ("tuned.core", *OUR_FILES, "tuned.sdk")
    assert not {m for m in files if m.startswith("tuned.") and not m.startswith(known)}


def test_storage_knows_the_rules_and_nobody_who_calls_it():
    files = loaded(["storage.engine", "storage.queries", "storage.repository"])
    assert not tops(files) & (NUMERICS | SCREENS | {"alembic", "fastapi", "pydantic", "click", "tui"})
    assert not {m for m in files if m.startswith(("tuned.daemon", "tuned.client", "tuned.cli"))}


def test_the_environment_cannot_have_the_daemon_tell_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """FastAPI reports requests and exceptions to a collector that variables of the environment name."""
    from tuned.daemon.api import make_api

    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    telemetry = make_api(None)._telemetry  # type: ignore[arg-type]
    assert [telemetry[key] for key in ("tracing", "metrics", "logs", "auto_configure")] == [False] * 4
