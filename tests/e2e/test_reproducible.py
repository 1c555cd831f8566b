"""The same study, one trial at a time, gives the same trials again, also across a restart of the daemon."""

from __future__ import annotations

import itertools
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.crash.processes import of_home

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SCRIPT = """
    import tuned
    trial = tuned.current_trial()
    x, act = trial.params["x"], trial.params["act"]
    trial.report(loss=(x - 0.3) ** 2 + {"relu": 0.0, "tanh": 0.1, "gelu": 0.2}[act] + trial.seed % 7 / 100)
"""


def study(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "run": {"script": "train.py"},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}, "act": ["relu", "tanh", "gelu"]},
        "search": {"method": "bayesian", "trials": 7, "parallel": 1, "seed": 3, **more},
    }


def test_one_at_a_time_gives_the_same_trials_again(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    daemon.start()
    daemon.submit(study("one"), tmp_path)
    daemon.until(lambda: any(t["origin"] == "bayesian" for t in daemon.trials("one")), "the model suggests nothing")
    # Both are cut off, at different points of their lives; suggestions under way are lost, trials run on.
    daemon.submit(study("other"), tmp_path)
    daemon.until(lambda: len(daemon.trials("other")) >= 3, "the second study does not begin")
    for name in ("fresh", "fresh-again"):
        daemon.submit(study(name, lag=0), tmp_path)
    daemon.kill()
    daemon.start()
    names = ("one", "other", "fresh", "fresh-again")
    assert [daemon.wait_ended(name)["counts"] for name in names] == [{"completed": 7}] * 4
    first, second, fresh, again = (
        [(t["params"], t["seed"], t["origin"], t["values"]) for t in daemon.trials(n)] for n in names
    )
    assert first == second and fresh == again
    assert [origin for _, _, origin, _ in first[3:]] == ["bayesian"] * 4
    # Trials of a moment settle for the result before the last one; who wants the last one, too, waits for each.
    assert first[:2] == fresh[:2] and [origin for _, _, origin, _ in fresh[2:]] == ["bayesian"] * 5
    waited = sorted((t["number"], t["ended_at"], t["created_at"]) for t in daemon.trials("fresh"))[1:]
    assert all(ended <= created for (_, ended, _), (_, _, created) in itertools.pairwise(waited))


def test_an_advisor_that_is_killed_changes_no_trial(daemon: DaemonProcess, tmp_path: Path) -> None:
    """The model's next points were quasi-random ones until it was back: of short trials all that were left."""
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    daemon.start()

    def trials(name: str) -> list[Any]:
        return [(t["params"], t["origin"], t["why"]) for t in daemon.trials(name)]

    def killed() -> bool:
        return any(process.kill() for process in of_home(daemon.home) if process.kind == "advisor")

    daemon.submit(study("one"), tmp_path)
    daemon.wait_ended("one")
    daemon.submit(study("killed"), tmp_path)
    # Once before its first answer, once while it is at work.
    daemon.until(lambda: len(trials("killed")) >= 3 and killed(), "there is no advisor")
    daemon.until(lambda: any(origin == "bayesian" for _, origin, _ in trials("killed")), "the model suggests nothing")
    assert killed()
    daemon.wait_ended("killed")
    assert trials("killed") == trials("one")
