"""Tables of trials: what the database filters and sorts is what the language says, page by page; long curves."""

from __future__ import annotations

import json
import math
import random
from itertools import chain, product

import pytest

from storage import queries, repository
from storage.queries import Order
from storage.repository import NewTrial
from tuned.core.errors import InvalidInput
from tuned.core.ranking import WATCH, Ranking, Tier
from tuned.core.space import Parameter, SearchSpace
from tuned.core.states import Actor, Failure
from tuned.core.study import Objective
from tuned.core.trials.filter import Columns, param_key, parse
from tuned.daemon.rows import trial_row

SPACE = SearchSpace(
    (
        Parameter("lr", "float", 1e-5, 1.0),
        Parameter("width", "int", 1, 64),
        Parameter("act", "choice", values=("relu", "Tanh", "16")),
        Parameter("amp", "bool"),
        Parameter("drop", "float", 0.0, 1.0),
    )
)
COLUMNS = Columns(SPACE.names, ("loss", "size"))
FILTERS = (
    "state:run", "state:run,wait", "!state:done", "lr<0.3", "lr>=.3 width<=20", "width=16", "!width=16", "width!=16",
    "act=relu", "act=TANH", "act!=relu", "act=16", "amp=true", "amp=0", "drop<2", "!drop<2", "value<0.5", "loss>0.2",
    "value!=0.25", "size<10", "size<=inf", "!size<inf", "step>3", "trial=7", "try=1", "origin=user", "failure=error",
    "stage=search", "relu", "tan", "#1", "boom", "!boom", "state:done lr<0.5 relu", "width<inf", "lr=0.1", "lr=1e-1",
)  # fmt: skip
SORTS = (
    "number", "value", "watch", "state", "priority", "step", "created", "started", "ended", "elapsed", "attempt",
    "origin", "device", *(f"params.{name}" for name in SPACE.names),
    *(f"metrics.{name}" for name in ("loss", "size", 'it"em', "never")),
)  # fmt: skip


@pytest.fixture
def filled(lab):
    """60 trials in all kinds of states, some without a value, with NaN, without a parameter."""
    draw = random.Random(5)
    objectives = (Objective("loss", "minimize", "last"), Objective("size", "minimize", "last"))
    study_id = lab.study("s", space=SPACE, objectives=objectives)
    for _ in range(60):
        params = {
            "lr": draw.choice([0.1, 0.1003, 0.3, draw.random()]),
            "width": draw.randint(14, 18),
            "act": draw.choice(["relu", "Tanh", "16"]),
            "amp": draw.random() < 0.5,
        }
        if draw.random() < 0.5:
            params["drop"] = draw.random()
        origin = draw.choice(["user", "sobol"])
        (trial_id,) = lab.queue(study_id, 1, params=params, origin=origin, priority=draw.randint(0, 2))
        kind = draw.choice(["queued", "running", "completed", "completed", "failed"])
        if kind == "queued":
            continue
        lab.claim(trial_id, now=1000.0 + draw.randint(0, 50))
        if draw.random() < 0.8:
            loss = draw.choice([math.nan, math.inf, draw.random(), 0.25])
            lab.report(trial_id, ('it"em', 1, draw.random()), ('it"em', 2, draw.choice([math.nan, draw.random()])))
            lab.report(trial_id, ("loss", draw.randint(1, 5), loss), ("size", 1, draw.choice([1.0, 20.0, math.nan])))
        if kind != "running":
            failed = kind == "failed"
            lab.do(
                repository.end_attempt, trial_id, 1, "exit_error" if failed else "exit_ok", Actor.REAPER,
                2000.0 + draw.randint(0, 50), exit_record={}, failure=Failure.ERROR if failed else None,
                reason="Boom: it broke" if failed else "", traceback="",
            )  # fmt: skip
    return study_id


