"""The windows of trials on cards: they join others, they leave for somebody else. As in `test_windows`, with cards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.crash.lab import RETRIES, Lab
from tests.e2e.conftest import wait_until
from tests.gpus.standin import ENV_FOLDER, GIB, Cards

Steps = Iterator[None]
ROOT = Path(__file__).parents[2]
SCRIPT = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.gpus.workload import GIB, Workload
import pathlib, tuned
trial = tuned.current_trial()
saved = pathlib.Path(trial.checkpoint_dir, "step")
first = int(saved.read_text()) + 1 if saved.exists() else 0
with Workload(2 * GIB, 20) as used:
    # Those that share the card do so for long enough to be measured.
    for step in range(first, 20 if trial.number < 3 else 60):
        trial.report(step=step, loss=trial.params["x"])
        saved.with_suffix(".new").write_text(str(step))
        saved.with_suffix(".new").rename(saved)
        if trial.should_stop():
            raise SystemExit
        used.step(0.1)
trial.report(step=60, loss=trial.params["x"])
"""
STUDY = {
    "name": "cards",
    "objective": {"metric": "loss", "direction": "minimize"},
    "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
    "search": {"method": "sobol", "trials": 4},
}
SETTINGS = '[gpu]\nafter = "0s"\nback_after = "0s"\nwhose = "all"\n'


class CardLab(Lab):
    """A lab with one card, and a study whose trials use it: two of them alone, then two together."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.cards = Cards(folder / "cards", {"uuid": "GPU-a", "memory_total": 24 * GIB})
        (folder / "tuned-hpo").mkdir()
        (folder / "tuned-hpo" / "config.toml").write_text(SETTINGS)
        environment = {**self.cards.environment, "XDG_CONFIG_HOME": str(folder)}
        self.daemon.spawn = partial(self.daemon.spawn, **environment)  # type: ignore[method-assign]
        (self.base / "train.py").write_text(SCRIPT)
        run = {"script": "train.py", "retries": RETRIES, "env": {ENV_FOLDER: str(self.cards.folder)}}
        self.content = {**STUDY, "run": run}

    def last_step(self, number: int) -> float | None:
        """The last step that a trial reported."""
        trials = self.daemon.trials("cards")
        return trials[number - 1]["last_step"] if len(trials) >= number else None


def joining(lab: CardLab, point: str) -> Steps:
    lab.send()
    lab.daemon.until(lambda: lab.last_step(3) is not None, "the third does not run")
    lab.arm(point)
    yield


def leaving(lab: CardLab, point: str) -> Steps:
    """Somebody begins to work on the card, and has gone by the time that the daemon is there again."""
    lab.daemon.post("/v1/gpus/polite", {"on": True})
    lab.send()
    lab.daemon.until(lambda: lab.last_step(1) is not None, "it reports nothing")
    lab.arm(point)
    lab.cards.set(0, processes={1: 4 * GIB})
    yield
    lab.cards.set(0, processes={})


WINDOWS: dict[str, Callable[[CardLab, str], Steps]] = {
    "claim.committed": joining,
    "packing.measured": joining,
    "yield.kept": leaving,
    "stop.committed": leaving,
}
EVERYTHING = ("daemon", "launcher", "supervisor", "trial")
CASES = [
    ("claim.committed", ("daemon",)),
    ("claim.committed", ("trial",)),
    ("packing.measured", EVERYTHING),
    ("yield.kept", ("daemon",)),
    ("yield.kept", EVERYTHING),
    ("stop.committed", ("daemon",)),
]


@pytest.fixture
def card_lab(scratch: Callable[[], Path]) -> Iterator[CardLab]:
    lab = CardLab(scratch())
    lab.start()
    yield lab
    lab.close()


@pytest.mark.parametrize(("point", "victims"), CASES)
def test_nothing_is_lost(card_lab: CardLab, point: str, victims: tuple[str, ...]) -> None:
    lab = card_lab
    steps = WINDOWS[point](lab, point)
    next(steps)
    lab.wait_parked(point)
    assert lab.kill(*victims) > 0
    if "daemon" in victims:
        lab.restart()
    else:
        lab.disarm()
        lab.wait_answering()
    for _ in steps:
        raise AssertionError("the steps have one window")
    lab.daemon.wait_ended("cards")
    assert lab.daemon.study("cards")["counts"] == {"completed": 4}
    wait_until(lambda: lab.daemon.get("/v1/gpus")[0]["held_by"] == [], "a lease is left")
