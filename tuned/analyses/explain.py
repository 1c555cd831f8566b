"""`explain TERM`: a term of the field, with the numbers that this study has for it.

Owns which numbers belong to which term; the words are the glossary's.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tuned.analyses.answer import Answer
from tuned.analyses.comparing.baseline import baseline_and_best
from tuned.analyses.comparing.compare import range_text
from tuned.analyses.curves.gradient_flows import flows
from tuned.analyses.curves.gradients import gradient_table
from tuned.analyses.curves.twins import twin
from tuned.analyses.examples.data_size import size_curve_table
from tuned.analyses.glossary import TERMS, close_to, look_up
from tuned.analyses.groups import text_of
from tuned.analyses.intervals import deviation
from tuned.analyses.model_size import size_table
from tuned.analyses.question import Question
from tuned.analyses.reporting.ledger import ledger_table
from tuned.analyses.space.sampling import gain_of_doubling
from tuned.analyses.stopping import measured
from tuned.analyses.study_data import StudyData
from tuned.analyses.table import Column, Table
from tuned.core.errors import InvalidInput
from tuned.core.space import Parameter
from tuned.core.words import duration

GOOD = 0.25


def explain(question: Question) -> Answer:
    """The meaning of a word, with this study's figures for it. Option `term`.

    Raises:
        InvalidInput: It is neither a term nor a parameter of the study.
    """
    question.allow("term")
    study, word = question.study, question.options.get("term", "")
    term = look_up(word)
    named = [p for p in study.space.tunable if word.lower() in (p.name.lower(), p.name.lower().rpartition(".")[2])]
    if term is not None and not named:
        named = [p for p in study.space.tunable if look_up(p.name.rpartition(".")[2]) == term]
    if term is None and not named:
        near = ", ".join(close_to(word)) or "tunectl explain, without a term, lists them"
        raise InvalidInput(f"{word!r} is no term of the glossary and no parameter", where="term", hint=near)
    notes = [f"{term[:1].upper()}{term[1:]}: {TERMS[term]}"] if term else []
    if study.spec.objective is not None and study.ranked:
        numbers = _NUMBERS.get(term or "")
        notes += [f"In {study.name}: {line}" for line in (numbers(study) if numbers else [])]
        made = [_parameter_table(study, parameter) for parameter in named]
        made += [table for make in _TABLES.get(term or "", ()) if (table := make(study)) is not None]
        tables = tuple(made)
    else:
        notes.append(f"{study.name} has no result yet that could show it.")
        tables = ()
    return Answer(tables=tables, notes=tuple(notes))


def _parameter_table(study: StudyData, parameter: Parameter) -> Table:
    """Where the good values lie."""
    ranked = [trial for trial in study.ranked if parameter.name in trial.params]
    good = ranked[: max(1, round(GOOD * len(ranked)))]
    rows: list[tuple[str, str | None]] = [("role", parameter.role), ("range", range_text(parameter))]
    if ranked:
        values = [trial.params[parameter.name] for trial in good]
        numbers = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        rows.append((f"best (trial {ranked[0].number})", text_of(ranked[0].params[parameter.name])))
        if len(numbers) == len(values):
            rows.append((f"best {len(good)} trials", f"{min(numbers):.4g} .. {max(numbers):.4g}"))
        else:
            words, counts = np.unique([text_of(value) for value in values], return_counts=True)
            order = np.argsort(-counts, kind="stable")
            rows.append((f"best {len(good)} trials", ", ".join(f"{words[i]} x{counts[i]}" for i in order)))
    return Table(
        f"explain.{parameter.name}", f"{parameter.name} in {study.name}", (Column("what"), Column("value")), tuple(rows)
    )


def _gap(study: StudyData) -> list[str]:
    pairs = [(trial.number, pair) for trial in study.ranked if (pair := twin(study, trial)) is not None]
    if not pairs:
        return [f"no training twin of {study.objective.metric} is reported, so the gap is not known."]
    number, best = pairs[0]
    typical = float(np.median([pair.gap for _, pair in pairs]))
    one = f"the best trial ({number}) has {best.train:.4g} in training and {best.validation:.4g} in validation"
    return [f"{one}, a gap of {best.gap:.3g}; the median gap of {len(pairs)} trials is {typical:.3g}."]


def _stopping(study: StudyData) -> list[str]:
    if study.spec.early_stopping is None:
        return ["early stopping is off: every trial runs to its end."]
    pruned = [trial for trial in study.searched if trial.state == "pruned"]
    told = [f"{study.spec.early_stopping.told} stopped {len(pruned)} of {len(study.searched)} trials early."]
    found = measured(study)
    if found is not None:
        share = f"{len(found.wrong)} of {len(found.rescued)}"
        told.append(
            f"of those that were let run on to measure it {share} should not have been stopped (90 % interval "
            f"{found.low:.0%} to {found.high:.0%})."
        )
    return told


def _failures(study: StudyData) -> list[str]:
    kinds: dict[str, int] = {}
    for trial in study.searched:
        if trial.failure:
            kinds[trial.failure] = kinds.get(trial.failure, 0) + 1
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "none"
    return [f"of {len(study.searched)} trials these failed: {listed}."]


def _noise(study: StudyData) -> list[str]:
    # The best of a search are there by luck, too: a confirmation's runs are compared with each other alone.
    by_point: dict[str, list[float]] = {}
    for trial in (*study.ranked, *study.repeated):
        point = repr((trial.stage, sorted(trial.params.items())))
        by_point.setdefault(point, []).append(trial.values[study.objective.metric])
    repeated = [values for values in by_point.values() if len(values) > 1]
    if not repeated:
        return [
            f"no setting was run twice, so its noise is not known: tunectl confirm {study.name} runs the best again."
        ]
    spread = math.hypot(*(deviation(values, 1) for values in repeated)) / math.sqrt(len(repeated))
    return [f"runs of the same setting differ by {spread:.3g} (standard deviation, {len(repeated)} settings)."]


def _gradients(study: StudyData) -> list[str]:
    seen = flows(study)
    if not seen:
        return ["no trial was watched: call trial.watch(model) before training."]
    norms = [flow.norm["p50"] for flow in seen if flow.norm]
    usual = f"the usual norm is {np.median(norms):.3g}; " if norms else ""
    vanished, exploded = sum(flow.vanished for flow in seen), sum(flow.exploded for flow in seen)
    found = f"of {len(seen)} watched trials gradients vanish in {vanished} and explode in {exploded}"
    return [f"{found}; {usual}tunectl advise {study.name} says where."]


def _more(study: StudyData) -> list[str]:
    errors = np.sort(study.sign * study.outcome(study.ranked))
    if len(errors) < 2:
        return []
    return [f"the best of {len(errors)} trials; twice as many would gain about {gain_of_doubling(errors):.3g}."]


def _time(study: StudyData) -> list[str]:
    known = [trial.seconds for trial in study.full if trial.seconds]
    return [f"a trial takes {duration(float(np.median(known)))} (median of {len(known)})."] if known else []


def _baseline(study: StudyData) -> list[str]:
    try:
        return [baseline_and_best(study).verdicts[0].what]
    except InvalidInput as error:
        return [f"{error}."]


def _origins(study: StudyData) -> list[str]:
    kinds: dict[str, list[float]] = {}
    for trial in study.ranked:
        kinds.setdefault(trial.origin or "unknown", []).append(trial.values[study.objective.metric])
    return [
        "points by origin: "
        + ", ".join(f"{len(v)} {kind} (median {np.median(v):.4g})" for kind, v in sorted(kinds.items()))
        + "."
    ]


_TABLES: dict[str, tuple[Callable[[StudyData], Table | None], ...]] = {
    **dict.fromkeys(("vanishing gradients", "exploding gradients", "gradient norm"), (gradient_table,)),
    **dict.fromkeys(("model size", "latency"), (size_table,)),
    "power law": (size_curve_table,),
    "slot": (ledger_table,),
}
"""Term -> tables that show it."""
_NUMBERS: dict[str, Callable[[StudyData], list[str]]] = {
    **dict.fromkeys(("gap", "overfitting", "underfitting", "regularisation", "validation set"), _gap),
    **dict.fromkeys(("early stopping", "asha", "rung", "pruned", "rescue"), _stopping),
    **dict.fromkeys(("infeasible", "divergence", "out of memory", "trial"), _failures),
    **dict.fromkeys(("noise", "seed"), _noise),
    **dict.fromkeys(
        ("vanishing gradients", "exploding gradients", "gradient norm", "gradient clipping", "warm-up", "activation"),
        _gradients,
    ),
    **dict.fromkeys(("quasi-random", "bayesian optimisation", "gaussian process", "evolution", "grid"), _origins),
    "best of n": _more,
    "throughput": _time,
    "baseline": _baseline,
}
"""Term -> sentences with the study's numbers."""