def test_the_database_and_the_language_agree(lab, filled):
    rows = [trial_row(trial) for trial in lab.ask(queries.trials, filled)]
    for text in FILTERS:
        found = parse(text)
        expected = [row.number for row in rows if found.matches(row, COLUMNS)]
        order = Order(filled, COLUMNS, found)
        assert lab.ask(queries.trial_numbers, order) == expected, text
        assert lab.ask(queries.trial_count, order) == len(expected), text


def test_the_filters_separate(lab, filled):
    """Each of the filters above passes some trials and stops others, or it would show nothing."""
    counts = {text: lab.ask(queries.trial_count, Order(filled, COLUMNS, parse(text))) for text in FILTERS}
    assert [t for t, n in counts.items() if n in (0, 60) and t not in ("width<inf", "stage=search", "!width=16")] == []


def test_pages_are_parts_of_one_order(lab, filled):
    for sort, text, descending in product(SORTS, ["", "!state:fail", "relu lr>0.1"], [False, True]):
        order = Order(filled, COLUMNS, parse(text), sort, descending, now=3000.0)
        whole = lab.ask(queries.trial_numbers, order)
        assert len(whole) == len(set(whole)) == lab.ask(queries.trial_count, order), order
        pages = [lab.ask(queries.trial_numbers, order, 7, offset) for offset in range(0, 63, 7)]
        assert list(chain.from_iterable(pages)) == whole, order
        assert [trial.number for trial in lab.ask(queries.trial_page, order, 7, 7)] == pages[1]


def test_orders_are_by_value_and_the_rest_comes_last(lab, filled):
    trials = {trial.number: trial for trial in lab.ask(queries.trials, filled)}

    def sorted_by(sort, descending=False):
        return [trials[n] for n in lab.ask(queries.trial_numbers, Order(filled, COLUMNS, parse(""), sort, descending))]

    ranking = Ranking("loss")
    known = sorted((trial for trial in trials.values() if ranking.tier(trial) < Tier.NONE), key=ranking.key)
    for descending, wanted in ((False, known), (True, known[::-1])):
        found = sorted_by("value", descending)
        assert [t.values["loss"] for t in found[: len(known)]] == [t.values["loss"] for t in wanted]
        assert {trial.state for trial in found[: len(known)]} == {"completed"}
        assert {ranking.tier(trial) for trial in found[len(known) :]} == {Tier.NONE}
    keys = [param_key(trial.params["act"]) for trial in sorted_by("params.act")]
    assert keys == sorted(keys)
    drops = [trial.params.get("drop") for trial in sorted_by("params.drop", descending=True)]
    has = [drop for drop in drops if drop is not None]
    assert has == sorted(has, reverse=True) and set(drops[len(has) :]) == {None}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("metric", ["loss", "size", 'it"em'])
def test_an_order_by_a_metric_is_by_what_tables_show_of_it(lab, filled, metric, descending):
    trials = {trial.number: trial for trial in lab.ask(queries.trials, filled)}
    order = Order(filled, COLUMNS, sort=f"metrics.{metric}", descending=descending)
    found = [trials[number] for number in lab.ask(queries.trial_numbers, order)]
    shown = [{**lab.ask(queries.last_values, trial.id), **trial.values}.get(metric, math.nan) for trial in found]
    has = [value for value in shown if not math.isnan(value)]
    assert 10 < len(has) < 60 and has == sorted(has, reverse=descending)
    assert all(math.isnan(value) for value in shown[len(has) :])


@pytest.mark.parametrize("descending", [False, True])
def test_watching_shows_the_live_ones_before_the_order_by_value(lab, filled, descending):
    trials = {trial.number: trial for trial in lab.ask(queries.trials, filled)}
    live = [number for number, trial in trials.items() if trial.state == "running"]
    by_value, watched = (
        lab.ask(queries.trial_numbers, Order(filled, COLUMNS, parse(""), sort, descending)) for sort in ("value", WATCH)
    )
    assert live and watched == sorted(live, reverse=True) + [number for number in by_value if number not in live]


