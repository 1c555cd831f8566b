"""What a trial did with its card: the samples, and their sum in tables and words."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tests.gpus.standin import GIB, Cards
from tuned.cli.verbs.trials import trials_table
from tuned.core.trials.card_figures import figures, in_words, is_stalled, spent
from tuned.core.trials.wishes import Told
from tuned.daemon.attempts import sampling
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.machine.slots import Ours, Slots
from tuned.nvidia import Nvidia
from tuned.wire import TrialRow


@pytest.mark.parametrize(
    ("busy", "cores", "stalled"), [(5.0, 1.0, True), (50.0, 1.0, False), (5.0, 0.1, False), (None, 1.0, None)]
)
def test_a_card_that_idles_while_its_trial_computes_waits_for_data(
    busy: float | None, cores: float | None, stalled: bool | None
) -> None:
    assert is_stalled(busy, cores) is stalled


def test_samples_of_two_cards_become_figures_of_the_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hot = {"utilisation": 4, "power": 200_000, "energy": 3_600_000, "temperature": 80, "throttle": 0x40}
    cool = {"utilisation": 6, "power": 50_500, "energy": 0, "temperature": 40, "throttle": 0x04}
    cards = Cards(tmp_path / "cards", {"uuid": "GPU-a", **hot}, {"uuid": "GPU-b", **cool}).here(monkeypatch)
    cards.set(0, processes={7: 2 * GIB})
    cards.set(1, processes={7: GIB, 9: GIB})
    slots, now = Slots(Nvidia(), 1), [100.0]
    monkeypatch.setattr(sampling.time, "monotonic", lambda: now[0])
    attempt = LiveAttempt(1, "digits", 1, 1, "a", tmp_path, "GPU-a,GPU-b")
    slots.lease(attempt.device, attempt.holder)
    sampling._record(slots, attempt, {7}, 10.0)
    cards.set(0, energy=3_600_000 + 7_200_000)
    slots._take(slots._driver.look(), Ours({attempt.holder: {7}}))
    attempt.samples.clear()
    now[0] = 105.0
    sampling._record(slots, attempt, {7}, 15.0)
    assert {name: value for name, _, value, _ in attempt.samples} == {
        "gpu/memory_bytes": 3 * GIB,
        "gpu/utilisation": 5.0,
        "gpu/watts": 250.5,
        "gpu/watt_hours": 2.0,
        "gpu/degrees": 80.0,
        "gpu/throttled": 1.0,
        "gpu/stalled": 1.0,
    }


@pytest.mark.parametrize(
    ("moved", "counts"), [(None, {"gpu/memory_bytes", "gpu/watt_hours"}), ((7,), {"gpu/watt_hours"})]
)
def test_while_it_stands_still_only_what_it_keeps_and_costs_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: tuple[int, ...] | None, counts: set[str]
) -> None:
    """A night of standing still made a busy trial one that left its card idle, or took next to no memory."""
    idle = {"utilisation": 0, "power": 60_000, "energy": 0, "temperature": 40, "throttle": 0x04}
    cards = Cards(tmp_path / "cards", {"uuid": "GPU-a", **idle}).here(monkeypatch)
    cards.set(0, processes={} if moved else {7: 2 * GIB})
    slots, told = Slots(Nvidia(), 1), Told(frozen=True, moved=moved)
    attempt = LiveAttempt(1, "digits", 1, 1, "a", tmp_path, "GPU-a", told=told)
    slots.lease(attempt.device, attempt.holder)
    for seconds in (10.0, 10.0):
        sampling._record(slots, attempt, {7}, seconds)
    assert {name for name, *_ in attempt.samples} == counts


@pytest.mark.parametrize(("second", "told"), [({"power": 50_000}, 3.0), ({}, None)])
def test_a_card_without_a_counter_counts_by_its_power_and_without_both_there_is_no_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: dict[str, int], told: float | None
) -> None:
    first = {"uuid": "GPU-a", "power": 200_000, "energy": 0}
    cards = Cards(tmp_path / "cards", first, {"uuid": "GPU-b", **second}).here(monkeypatch)
    slots, now = Slots(Nvidia(), 1), [100.0]
    monkeypatch.setattr(sampling.time, "monotonic", lambda: now[0])
    attempt = LiveAttempt(1, "digits", 1, 1, "a", tmp_path, "GPU-a,GPU-b")
    slots.lease(attempt.device, attempt.holder)
    sampling._record(slots, attempt, {7}, 10.0)
    cards.set(0, energy=7_200_000)
    slots._take(slots._driver.look(), Ours({attempt.holder: {7}}))
    attempt.samples.clear()
    now[0] += 72.0
    sampling._record(slots, attempt, {7}, 15.0)
    assert {name: value for name, _, value, _ in attempt.samples}.get("gpu/watt_hours") == told


def test_energy_counts_on_over_a_restart_of_the_daemon_and_of_the_driver() -> None:
    assert [spent(before, now) for before, now in ((None, 50.0), (50.0, 80.0), (80.0, 10.0))] == [0.0, 30.0, 10.0]


def row(number: int, **card: float) -> TrialRow:
    known: dict[str, Any] = dict.fromkeys(field.name for field in fields(TrialRow))
    texts = {"study": "digits", "state": "completed", "origin": "sobol", "device": "GPU-a", "slot": "gpu:0"}
    numbers = {"number": number, "priority": 0, "attempt": 1}
    metrics = {"acc": 0.5, "gpu/watts": 200.0}
    more = {
        "params": {},
        "values": {},
        "metrics": metrics,
        "metrics_left": 0,
        "reason": "",
        "question": "",
        "card": card,
    }
    return TrialRow(**{**known, **texts, **numbers, **more})


def test_the_trials_have_a_few_figures_of_their_cards(capsys: pytest.CaptureFixture[str]) -> None:
    trials_table([row(1, peak_memory=3 * GIB, utilisation=34.4, watt_hours=12.0, stalled=0.0), row(2)])
    headings, first, second = capsys.readouterr().out.splitlines()
    assert headings.split() == ["number", "state", "acc", "memory", "busy", "Wh", "origin", "device"]
    assert "3.0 GiB   34%  12" in first and "gpu:0" in first and second.split().count("-") == 3
    trials_table([row(1, stalled=0.4)])
    assert capsys.readouterr().out.split()[3] == "stalled", "what was seen to be wrong has a column"


def test_figures_are_summed_up_and_told() -> None:
    sums = {
        "gpu/memory_bytes": (2, 2.0 * GIB, 3.0 * GIB),
        "gpu/utilisation": (2, 34.0, 38.0),
        "gpu/watts": (2, 210.0, 220.0),
        "gpu/watt_hours": (2, 6.0, 12.0),
        "gpu/degrees": (2, 66.0, 71.0),
        "gpu/throttled": (2, 0.0, 0.0),
        "gpu/stalled": (2, 0.5, 1.0),
    }
    found = figures(sums, 12.0)
    assert (found["peak_memory"], found["mean_memory"], found["samples"]) == (3 * GIB, 2 * GIB, 2)
    told = "peak 3.0 GiB, 34% busy, 210 W, 12 Wh, up to 71 °C, waited for data 50% of the time"
    assert in_words(found) == told
    assert in_words(figures({}, None)) == ""
