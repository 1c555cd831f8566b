"""What holds for trials in every place, whichever engine starts them: each engine's tests take these over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import wait_until
from tests.places.lab import AnyPlacedLab

ONE = {"search": {"method": "sobol", "trials": 1, "seed": 1}}
CARD = {"resources": {"gpus": 1}}


def best(lab: AnyPlacedLab, name: str) -> Any:
    """A study's counts, its best trial and that one's values."""
    study = lab.daemon.study(name)
    return study["counts"], study["best"]["number"], study["best"]["values"]


class AnyEngine:
    """Tests of a lab; `handed_over` lists what its engine was given, by name. Both fixtures are the engine's."""

    def test_the_same_study_here_and_there_with_a_daemon_killed_in_between(
        self, lab_there: AnyPlacedLab, handed_over: Callable[[], list[str]]
    ) -> None:
        lab = lab_there
        before = lab.begun()
        twelve = {"search": {"method": "sobol", "trials": 12, "parallel": 4, "seed": 1}}
        there = lab.submit("there", **twelve)
        here = lab.submit("here", **twelve, run={"place": "", "start": "cold"})
        wait_until(lambda: lab.daemon.study(there)["counts"].get("completed", 0) >= 3, "three are done")
        lab.kill("daemon")
        lab.restart()
        lab.wait_at_rest(here, there)
        assert best(lab, there) == best(lab, here)
        assert lab.daemon.study(there)["counts"] == {"completed": 12}
        words = [line.split() for line in lab.journal.read_text().splitlines()]
        begun = Counter(attempt for word, attempt, _ in words if word == "begin")
        assert len(begun) == before + 24, "a trial ran in two attempts"
        assert set(begun.values()) == {1}, "an attempt ran twice"
        names = handed_over()
        mine = [names.count(lab.name_of(there, number)) for number in range(1, 13)]
        assert mine == [1] * 12, "an attempt was handed over twice"

    @pytest.mark.parametrize("window", ["directory.created", "place.submit", "place.submitted", "exit.seen"])
    def test_a_daemon_killed_in_a_window_of_an_attempt(self, lab_there: AnyPlacedLab, window: str) -> None:
        lab = lab_there
        before = lab.begun()
        lab.arm(window)
        name = lab.study(**ONE)
        lab.in_background(lab.send)
        lab.wait_parked(window)
        lab.kill("daemon")
        lab.restart()
        wait_until(lambda: name in {row["name"] for row in lab.daemon.get("/v1/studies")}, "the study is known")
        lab.wait_at_rest(name)
        assert lab.daemon.study(name)["counts"] == {"completed": 1}
        assert lab.begun() == before + 1
