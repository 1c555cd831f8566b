"""Whether the cards had enough to do: trials that wait for their data, cards that slow themselves down or idle.

Owns these rules. They judge by the daemon's own samples, never by a study without any.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.verdict import Verdict
from tuned.core.cards.packing import refusal
from tuned.core.trials.card_figures import SAMPLES

LEAST_SAMPLES = 12
"""Of a trial: a minute at the daemon's pace."""
LEAST_TRIALS = 4
STALLED = 0.25
"""Share of a trial's time in which it waits for its data while the card idles, from which on that is an alarm."""
THROTTLED = 0.1
BUSY = 40.0
"""Per cent of time busy below which a card is not used."""
MOST = 2 / 3
"""Of the trials must show it: a colleague's load on the cores, or one hot afternoon, is no property of the study."""


def device_rules(study: StudyData) -> Iterator[Verdict]:
    """Input-bound, throttled, underused; thresholds are ours.

    Input-bound: two thirds of the trials waited for data for a quarter of the time, at least. Throttled: two thirds ran
    for a tenth of it, at least, on a card that slowed itself down for heat or a weak supply. Underused: two thirds kept
    their card busy for less than 40 % of the time without waiting for data. Four trials of twelve samples are needed.
    """
    trials = [t for t in study.searched if t.card.get(SAMPLES, 0) >= LEAST_SAMPLES and t.state != "running"]
    if len(trials) < LEAST_TRIALS:
        return
    waiting = [t for t in trials if t.card.get("stalled", 0.0) >= STALLED]
    if len(waiting) >= MOST * len(trials):
        yield _input_bound(trials, waiting)
    hot = [t for t in trials if t.card.get("throttled", 0.0) >= THROTTLED]
    if len(hot) >= MOST * len(trials):
        yield _throttled(trials, hot)
    idle = [t for t in trials if t.card.get("utilisation", 100.0) < BUSY and t not in waiting]
    if len(idle) >= MOST * len(trials):
        yield _underused(study, trials, idle)


def _input_bound(trials: list[TrialData], these: list[TrialData]) -> Verdict:
    share, busy = _median(these, "stalled"), _median(trials, "utilisation")
    return Verdict(
        "warn",
        "device.input-bound",
        f"{len(these)} of {len(trials)} trials waited for their data: for {share:.0%} of the time the card idled while "
        f"the trial computed on the CPU (busy {busy:.0f}%).",
        {"trials": len(these), "of": len(trials), "stalled": share, "utilisation": busy},
        "Give the data loader more workers and cores (resources.cpus), or prepare the data once and keep it.",
        trials=_worst(these, "stalled"),
    )


def _throttled(trials: list[TrialData], these: list[TrialData]) -> Verdict:
    share, degrees = _median(these, "throttled"), max(t.card.get("degrees", 0.0) for t in these)
    return Verdict(
        "warn",
        "device.throttled",
        f"In {len(these)} of {len(trials)} trials the card slowed itself down, for {share:.0%} of the time, at up to "
        f"{degrees:.0f} °C.",
        {"trials": len(these), "of": len(trials), "throttled": share, "degrees": degrees},
        "See to its cooling and supply, or set a lower power limit (nvidia-smi -pl); times of trials differ by it.",
        trials=_worst(these, "throttled"),
    )


def _underused(study: StudyData, trials: list[TrialData], these: list[TrialData]) -> Verdict:
    busy, memory = _median(these, "utilisation"), _median(these, "peak_memory")
    why = refusal(study.spec)
    remedy = (
        f"Trials have a card each ({why}); leave that out, and they share cards by themselves."
        if why
        else ("Trials share cards where that brings anything (tunectl show); a larger batch uses a card better.")
    )
    return Verdict(
        "warn" if why else "info",
        "device.underused",
        f"{len(these)} of {len(trials)} trials kept their card busy for {busy:.0f}% of the time.",
        {"trials": len(these), "of": len(trials), "utilisation": busy, "peak_memory": memory},
        remedy,
        trials=_worst(these, "utilisation", least=True),
    )


def _median(trials: list[TrialData], name: str) -> float:
    return float(median([t.card[name] for t in trials if name in t.card] or [0.0]))


def _worst(trials: list[TrialData], name: str, least: bool = False) -> tuple[int, ...]:
    found = sorted(trials, key=lambda t: t.card.get(name, 0.0), reverse=not least)
    return tuple(t.number for t in found)
