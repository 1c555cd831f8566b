"""What a launcher imports ahead, and when it refuses to fork."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.launch_driver import Launcher

THREAD = """
import threading, time
threading.Thread(target=time.sleep, args=(60,), daemon=True, name="asleep").start()
"""

CUDA = """
import sys, types
sys.modules["torch.cuda"] = types.SimpleNamespace(
    is_initialized=lambda: {initialised}, _is_in_bad_fork=lambda: {spoiled}
)
"""


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder of modules, for PYTHONPATH."""
    folder = tmp_path / "modules"
    folder.mkdir()
    return folder


def start(tmp_path: Path, modules: Path, *preload: str) -> Launcher:
    return Launcher(tmp_path, preload=list(preload), env={"PYTHONPATH": str(modules)})


def test_imports_are_answered_for(tmp_path: Path, modules: Path) -> None:
    (modules / "fine.py").write_text("print('imported once'); import sys; sys.stdin.read()")
    (modules / "leaves.py").write_text("raise SystemExit('no thanks')")
    launcher = start(tmp_path, modules, "fine", "leaves", "absent")
    ready = launcher.ready
    assert launcher.announced == ["fine", "leaves", "absent", ""]
    assert list(ready["imported"]) == ["fine"] and ready["imported"]["fine"] >= 0
    assert ready["failed"] == {
        "leaves": "SystemExit: no thanks",
        "absent": "ModuleNotFoundError: No module named 'absent'",
    }
    assert ready["fork_safe"] and ready["why"] == ""
    script = tmp_path / "train.py"
    script.write_text("import fine, sys; print(fine.__name__, sys.path[2] == fine.__file__.rpartition('/')[0])")
    assert launcher.run(script)[1] == "fine True\n"
    launcher.close()
    assert launcher.log.read_text() == "imported once\n"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (THREAD, ": asleep"),
        ("import sys, types; sys.modules['tensorflow'] = types", "tensorflow was imported"),
        # What torch says of itself is all that can be looked at on a machine without a GPU.
        (CUDA.format(initialised=True, spoiled=False), "CUDA is initialised"),
        (CUDA.format(initialised=False, spoiled=True), "touched CUDA"),
    ],
)
def test_unsafe_preload_starts_cold_alone(tmp_path: Path, modules: Path, source: str, why: str) -> None:
    (modules / "unsafe.py").write_text(source)
    (modules / "fine.py").touch()
    launcher = start(tmp_path, modules, "fine", "unsafe")
    assert not launcher.ready["fork_safe"] and why in launcher.ready["why"]
    # Only a forked process sees that CUDA was touched, so nobody knows which module did it.
    assert list(launcher.ready["failed"]) == ([] if why == "touched CUDA" else ["unsafe"])
    script = tmp_path / "train.py"
    script.write_text("print('ran')")
    answer = launcher.launch(launcher.attempt(script))
    assert why in answer["why"]
    end, output = launcher.run(script, start="cold")
    assert (end["code"], output) == (0, "ran\n")
    launcher.close()


def test_descriptor_of_a_preloaded_module_is_kept(tmp_path: Path, modules: Path) -> None:
    (modules / "opener.py").write_text("import os; FD = os.open(__file__, os.O_RDONLY)")
    launcher = start(tmp_path, modules, "opener")
    script = tmp_path / "train.py"
    script.write_text("import opener, os; print(os.pread(opener.FD, 9, 0), os.open('/dev/null', 0) != opener.FD)")
    assert launcher.run(script)[1] == "b'import os' True\n"
    launcher.close()


def test_requests_that_are_none_are_skipped(tmp_path: Path) -> None:
    launcher = Launcher(tmp_path)
    assert launcher.process.stdin is not None
    launcher.process.stdin.write(b'nonsense\n[1]\n{"unknown": 1}\n')
    assert launcher.ask(hello={})["ready"]
    launcher.close()


def test_random_state_of_a_preloaded_module_is_not_shared(tmp_path: Path) -> None:
    launcher = Launcher(tmp_path, preload=["numpy", "random"])
    script = tmp_path / "train.py"
    script.write_text("import numpy, random; print(random.random(), numpy.random.rand())")
    outputs = [launcher.run(script, seed=seed)[1] for seed in (1, 2, 1)]
    assert outputs[0] == outputs[2] != outputs[1]
    launcher.close()


NANOBIND = """
import ctypes
class nb_func: pass
bound = nb_func()
tell = ctypes.cast(ctypes.CDLL(None).malloc_stats, ctypes.c_void_p)  # what writes to stderr and takes no argument
ctypes.pythonapi.Py_AtExit(tell)
"""


@pytest.mark.parametrize(
    ("kind", "last", "heard"),
    [
        ("nb_func", "pass", False),
        ("nb_func", "raise KeyboardInterrupt", False),
        ("other", "pass", False),
        ("other", "raise KeyboardInterrupt", True),
    ],
)
def test_bindings_that_tell_of_leaks_at_the_end(
    tmp_path: Path, modules: Path, kind: str, last: str, heard: bool
) -> None:
    """They are not freed on purpose; what the user's own code says to its last breath is still there."""
    (modules / "bindings.py").write_text(NANOBIND.replace("nb_func", kind))
    script = tmp_path / "train.py"
    script.write_text(
        "import atexit, sys\n"
        "class Last:\n"
        "    def __del__(self, write=sys.stderr.write): write('deleted\\n')\n"
        "last = Last()\n"
        "atexit.register(sys.stderr.write, 'exits\\n')\n" + last + "\n"
    )
    launcher = start(tmp_path, modules, "bindings")
    output = launcher.run(script)[1]
    said, _, after = output.partition("exits\ndeleted\n")
    assert "Arena" not in said and ("Arena" in after) == heard and (heard or after == ""), output
    launcher.close()


def test_what_imports_cost_is_noted_without_what_they_import_themselves(tmp_path: Path, modules: Path) -> None:
    busy = "import time\nend = time.perf_counter() + 0.4\nwhile time.perf_counter() < end: pass\n"
    (modules / "inner.py").write_text(busy)
    (modules / "outer.py").write_text("import inner, quick\n")
    (modules / "quick.py").touch()
    (modules / "broken.py").write_text(busy + "raise ImportError")
    project = tmp_path / "project"
    (project / ".venv/site-packages").mkdir(parents=True)
    (project / "own.py").write_text(busy)
    (project / ".venv/site-packages/other.py").write_text(busy)
    script = project / "train.py"
    script.write_text(
        "import sys; sys.path.append(sys.path[0] + '/.venv/site-packages'); import outer, own, other\n"
        "try:\n    import broken\nexcept ImportError:\n    pass\n"
    )
    launcher = start(tmp_path, modules)
    attempt = launcher.start(script, learn=True)
    attempt.ended()
    learned = attempt.record("modules.json") or {}
    assert sorted(learned["others"]) == ["broken", "inner", "other"] and learned["unsafe"] == []
    launcher.close()
