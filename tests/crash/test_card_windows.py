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
import itertools, pathlib, tuned
trial = tuned.current_trial()
saved = pathlib.Path(trial.checkpoint_dir, "step")
first = int(saved.read_text()) + 1 if saved.exists() else 0
over = pathlib.Path(trial.params["over"]), pathlib.Path(f"{{trial.params['over']}}-{{trial.number}}")
with Workload(2 * GIB, 20) as used:
    for step in itertools.count(first):
        trial.report(step=step, loss=trial.params["x"])
        saved.with_suffix(".new").write_text(str(step))
        saved.with_suffix(".new").rename(saved)
        if any(path.exists() for path in over):
            break
        if trial.should_stop():
            raise SystemExit
        used.step(0.05)
"""
SETTINGS = '[gpu]\nafter = "0s"\nback_after = "0s"\nwhose = "all"\n'


class CardLab(Lab):
    """A lab with one card; its trials run until they are told that it is over."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.cards = Cards(folder / "cards", {"uuid": "GPU-a", "memory_total": 24 * GIB})
        (folder / "tuned-hpo").mkdir()
        (folder / "tuned-hpo" / "config.toml").write_text(SETTINGS)
        environment = {**self.cards.environment, "XDG_CONFIG_HOME": str(folder)}
        self.daemon.spawn = partial(self.daemon.spawn, **environment)  # type: ignore[method-assign]
        (self.base / "train.py").write_text(SCRIPT)
        self.name, self.trials = "", 0

    def begin(self, trials: int) -> None:
        """Submit a study of so many trials."""
        run = {"script": "train.py", "retries": RETRIES, "env": {ENV_FOLDER: str(self.cards.folder)}}
        self.name, self.trials = self.study(run=run, search={"method": "sobol", "trials": trials}), trials
        over = {"type": "fixed", "value": f"over-{self.name}"}
        self.content["space"] = {"x": {"type": "float", "low": 0.0, "high": 1.0}, "over": over}
        self.send()

    def over(self, number: int | None = None) -> None:
        """Let a trial come to its end, or all."""
        (self.base / (f"over-{self.name}" if number is None else f"over-{self.name}-{number}")).touch()

    def last_step(self, number: int) -> float | None:
        """The last step that a trial reported."""
        trials = self.daemon.trials(self.name)
        return trials[number - 1]["last_step"] if len(trials) >= number else None

    def memory(self, number: int) -> float:
        """What a trial was seen to hold."""
        if self.last_step(number) is None:
            return 0.0
        trial = self.daemon.get(f"/v1/studies/{self.name}/trials/{number}")["trial"]
        return float(trial["card"].get("peak_memory", 0.0))


def joining(lab: CardLab, point: str) -> Steps:
    """One runs alone; then a third joins the second."""
    lab.begin(3)
    lab.daemon.until(lambda: lab.memory(1) > 0, "it is not seen on its card")
    lab.over(1)
    lab.daemon.until(lambda: lab.last_step(2) is not None, "the second does not run")
    lab.arm(point)
    yield


def leaving(lab: CardLab, point: str) -> Steps:
    """Somebody begins to work on the card, and has gone by the time that the daemon is there again."""
    lab.daemon.post("/v1/gpus/polite", {"on": True})
    lab.begin(1)
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


@pytest.fixture(scope="module")
def kept(scratch: Callable[[], Path]) -> Iterator[list[CardLab]]:
    """The lab of the last test, as long as tests go well: starting daemons is what takes time."""
    labs: list[CardLab] = []
    yield labs
    for lab in labs:
        lab.close()


@pytest.fixture
def card_lab(scratch: Callable[[], Path], kept: list[CardLab]) -> CardLab:
    if kept and not kept[-1].sound:
        kept.pop().close()
    if not kept:
        kept.append(CardLab(scratch()))
        kept[-1].start()
    kept[-1].sound = False
    return kept[-1]


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
    lab.over()
    lab.daemon.wait_ended(lab.name)
    assert lab.daemon.study(lab.name)["counts"] == {"completed": lab.trials}
    wait_until(lambda: lab.daemon.get("/v1/gpus")[0]["held_by"] == [], "a lease is left")
    lab.sound = True
