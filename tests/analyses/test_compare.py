"""Two studies, baseline and best, two-way tables, model sizes, words."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.analyses.made import curve, searched, study, trial
from tests.analyses.recorded import recorded
from tuned.analyses import glossary
from tuned.analyses.comparing.compare import compare
from tuned.analyses.explain import explain
from tuned.analyses.model_size import model_size, size_table
from tuned.analyses.parameters.two_way import two_way_table
from tuned.analyses.question import Question
from tuned.analyses.reporting.ledger import ledger
from tuned.analyses.study_data import StudyData
from tuned.core.errors import InvalidInput
from tuned.core.space.text import read_value
from tuned.core.study import EarlyStopping

SPACE = {"x": {"type": "float", "low": 0.0, "high": 1.0}, "y": {"type": "float", "low": 0.0, "high": 1.0}}


def at(best: float, name: str, count: int = 24) -> StudyData:
    made = searched(SPACE, lambda p: (p["x"] - best) ** 2 + 0.05 * (p["y"] - 0.5) ** 2, count)
    return replace(made, name=name)


def verdicts(question: Question) -> Mapping[str, Any]:
    return {v.code: v for v in compare(question).verdicts}


def test_conclusions_that_carry_over() -> None:
    found = verdicts(Question(at(0.7, "old"), others=(at(0.72, "new"),)))
    assert found["compare.correlation"].evidence["rank_correlation"] > 0.9
    assert found["compare.old-best"].level == "info" and found["compare.old-best"].evidence["rank"] <= 3


def test_conclusions_that_do_not() -> None:
    found = verdicts(Question(at(0.9, "old"), others=(at(0.1, "new"),)))
    assert found["compare.correlation"].evidence["rank_correlation"] < 0
    old_best = found["compare.old-best"]
    assert old_best.level == "warn" and "tune again" in old_best.what
    assert "rank 2" in old_best.what and "of 24 in new" in old_best.what


def test_a_setting_that_was_not_tried_is_offered() -> None:
    other = replace(searched(SPACE, lambda p: p["x"], 40), name="new")
    other = replace(other, trials=tuple(t for t in other.trials if t.params["x"] < 0.5))
    verdict = verdicts(Question(at(0.95, "old"), others=(other,)))["compare.untried"]
    assert verdict.command.startswith("tunectl enqueue new x=0.9")


def test_the_offered_setting_can_be_typed() -> None:
    space = {**SPACE, "net": {"type": "choice", "values": ["res net", "a;b"]}}
    old = replace(searched(space, lambda p: p["net"] == "a;b", 24), name="old")
    other = replace(searched(space, lambda p: p["x"], 40), name="new")
    other = replace(other, trials=tuple(t for t in other.trials if t.params["net"] == "a;b"))
    verdict = verdicts(Question(old, others=(other,)))["compare.untried"]
    typed = shlex.split(verdict.command)
    assert read_value(typed[-1].removeprefix("net=")) == "res net"


def test_what_cannot_be_compared() -> None:
    with pytest.raises(InvalidInput, match="two studies"):
        compare(Question(at(0.5, "a"), others=(at(0.5, "b"), at(0.5, "c"))))
    with pytest.raises(InvalidInput, match="no trial"):
        compare(Question(at(0.5, "a"), others=(study([], SPACE),)))
    nothing = compare(
        Question(at(0.5, "a"), others=(replace(searched({"z": SPACE["x"]}, lambda p: 1.0, 4), name="b"),))
    )
    assert "share no parameter" in nothing.notes[0]


def test_baseline_and_best() -> None:
    made = at(0.7, "s")
    third = made.trials[2]
    search = replace(made.spec.search, points=(("mine", made.trials[5].params), ("baseline", third.params)))
    answer = compare(Question(replace(made, spec=replace(made.spec, search=search))))
    (verdict,) = answer.verdicts
    assert verdict.trials == (made.ranked[0].number, 3)
    assert verdict.evidence["gain"] == pytest.approx(third.values["val_loss"] - made.ranked[0].values["val_loss"])
    assert {row[0] for row in answer.tables[0].rows} == {"val_loss", "seconds", "x", "y"}


def test_two_ways_with_train_validation_and_gap() -> None:
    space = {"depth": {"type": "int", "low": 1, "high": 3}, "reg": {"type": "choice", "values": ["none", "l2"]}}
    trials = [
        trial(1, [2.0, 1.0, 1.5], {"depth": 1, "reg": "none"}, train=[2.0, 0.8, 0.1]),
        trial(2, [2.0, 0.9, 0.8], {"depth": 3, "reg": "l2"}, train=[2.0, 0.8, 0.7]),
        trial(3, [2.0, 1.2, 1.1], {"depth": 3, "reg": "l2"}, train=[2.0, 0.8, 0.7]),
    ]
    rows = {row[:2]: row[2:] for row in two_way_table(study(trials, space), "depth", "reg").rows}
    assert rows["1", "none"] == (1, 1.0, 1, 1.0, 0.8, pytest.approx(0.2))  # training at the best validation step
    assert rows["3", "l2"] == (2, 0.8, 2, pytest.approx(0.95), pytest.approx(0.7), pytest.approx(0.25))
    assert rows["1", "l2"] == (0, None, None, None, None, None)
    with pytest.raises(InvalidInput, match="no such parameter"):
        two_way_table(study(trials, space), "depth", "width")


def of_sizes(loss: Any, gap: Any) -> StudyData:
    trials = []
    for i in range(32):
        size = 10.0 ** (2 + i / 8)
        value = loss(size)
        made = trial(i + 1, [3.0, value], {"x": 0.5}, train=[3.0, value - gap(size)])
        trials.append(replace(made, curves={**made.curves, "parameters": curve([size])}))
    return study(trials)


def test_no_gain_beyond_a_size_and_the_gap_that_grows() -> None:
    made = of_sizes(lambda n: max(1.0, 3.0 - n / 500), lambda n: 1e-5 * n)
    (verdict,) = model_size(made)
    assert verdict.code == "size.no-gain" and 900 < verdict.evidence["enough"] < 15000
    assert "the gap between training and validation grows" in verdict.what
    table = size_table(made)
    assert table is not None and sum(row[1] for row in table.rows) == 32
    (larger,) = model_size(of_sizes(lambda n: 3.0 - 0.4 * len(str(int(n))), lambda n: 0.1))
    assert larger.code == "size.still-gaining"
    assert list(model_size(at(0.5, "s"))) == []


def test_the_ledger_adds_up() -> None:
    made = study(
        [
            trial(1, [1.0] * 10),
            trial(2, [1.0] * 5, state="pruned", started_at=10.0),
            trial(3, [1.0] * 3, state="failed", failure="oom", started_at=16.0),
            replace(trial(4, [1.0]), started_at=None, seconds=None, state="queued"),
        ]
    )
    converged = trial(5, [1.0] * 7, state="pruned", stopped_by="patience")
    assert {e.what: e.seconds for e in ledger(study([*made.trials, converged])).entries}["converged"] == 7.0
    account = ledger(made)
    assert {e.what: (e.trials, e.seconds) for e in account.entries} == {
        "completed": (1, 10.0), "stopped early": (1, 5.0), "failed: oom": (1, 3.0),
        "idle, or with other studies": (0, 1.0),
    }  # fmt: skip
    assert account.total == account.wall == 19.0


class TestWords:
    def test_every_other_spelling_leads_to_a_term(self) -> None:
        assert set(glossary.SAME.values()) <= set(glossary.TERMS)
        assert not set(glossary.SAME) & set(glossary.TERMS)
        assert glossary.look_up("Learning_Rate") == "learning rate" and glossary.look_up("epochs") == "epoch"
        assert glossary.look_up("warm up") == "warm-up" and glossary.look_up("nonsense") is None
        assert "overfitting" in glossary.close_to("overfiting")

    @pytest.mark.parametrize("term", sorted(glossary.TERMS))
    def test_every_term_is_explained_with_a_real_study(self, term: str) -> None:
        made = recorded("healthy-regularizer")
        made = replace(made, spec=replace(made.spec, early_stopping=EarlyStopping()))
        answer = explain(Question(made, {"term": term}))
        assert answer.notes[0].lower().startswith(term)

    def test_a_parameter_is_shown_where_its_good_values_lie(self) -> None:
        answer = explain(Question(recorded("healthy-regularizer"), {"term": "regularizer"}))
        rows = dict(answer.tables[0].rows)
        assert rows["role"] == "scientific" and "dropout" in rows["range"]
        with pytest.raises(InvalidInput, match="no term"):
            explain(Question(recorded("healthy-regularizer"), {"term": "xyzzy"}))
