"""Output and the metrics read from it, in real attempts."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.launch_driver import Attempt, Launcher

Run = Callable[[str, list[tuple[str, str]]], Attempt]


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path_factory.mktemp("launcher"))
    yield launcher
    launcher.close()


@pytest.fixture
def run(launcher: Launcher, tmp_path: Path) -> Run:
    """Runs a script whose output is read by patterns, given as (regex, stream)."""

    def run(text: str, patterns: list[tuple[str, str]]) -> Attempt:
        path = tmp_path / "train.py"
        path.write_text(textwrap.dedent(text))
        attempt = launcher.start(path, patterns=[{"regex": r, "stream": s} for r, s in patterns])
        attempt.ended()
        return attempt

    return run


def values(attempt: Attempt) -> list[dict[str, Any]]:
    return [{k: v for k, v in record.items() if k != "_time"} for record in attempt.metrics()]


def test_steps_and_names(run: Run) -> None:
    attempt = run(
        r"""
        for epoch in range(3):
            print(f"\x1b[32mend of epoch {epoch}\x1b[0m | valid loss {1 / (epoch + 1)},")
        print("end of epoch 3 | valid loss nan")
        print("end of epoch 4 | valid loss unknown")
        """,
        [(r"end of epoch\s+(?P<step>\d+).*valid loss\s+(?P<val_loss>\S+)", "both")],
    )
    assert values(attempt) == [
        {"step": 0, "val_loss": 1.0},
        {"step": 1, "val_loss": 0.5},
        {"step": 2, "val_loss": 1 / 3},
        {"step": 3, "val_loss": "nan"},
    ]
    assert "\x1b[32mend of epoch 0" in attempt.output()


def test_matches_are_counted_without_a_step(run: Run) -> None:
    attempt = run(
        r"""
        for i in range(3):
            print(f"\rloss={i}.5", end="")
        print("\nacc=1e-2")
        print("loss=9.5", end="")
        """,
        [(r"loss=(?P<loss>\S+)", "both"), (r"acc=(?P<acc>\S+)", "both")],
    )
    assert values(attempt) == [
        {"step": 0, "loss": 0.5},
        {"step": 1, "loss": 1.5},
        {"step": 2, "loss": 2.5},
        {"step": 0, "acc": 0.01},
        {"step": 3, "loss": 9.5},
    ]


def test_metrics_on_lines_of_their_own_are_counted_apart(run: Run) -> None:
    """Rounds of boosting, say: a line for each part of the data, and one for both later."""
    attempt = run(
        r"""
        for i in range(3):
            print(f"train-rmse:{i}.5")
            print(f"valid-rmse:{i}.25")
        print("train-rmse:9 valid-rmse:8")
        """,
        [(r"train-rmse:(?P<train>\S+)( valid-rmse:(?P<also>\S+))?|valid-rmse:(?P<valid>\S+)", "both")],
    )
    assert [(v["step"], v.get("train"), v.get("valid"), v.get("also")) for v in values(attempt)] == [
        (0, 0.5, None, None), (0, None, 0.25, None), (1, 1.5, None, None), (1, None, 1.25, None),
        (2, 2.5, None, None), (2, None, 2.25, None), (3, 9.0, None, 8.0),
    ]  # fmt: skip


def test_streams_are_told_apart(run: Run) -> None:
    attempt = run(
        """
        import sys
        print("loss=1")
        print("loss=2", file=sys.stderr)
        """,
        [(r"loss=(?P<out>\S+)", "stdout"), (r"loss=(?P<err>\S+)", "stderr")],
    )
    assert sorted(values(attempt), key=str) == [{"step": 0, "err": 2.0}, {"step": 0, "out": 1.0}]
    assert sorted(attempt.output().splitlines()) == ["loss=1", "loss=2"]


def test_bad_patterns_hold_up_nothing(run: Run) -> None:
    attempt = run(
        """
        for i in range(5):
            print("a" * 40 + "!")
            print(f"loss={i}")
        print("b" * 100_000, "loss=77")
        """,
        [(r"(?P<x>(a+)+$)", "both"), (r"(?P<broken>", "both"), (r"loss=(?P<loss>\S+)", "both")],
    )
    found = values(attempt)
    assert [v["loss"] for v in found if "loss" in v] == [0.0, 1.0, 2.0, 3.0, 4.0]
    marks = [v["_mark"] for v in found if "_mark" in v]
    assert [m["pattern_disabled"] for m in marks] == [1, 0]
    assert "does not compile" in marks[0]["why"] and "3 lines" in marks[1]["why"]
    assert len(attempt.output()) > 100_000


def test_patterns_and_sdk_share_the_file(run: Run) -> None:
    attempt = run(
        """
        import tuned
        trial = tuned.current_trial()
        for i in range(200):
            print(f"loss={i}")
            trial.report(step=i, sdk_loss=i)
        """,
        [(r"loss=(?P<loss>\S+)", "both")],
    )
    found = values(attempt)
    assert [v["step"] for v in found if "loss" in v] == list(range(200))
    assert [v["step"] for v in found if "sdk_loss" in v] == list(range(200))


def test_processes_that_hold_the_pipe_do_not_hold_up_the_end(run: Run) -> None:
    attempt = run(
        """
        import subprocess
        subprocess.Popen(["sleep", "60"], start_new_session=True)
        print("loss=1", end="")
        """,
        [(r"loss=(?P<loss>\S+)", "both")],
    )
    assert values(attempt) == [{"step": 0, "loss": 1.0}]
