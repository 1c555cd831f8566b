"""The demo's own words and its environment; the whole demo is `make demo`."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path

import pytest

from examples import demo


def test_the_study_file_is_the_one_that_is_named() -> None:
    data = tomllib.loads(demo.STUDY_FILE.read_text())
    assert data["name"] == demo.STUDY
    assert data["search"]["parallel"] == demo.SLOTS


def test_trials_run_in_the_demo_s_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/home/u/other")
    monkeypatch.setenv("CONDA_PREFIX", "/opt/conda/envs/other")
    monkeypatch.setenv("TUNED_HOME", "/home/u/real-work")
    env = demo.environment()
    assert env["TUNED_HOME"] == str(demo.ROOT / ".demo")
    assert "VIRTUAL_ENV" not in env and "CONDA_PREFIX" not in env


@pytest.mark.parametrize(
    ("cuda", "usable", "expected"),
    [
        (None, False, "is built without CUDA"),
        ("13.0", False, "is built for CUDA 13.0 and cannot reach it"),
        ("13.0", True, "can use the GPU"),
    ],
)
def test_a_gpu_that_torch_cannot_use_is_said(cuda: str | None, usable: bool, expected: str) -> None:
    remark = demo.gpu_remark(cuda, usable, "2.13.0")
    assert expected in remark and "2.13.0" in remark


def test_nothing_is_said_without_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo, "GPU_FILES", (str(tmp_path / "nvidiactl"),))
    assert demo.look_for_gpu() == ""


def test_a_point_is_printed_as_the_script_takes_it() -> None:
    arguments = [demo.as_argument(*item) for item in {"lr": 0.0123456789, "width": 64, "optimizer": "adam"}.items()]
    assert shlex.join(arguments) == "lr=0.0123457 width=64 optimizer=adam"
