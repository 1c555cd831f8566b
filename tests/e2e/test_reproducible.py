"""The same study, one trial at a time, gives the same trials again, also across a restart of the daemon."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SCRIPT = """
    import tuned
    trial = tuned.current_trial()
    x, act = trial.params["x"], trial.params["act"]
    trial.report(loss=(x - 0.3) ** 2 + {"relu": 0.0, "tanh": 0.1, "gelu": 0.2}[act] + trial.seed % 7 / 100)
"""


def study(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "run": {"script": "train.py"},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}, "act": ["relu", "tanh", "gelu"]},
        "search": {"method": "bayesian", "trials": 7, "parallel": 1, "seed": 3},
    }


def test_one_at_a_time_gives_the_same_trials_again(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    daemon.start()
    daemon.submit(study("one"), tmp_path)
    daemon.until(lambda: any(t["origin"] == "bayesian" for t in daemon.trials("one")), "the model suggests nothing")
    # Both are cut off, at different points of their lives; suggestions under way are lost, trials run on.
    daemon.submit(study("other"), tmp_path)
    daemon.until(lambda: len(daemon.trials("other")) >= 3, "the second study does not begin")
    daemon.kill()
    daemon.start()
    ends = [daemon.wait_ended(name) for name in ("one", "other")]
    assert [end["counts"] for end in ends] == [{"completed": 7}] * 2
    first, second = (
        [(t["params"], t["seed"], t["origin"], t["values"]) for t in daemon.trials(n)] for n in ("one", "other")
    )
    assert first == second
    assert [origin for _, _, origin, _ in first[3:]] == ["bayesian"] * 4