def test_names_with_a_dot_can_be_sorted_by(lab):
    study_id = lab.study()
    for value in (2, 1):
        lab.queue(study_id, 1, params={"a.b": value})
    assert lab.ask(queries.trial_numbers, Order(study_id, sort="params.a.b")) == [2, 1]


def test_unknown_names_and_orders_are_refused(lab, filled):
    with pytest.raises(InvalidInput, match="no 'lrr'"):
        lab.ask(queries.trial_count, Order(filled, COLUMNS, parse("lrr<1")))
    for sort in ("nonsense", "params.", "metrics.", "id"):
        with pytest.raises(InvalidInput, match="cannot be sorted"):
            lab.ask(queries.trial_numbers, Order(filled, COLUMNS, parse(""), sort))


def test_a_changed_point_is_found_by_its_new_values(lab):
    study_id = lab.study("s")
    lab.do(repository.add_trials, study_id, [NewTrial({"lr": 0.1, "width": 3}, "sobol")], 1.0)
    lab.do(lambda conn: conn.exec_driver_sql("UPDATE trials SET params = ?", (json.dumps({"lr": 0.9}),)).rowcount)
    assert lab.sql("SELECT name, num FROM trial_params") == [("lr", 0.9)]


def test_a_deleted_study_leaves_no_parameters(lab):
    study_id = lab.study("s")
    lab.queue(study_id, 3)
    lab.do(repository.delete_study, study_id, 1.0)
    assert lab.sql("SELECT count(*) FROM trial_params") == [(0,)]


def test_a_long_curve_keeps_its_extremes_and_its_ends(lab):
    (trial_id,) = lab.queue(lab.study("s"), 1)
    lab.claim(trial_id)
    values = [math.sin(step / 50) for step in range(5000)]
    values[1234], values[4000] = 9.0, -9.0
    values[2000:2100] = [math.nan] * 100
    lab.report(trial_id, *(("loss", float(step), value) for step, value in enumerate(values)))
    found = lab.ask(queries.thinned, trial_id, None, 200)
    assert 150 <= len(found) <= 210
    known = {o.step: o.value for o in found}
    assert known[1234.0] == 9.0 and known[4000.0] == -9.0
    assert found[-1].step == 4999.0 and any(math.isnan(v) and 2000 <= s < 2100 for s, v in known.items())
    assert all(math.isnan(v) if math.isnan(values[int(s)]) else v == values[int(s)] for s, v in known.items())


def test_replaced_steps_are_not_in_a_thinned_curve(lab):
    (trial_id,) = lab.queue(lab.study("s"), 1)

    def write(conn):
        for attempt, first in ((1, 0), (2, 500)):
            for step in range(first, 1000):
                conn.exec_driver_sql(
                    "INSERT INTO observations VALUES (?, 'loss', ?, ?, ?, 0)", (trial_id, attempt, step, attempt)
                )

    lab.do(write)
    found = lab.ask(queries.thinned, trial_id, "loss", 100)
    assert {o.attempt for o in found if o.step < 500} == {1} and {o.attempt for o in found if o.step >= 500} == {2}
    assert len(lab.ask(queries.thinned, trial_id, "loss", 2000)) == 1500


def test_the_best_so_far(lab):
    study_id = lab.study("s")
    for end, loss in enumerate([0.5, 0.7, math.nan, 0.2, 0.3]):
        (trial_id,) = lab.queue(study_id, 1)
        lab.claim(trial_id)
        lab.report(trial_id, ("loss", 1, loss))
        lab.do(
            repository.end_attempt, trial_id, 1, "exit_ok", Actor.REAPER, 10.0 + end,
            exit_record={}, failure=None, reason="", traceback="",
        )  # fmt: skip
    study = lab.ask(queries.study, "s")
    assert lab.ask(queries.best_so_far, study) == (4, [(1, 1, 0.5), (3, 4, 0.2)])
