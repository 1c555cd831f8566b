"""`probe`: what a ladder of batch sizes measured: peak memory, examples a second, the knee, where memory ended.

Owns the verdicts `batch.*` and the table behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuned.analyses.answer import Answer
from tuned.analyses.naming import is_batch_size
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Cell, Column, Table
from tuned.analyses.verdict import Verdict, sort_verdicts
from tuned.core.errors import InvalidInput

WORTH = 1.25
"""A doubling of the batch must bring this factor of throughput to be worth it: half way (in logarithms, about a third)
from nothing to the doubling that the playbook expects of hardware with room left."""
NEARLY_DOUBLE = 1.7
IDLE_GPU = 60.0
"""Per cent of utilisation below which a GPU waits for its input."""
FASTER_EPOCHS = 0.8
SPEED_NAMES = ("examples_per_second", "examples_per_s", "samples_per_second", "samples_per_s", "throughput", "it_per_s")
STEPS = ("updates", "epochs")


@dataclass(frozen=True, slots=True)
class Rung:
    """One batch size: seconds from one report's step to the next, examples a second, bytes, per cent; None: unknown."""

    batch: int
    trial: TrialData
    step_s: float | None
    speed: float | None
    memory: float | None
    utilisation: float | None


def probe(question: Question) -> Answer:
    """The ladder as a table, and the knee.

    Options: `param` names the batch size (default: by its name); `steps` says what a reported step is, `updates` or
    `epochs` (default: guessed, and the guess is said).
    """
    question.allow("param", "steps")
    study = question.study
    name = question.options.get("param") or next((p.name for p in study.space.tunable if is_batch_size(p.name)), "")
    parameter = study.parameter(name)
    trials = [t for t in study.searched if t.started_at is not None and isinstance(t.params.get(parameter.name), int)]
    if not trials:
        raise InvalidInput("no trial has run with a batch size", where=study.name)
    trials.sort(key=lambda t: int(t.params[name]))
    unit, guess = _unit(question, name, trials)
    rungs = [_rung(t, name, unit) for t in trials]
    return Answer(
        verdicts=sort_verdicts(verdicts(study, name, rungs, unit)),
        tables=(_table(study, name, rungs, unit),),
        notes=(guess,) if guess else (),
        figures={"steps_are": unit, "knee": knee(rungs)},
    )


def _unit(question: Question, name: str, trials: Sequence[TrialData]) -> tuple[str, str]:
    """The unit of a reported step; and its source, where it is a guess."""
    given = question.options.get("steps", "")
    if given:
        if given not in STEPS:
            raise InvalidInput(f"{given!r} is no unit of steps", where="steps", hint="updates or epochs")
        return given, ""
    if any(s in t.curves for t in trials for s in SPEED_NAMES):
        return "reported", ""
    timed = [(int(t.params[name]), step_seconds(t)) for t in trials]
    known = [(batch, s) for batch, s in timed if s is not None]
    if len(known) >= 2 and known[-1][1] < FASTER_EPOCHS * known[0][1]:
        return (
            "epochs",
            "Steps get shorter as the batch grows, so a step is taken for an epoch (else: --steps updates).",
        )
    return "updates", "A reported step is taken for one update (else: --steps epochs, where speeds are relative)."


def step_seconds(trial: TrialData) -> float | None:
    """Seconds a step between reports; None without times. The lower quartile: other work on the machine only slows.

    The first interval is left out: it warms up.
    """
    curves = [c for name, c in trial.curves.items() if not name.startswith("gpu/") and len(c) >= 3]
    if not curves:
        return None
    curve = max(curves, key=len)
    times, steps = np.diff(curve.times)[1:], np.diff(curve.steps)[1:]
    usable = np.isfinite(times) & (steps > 0)
    if not usable.any():
        return None
    found = float(np.quantile(times[usable] / steps[usable], 0.25))
    return found if found > 0 else None


def _rung(trial: TrialData, name: str, unit: str) -> Rung:
    batch = int(trial.params[name])
    step_s = step_seconds(trial)
    speed = None
    if unit == "reported":
        reported = next((trial.curves[s].finite.values for s in SPEED_NAMES if s in trial.curves), np.empty(0))
        speed = float(np.median(reported)) if len(reported) else None
    elif step_s is not None:
        speed = 1.0 / step_s if unit == "epochs" else batch / step_s
    busy = trial.curve("gpu/utilisation").finite.values
    # On a GPU the process's own memory is not what runs out, and a short rung may have ended between two samples.
    memory = None if trial.device.startswith("GPU-") and trial.memory_kind != "gpu" else trial.peak_memory
    return Rung(batch, trial, step_s, speed, memory, float(np.median(busy)) if len(busy) else None)


