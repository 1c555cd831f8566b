"""Ensembles of a study's best trials, from the predictions that they stored, against the best single one.

Owns the measurement: whatever is selected or fitted sees one part of the examples, and every figure comes from the
other part. With `test` that part is another split; without, each example is held out once (cross-fitting).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuned.analyses.answer import Answer
from tuned.analyses.examples.combine import (
    FOLDS,
    Floats,
    Loss,
    Losses,
    Targets,
    average,
    errors,
    greedy,
    log_loss,
    squared_errors,
    stack,
    vote,
)
from tuned.analyses.examples.predictions import DEFAULT_SPLIT, Predictions, read_predictions
from tuned.analyses.intervals import mean_of
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Column, Table
from tuned.analyses.verdict import Verdict
from tuned.core import words
from tuned.core.errors import InvalidInput

TOP = 10
REPEATS = 5
_COLUMNS = (
    Column("method"),
    Column("members", "count"),
    Column("metric", "number"),
    Column("sem", "number"),
    Column("gain", "number", "better than the single by"),
    Column("interval", "interval"),
)


@dataclass(frozen=True, slots=True)
class Members:
    """Models whose predictions are of the same examples, the best by the search first."""

    trials: tuple[TrialData, ...]
    said: tuple[Predictions, ...]
    targets: Targets

    @property
    def arrays(self) -> list[Floats]:
        """Each model's predictions."""
        return [p.probabilities for p in self.said]


@dataclass(frozen=True, slots=True)
class Measured:
    """A method on held-out examples: its loss on each, (examples,), and how many models it used (mean)."""

    method: str
    losses: Floats
    members: float


def ensemble(question: Question) -> Answer:
    """The result of combining the best trials.

    Options:
        top: Of how many of the best.
        split: Examples whose predictions select and fit.
        test: Another split that all figures come from; default: `split` itself, cross-fitted.

    Raises:
        InvalidInput: Fewer than two trials have predictions of the same examples.
    """
    question.allow("top", "split", "test")
    study, top = question.study, int(question.number("top", TOP))
    split, test = question.options.get("split", DEFAULT_SPLIT), question.options.get("test")
    members, notes = members_of(study, split, top)
    loss, name = _loss(members)
    if test is None:
        measured = cross_fitted(members.arrays, members.targets, loss)
    else:
        held, _ = members_of(study, test, top, only=[t.number for t in members.trials])
        same = [i for i, t in enumerate(members.trials) if t.number in {h.number for h in held.trials}]
        measured = on_other_split([members.arrays[i] for i in same], members.targets, held, loss)
    chosen = greedy(members.arrays, members.targets, _fitting(loss))
    names = [members.trials[i].number for i in sorted(set(chosen), key=lambda i: -chosen.count(i))]
    return _answer(study, measured, name, members, names, notes, test)


def members_of(study: StudyData, split: str, top: int, only: Sequence[int] | None = None) -> tuple[Members, list[str]]:
    """The best trials that stored predictions of one split with targets, brought into one order of examples.

    Raises:
        InvalidInput: There are fewer than two.
    """
    trials: list[TrialData] = []
    said: list[Predictions] = []
    notes: list[str] = []
    first: Predictions | None = None
    for trial in study.full:
        if len(trials) == top or (only is not None and trial.number not in only) or not trial.run_dir:
            continue
        found, trouble = read_predictions(trial.run_dir)
        notes += trouble
        own = found.get(split)
        if own is None or own.targets is None:
            continue
        if first is None:
            first = own
        ordered = own.ordered(first.ids)
        fits = ordered is not None and ordered.probabilities.shape == first.probabilities.shape
        if not fits or ordered is None or not np.array_equal(ordered.targets, first.targets):  # type: ignore[arg-type]
            notes.append(f"trial {trial.number} predicted other examples than trial {trials[0].number}: left out")
            continue
        trials.append(trial)
        said.append(ordered)
    if first is None or len(trials) < 2 or first.targets is None:
        raise InvalidInput(
            f"{words.count(len(trials), 'completed trial')} with predictions of {split!r}: an ensemble needs two",
            where=study.name,
            hint="trial.save_predictions(split, probabilities, targets), or predictions = ... in the study file",
        )
    return Members(tuple(trials), tuple(said), first.targets), notes


def _loss(members: Members) -> tuple[Losses, str]:
    return (errors, "error rate") if members.said[0].classes else (squared_errors, "squared error")


def _fitting(loss: Losses) -> Loss:
    """The loss of greedy selection: a smooth loss where there is one, since error rates have too many equals."""
    return log_loss if loss is errors else lambda said, targets: float(loss(said, targets).mean())