def knee(rungs: Sequence[Rung]) -> int | None:
    """The smallest batch beyond which no larger one is worth its doublings; None without two speeds.

    A larger one is worth them when it brings `WORTH` times the throughput for each. Looking at all larger ones, a rung
    that something else on the machine slowed down ends nothing.
    """
    known = [(r.batch, r.speed) for r in rungs if r.speed is not None and not _out_of_memory(r)]
    if len(known) < 2:
        return None
    for i, (batch, speed) in enumerate(known):
        if all(larger < speed * WORTH ** np.log2(size / batch) for size, larger in known[i + 1 :]):
            return batch
    return None


def _out_of_memory(rung: Rung) -> bool:
    return rung.trial.failure == "oom"


def verdicts(study: StudyData, name: str, rungs: Sequence[Rung], unit: str) -> list[Verdict]:
    """`batch.knee`, `batch.bottleneck`, `batch.memory`: all info, since none of them is a fault of the study.

    [3, 4, 5] The knee is the smallest batch beyond which no doubling brings 1.25 times the throughput; a bottleneck is
    said where the first doubling brought less than 1.7 times, and blamed on the input where the GPU was busy less than
    60 % of the time.
    """
    found = []
    at = knee(rungs)
    by_batch = {r.batch: r for r in rungs}
    if at is not None:
        chosen = by_batch[at]
        found.append(
            Verdict(
                "info", "batch.knee",
                f"Up to {name} = {at} each doubling pays ({_speed(chosen, unit)}); beyond, it brings less than "
                f"{WORTH:g} times the throughput" + ("." if at != rungs[-1].batch else ", or was not tried."),
                {"knee": at, "throughput": chosen.speed or 0.0, "peak_memory": chosen.memory or 0.0},
                f"Fix {name} = {at}, then tune learning rate and regularisation for it: they depend on the batch size.",
                f"tunectl submit {study.name.partition('-probe-')[0]}.toml --set space.{name}={at} --as NAME", name,
                (chosen.trial.number,),
            )
        )  # fmt: skip
    known = [r for r in rungs if r.speed is not None and not _out_of_memory(r)]
    if len(known) >= 2 and known[0].speed and known[1].speed:
        gain = known[1].speed / known[0].speed
        if gain < NEARLY_DOUBLE:
            starved = known[0].utilisation is not None and known[0].utilisation < IDLE_GPU
            found.append(_bottleneck(name, known, gain, starved))
    failed = next((r for r in rungs if _out_of_memory(r)), None)
    if failed is not None:
        fits = max((r.batch for r in rungs if r.batch < failed.batch), default=0)
        found.append(
            Verdict("info", "batch.memory", f"Memory ends between {name} = {fits} and {failed.batch}.",
                    {"fits": fits, "does_not": failed.batch}, "", "", name, (failed.trial.number,))
        )  # fmt: skip
    return found


def _bottleneck(name: str, known: Sequence[Rung], gain: float, starved: bool) -> Verdict:
    first, second = known[0], known[1]
    what = f"From {first.batch} to {second.batch} throughput grows {gain:.2g} times only: something else limits it"
    remedy = "On a CPU this is usual; on a GPU look at data loading and at transfers."
    evidence: dict[str, float | int | str] = {"gain": gain}
    if first.utilisation is not None:
        evidence["gpu_utilisation"] = first.utilisation
    if starved:
        what += ", most likely its input"
        remedy = "The GPU waits: more loader workers, pinned memory, less work for each example."
    return Verdict("info", "batch.bottleneck", what + ".", evidence, remedy, "", name)


def _speed(rung: Rung, unit: str) -> str:
    return f"{rung.speed:.4g} {'epochs' if unit == 'epochs' else 'examples'} a second"


def _table(study: StudyData, name: str, rungs: Sequence[Rung], unit: str) -> Table:
    rows: list[tuple[Cell, ...]] = []
    before: float | None = None
    for r in rungs:
        gain = r.speed / before if r.speed is not None and before else None
        outcome = r.trial.failure or r.trial.state
        rows.append((r.batch, r.trial.number, outcome, r.memory, r.step_s, r.speed, gain, r.utilisation))
        before = r.speed
    columns = (
        Column("batch", "count", name), Column("trial", "count"), Column("outcome"),
        Column("peak_memory", "bytes", "peak memory"), Column("step_s", "seconds", "a step"),
        Column("throughput", "number", "epochs/s" if unit == "epochs" else "examples/s"),
        Column("gain", "number", "times the one before"), Column("gpu", "number", "GPU busy %"),
    )  # fmt: skip
    kind = next((r.trial.memory_kind for r in rungs if r.memory is not None), "")
    where = {"gpu": "GPU memory", "ram": "the process's resident memory"}.get(kind, "memory")
    return Table("probe", f"{study.name}: {name} by powers of two", columns, tuple(rows), (f"Peak: {where}.",))