def evaluate(
    fit: Sequence[Floats], fit_targets: Targets, held: Sequence[Floats], held_targets: Targets, loss: Losses
) -> dict[str, tuple[Floats, int]]:
    """Each method's losses on held-out examples, and how many models it used.

    All that is chosen or fitted, the best single model included, is so on the other examples.
    """
    single = int(np.argmin([loss(m, fit_targets).mean() for m in fit]))
    picked = greedy(fit, fit_targets, _fitting(loss))
    found = {
        "best single": (loss(held[single], held_targets), 1),
        "average": (loss(average(held), held_targets), len(held)),
        "one by one": (loss(average([held[i] for i in picked]), held_targets), len(set(picked))),
        "stacking": (loss(stack(fit, fit_targets, held), held_targets), len(held)),
    }
    if fit[0].ndim == 2:
        found["majority vote"] = (loss(vote(held), held_targets), len(held))
    return found


def cross_fitted(models: Sequence[Floats], targets: Targets, loss: Losses, repeats: int = REPEATS) -> list[Measured]:
    """Every method, with each example held out once; again with other partitions, whose losses are averaged."""
    losses: dict[str, Floats] = {}
    used: dict[str, list[int]] = {}
    for repeat in range(repeats):
        parts = _parts(targets, models[0].ndim == 2, repeat)
        for part in range(FOLDS):
            inside, outside = parts != part, parts == part
            if not outside.any():
                continue
            fit, held = [m[inside] for m in models], [m[outside] for m in models]
            for method, (values, count) in evaluate(fit, targets[inside], held, targets[outside], loss).items():
                losses.setdefault(method, np.zeros(len(targets)))[outside] += values / repeats
                used.setdefault(method, []).append(count)
    return [Measured(method, values, float(np.mean(used[method]))) for method, values in losses.items()]


def _parts(targets: Targets, classes: bool, seed: int) -> np.ndarray:
    """(examples,) which part each example belongs to; classes are spread over the parts evenly."""
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(targets))
    if classes:
        order = order[np.argsort(targets[order], kind="stable")]
    parts = np.empty(len(targets), dtype=int)
    parts[order] = np.arange(len(targets)) % FOLDS
    return parts


def on_other_split(models: Sequence[Floats], targets: Targets, held: Members, loss: Losses) -> list[Measured]:
    """Every method fitted on one split and measured on another."""
    found = evaluate(models, targets, held.arrays, held.targets, loss)
    return [Measured(method, losses, float(used)) for method, (losses, used) in found.items()]


def _answer(
    study: StudyData,
    measured: Sequence[Measured],
    metric: str,
    members: Members,
    chosen: Sequence[int],
    notes: Sequence[str],
    test: str | None,
) -> Answer:
    single = next(m for m in measured if m.method == "best single")
    order = sorted(measured, key=lambda m: float(m.losses.mean()))
    best = order[0]
    rows, figures = [], []
    for m in order:
        own, better = mean_of(m.losses), mean_of(single.losses - m.losses)
        apart = m is not single
        said = (better.mean, better.interval) if apart else (None, None)
        rows.append((m.method, round(m.members), own.mean, own.sem, *said))
        figures.append({"method": m.method, "metric": own.mean, "gain": better.mean, "members": m.members})
    how = (
        f"every figure is from the split {test}, which nothing was chosen or fitted on; intervals are over its examples"
        if test
        else f"each example is held out from all selecting and fitting ({FOLDS} parts, {REPEATS} partitions); "
        "intervals are over examples, paired"
    )
    lowest, alone = float(best.losses.mean()), float(single.losses.mean())
    gain = float(single.losses.mean() - best.losses.mean())
    examples = len(single.losses)
    if best is single or gain <= 0:
        what = (
            f"no ensemble of {len(members.trials)} models beats the best single one ({metric} {best.losses.mean():.4g})"
        )
    else:
        what = (
            f"{best.method} has {metric} {lowest:.4g}, the best single model {alone:.4g} "
            f"({gain * examples:.0f} of {examples} examples)"
            if metric == "error rate"
            else f"{best.method} has {metric} {lowest:.4g}, the best single model {alone:.4g}"
        )
    if best is not single and gain > 0 and mean_of(single.losses - best.losses).low <= 0:
        what += "; that may be chance"
    evidence: dict[str, float | int | str] = {"gain": gain, "models": len(members.trials), "examples": examples}
    verdict = Verdict("info", "ensemble.gain", what, evidence, about=study.name, trials=tuple(chosen))
    return Answer(
        verdicts=(verdict,),
        tables=(Table("ensemble", f"Ensembles by {metric} on held-out examples", _COLUMNS, tuple(rows), (how,)),),
        notes=tuple(notes),
        figures={
            "methods": figures,
            "best": best.method,
            "single": members.trials[0].number,
            "members": [t.number for t in members.trials],
            "split": test or "cross-fitted",
        },
    )
