"""The winner of a study is a fair one, through a real daemon: cut, failing, undecided and peeking trials included."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

FOLDED = """
import time, tuned
trial = tuned.current_trial()
if trial.params["x"] == 1:
    trial.report(loss=0.48)  # the mean of three easy folds of five
    while not trial.should_stop():
        time.sleep(0.02)
else:
    trial.report(loss=0.66 + trial.params["x"] / 1000)
"""
FAILING = """
import sys, tuned
trial = tuned.current_trial()
x = trial.params["x"]
if x == 9 or (trial.stage == "confirm" and x in (1, 7)):
    sys.exit("this point cannot be trained")
if trial.stage == "finalize":
    trial.report(test_loss=x)
else:
    trial.report(loss=x / 10 + trial.seed / 2**34)
"""
OVERFIT = """
import time, tuned
trial = tuned.current_trial()
x = trial.params["x"]
if trial.stage == "test":
    trial.report(test_loss=x)
for step in range(1, 10 if trial.stage != "test" else 1):
    # All overfit alike: what is seen at the rung is better than any end.
    trial.report(step=step, loss=(0.2 if step < 4 else 0.6) + x / 100)
    while step == 3 and x > 2 and trial.stage == "search" and not trial.should_stop():
        time.sleep(0.02)
    if trial.should_stop():
        break
"""
SHIFTED = """
import tuned
trial = tuned.current_trial()
trial.report(loss=1 - trial.params["x"] / 64 + (trial.seed % 3 if trial.stage == "confirm" else 0))
"""
SAVING = """
import tuned
trial = tuned.current_trial()
if trial.stage == "test":
    trial.report(test_loss=0.5)
else:
    sure = 0.5 + trial.params["x"] / 20
    for split in ("validation", "holdout"):
        trial.save_predictions(split, [[sure, 1 - sure], [1 - sure, sure]] * 10, targets=[0, 1] * 10)
    trial.report(loss=1 - sure)
"""
PLAIN = """
import tuned
trial = tuned.current_trial()
trial.report(loss=trial.params["x"] / 10, latency=9.0 + trial.params["x"])
"""
CLOSE = """
import tuned
trial = tuned.current_trial()
trial.report(test_loss=1.0)
if trial.stage == "search":
    trial.report(loss=1 - trial.params["x"] / 100)
elif trial.stage == "confirm":
    # Good and bad seeds in turn, and the better point is better by luck alone.
    trial.report(loss=1 - trial.params["x"] / 1000 + (trial.seed * (1 + trial.params["x"]) % 97) / 97)
"""


def study(name: str, script: str, tmp_path: Path, points: list[dict[str, Any]], **over: Any) -> dict[str, Any]:
    path = tmp_path / f"{name}.py"
    path.write_text(script)
    return {
        "name": name,
        "run": {"script": str(path), "python": sys.executable, "retries": {"error": 0}},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "int", "low": 0, "high": 9}},
        "search": {"trials": len(points), "method": "sobol", "parallel": 1, "point": points},
        **over,
    }


def steps(daemon: DaemonProcess, name: str) -> dict[str, Any]:
    return {step["id"]: step for step in daemon.get(f"/v1/studies/{name}/steps")["steps"]}


def take(daemon: DaemonProcess, name: str, step: str, **options: Any) -> dict[str, Any]:
    taken = daemon.post(f"/v1/studies/{name}/steps", {"step": step, "options": options})
    daemon.wait_ended(name)
    found: dict[str, Any] = steps(daemon, name)[taken["changed"]]
    return found


def test_a_trial_that_was_cut_is_no_winner(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon = shared_daemon
    points = [{"x": 1}, {"label": "baseline", "x": 3}, {"x": 2}]
    daemon.submit(study("cut", FOLDED, tmp_path, points), tmp_path)
    daemon.until(lambda: daemon.trials("cut")[0]["values"] == {"loss": 0.48}, "no value")
    daemon.post("/v1/prune", {"targets": ["cut/1"]})
    ended = daemon.wait_ended("cut")
    assert ended["best"] == {
        "number": 3,
        "params": {"x": 2},
        "values": {"loss": 0.662},
        "cut": False,
        "confirmed": None,
        "of": 2,
        "shrunk": None,
    }
    first = daemon.trials("cut")[0]
    assert (first["state"], first["stopped_by"]) == ("pruned", "user")
    listed = [row["number"] for row in daemon.get("/v1/studies/cut/trials", sort="value")]
    assert listed == [3, 2, 1]
    assert [row["number"] for row in daemon.get("/v1/studies/cut/best", top=9)] == [3, 2]
    compared = daemon.get("/v1/studies/cut/analysis/compare")["verdicts"][0]
    assert compared["trials"] == [3, 2] and "0.662" in compared["what"], compared
    confirmed = take(daemon, "cut", "confirm", top=2, seeds=2, max_seeds=2)
    assert confirmed["result"]["candidates"] == [3] and confirmed["result"]["baseline"] == 2


def test_trials_that_a_rung_cut_are_left_out_wherever_results_are_told(
    shared_daemon: DaemonProcess, tmp_path: Path
) -> None:
    daemon = shared_daemon
    points = [{"x": 1}, {"label": "baseline", "x": 2}, {"x": 0}, {"x": 3}, {"x": 4}, {"x": 5}]
    made = study("over", OVERFIT, tmp_path, points, test={"metric": "test_loss"})
    made["objective"]["summary"] = "last"
    made["early_stopping"] = {"method": "asha", "min_step": 3, "max_step": 9, "rescue": 0.0}
    daemon.submit(made, tmp_path)
    ended = daemon.wait_ended("over")
    assert ended["counts"] == {"completed": 3, "pruned": 3}
    assert (ended["best"]["number"], ended["best"]["values"], ended["best"]["of"]) == (3, {"loss": 0.6}, 3)
    rows = daemon.get("/v1/studies/over/trials", sort="value")
    assert [row["number"] for row in rows] == [3, 1, 2, 4, 5, 6] and rows[3]["values"]["loss"] < 0.3
    assert [row["number"] for row in daemon.get("/v1/studies/over/best", top=9)] == [3, 1, 2]

    effects = daemon.get("/v1/studies/over/analysis/effects", option="param=x")
    bins = [row for table in effects["tables"] for row in table["rows"]]
    assert {table["name"] for table in effects["tables"]} == {"effects.x", "isolation.x"}
    assert bins and all(row["best"] >= 0.6 for row in bins), bins
    assert any("3 trials that were stopped early are left out" in note for note in effects["notes"])
    compared = daemon.get("/v1/studies/over/analysis/compare")["verdicts"][0]
    assert compared["trials"] == [3, 2] and "0.6" in compared["what"], compared
    page = daemon.get("/v1/studies/over/analysis/report")["files"]["report.html"]
    assert "The best 3 trials" in page and "best loss" in page[: page.index("<nav>")]

    final = take(daemon, "over", "finalize")
    assert (final["state"], final["result"]["configuration"], final["result"]["value"]) == ("done", 3, 0.0), final

    # Where nothing has run to its end the cut ones are ranked, and marked.
    alone = study("alone", OVERFIT, tmp_path, [{"x": 3}])
    daemon.submit(alone, tmp_path)
    daemon.until(lambda: daemon.trials("alone")[0]["last_step"] == 3, "no third step")
    daemon.post("/v1/prune", {"targets": ["alone/1"]})
    assert (daemon.wait_ended("alone")["best"]["number"], daemon.study("alone")["best"]["cut"]) == (1, True)


def test_failing_is_an_outcome_and_a_baseline_without_results_loses(
    shared_daemon: DaemonProcess, tmp_path: Path
) -> None:
    daemon = shared_daemon
    points = [{"x": 2}, {"label": "baseline", "x": 9}, {"x": 1}, {"x": 4}]
    daemon.submit(study("fails", FAILING, tmp_path, points, test={"metric": "test_loss"}), tmp_path)
    daemon.wait_ended("fails")
    step = take(daemon, "fails", "confirm", top=3, seeds=2)
    result = step["result"]
    assert (result["winner"], result["outcome"]) == (1, "adopted"), step
    assert "trial 2 gave no result in 2 repetitions" in step["why"]
    rows = {row["number"]: row for row in result["configurations"]}
    assert (rows[3]["failed"], rows[3]["decision"]) == (2, "undecided") and rows[2]["decision"] == "baseline"
    final = take(daemon, "fails", "finalize")
    assert (final["state"], final["result"]["configuration"], final["result"]["looks"]) == ("done", 1, 1), final

    # Where no configuration gives a result there is no winner, and the step says why.
    nothing = study("nothing", FAILING, tmp_path, [{"x": 1}, {"label": "baseline", "x": 7}])
    daemon.submit(nothing, tmp_path)
    daemon.wait_ended("nothing")
    step = take(daemon, "nothing", "confirm", top=1, seeds=2)
    assert step["state"] != "done" and "winner" not in step["result"], step
    assert "none of 4 repetitions gave a result" in step["why"] and "this point cannot be trained" in step["why"]


def test_two_seeds_with_equal_differences_adopt_nothing(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon = shared_daemon
    points = [{"label": "baseline", "x": 0}, *({"x": x} for x in (1, 2, 3, 4, 5))]
    daemon.submit(study("equal", SHIFTED, tmp_path, points), tmp_path)
    daemon.wait_ended("equal")
    result = take(daemon, "equal", "confirm", top=1, seeds=2, max_seeds=2)["result"]
    (candidate,) = [row for row in result["configurations"] if row["decision"] != "baseline"]
    assert (result["outcome"], candidate["decision"]) == ("undecided", "undecided")
    low, high = candidate["interval"]
    assert low < candidate["effect"] < high, "an interval has a width"

    # A best that nobody has repeated is shown with an estimate, by the noise of those that were.
    daemon.post("/v1/studies/equal/enqueue", {"points": [{"x": 9}]})
    daemon.until(lambda: daemon.study("equal")["best"]["number"] > 6, "no new best")
    daemon.wait_ended("equal")
    best = daemon.study("equal")["best"]
    assert best["confirmed"] is None and best["shrunk"] > best["values"]["loss"]
    told = daemon.post("/v1/summary", {"client": "me", "since": 0.0})
    assert next(row for row in told["studies"] if row["name"] == "equal")["best"] == best


def test_repetitions_that_were_queued_by_hand_stand_beside_the_best(
    shared_daemon: DaemonProcess, tmp_path: Path
) -> None:
    """Equal ones too: `best` said "one run, not confirmed"."""
    daemon = shared_daemon
    daemon.submit(study("again", PLAIN, tmp_path, [{"label": "baseline", "x": 3}, {"x": 2}]), tmp_path)
    daemon.wait_ended("again")
    daemon.post("/v1/studies/again/enqueue", {"points": [{"x": 2}], "seeds": 3})
    daemon.until(lambda: daemon.study("again")["counts"].get("completed") == 5, "no repetitions")
    best = daemon.study("again")["best"]
    assert best["confirmed"] == {"mean": 0.2, "sem": None, "runs": 3, "failed": 0, "equal": True}


def test_where_every_trial_breaks_a_constraint_confirm_and_finalize_say_so(
    shared_daemon: DaemonProcess, tmp_path: Path
) -> None:
    daemon = shared_daemon
    bounds = {"constraint": [{"metric": "latency", "at_most": 5}], "finalize": {"args": ["--all"]}}
    daemon.submit(study("bound", PLAIN, tmp_path, [{"x": 1}, {"x": 2}], **bounds), tmp_path)
    daemon.wait_ended("bound")
    for step in ("confirm", "finalize"):
        with pytest.raises(Exception, match=r"all 2 trials with a result break a constraint \(latency <= 5\)"):
            daemon.post("/v1/studies/bound/steps", {"step": step, "options": {}})


def test_close_points_get_more_seeds_and_an_undecided_final_is_called_so(
    shared_daemon: DaemonProcess, tmp_path: Path
) -> None:
    daemon = shared_daemon
    with pytest.raises(Exception, match="loss is the objective: a search that improves it has used the test set up"):
        daemon.submit(study("close", CLOSE, tmp_path, [{"x": 0}], test={"metric": "loss"}), tmp_path)
    peeks = study("peeks", CLOSE, tmp_path, [{"x": 0}], objective={"metric": "test_loss", "direction": "minimize"})
    assert any("uses the test set up" in note for note in daemon.submit(peeks, tmp_path)["notes"])
    points = [{"label": "baseline", "x": 0}, {"x": 5}]
    daemon.submit(study("close", CLOSE, tmp_path, points, test={"metric": "test_loss"}), tmp_path)
    daemon.wait_ended("close")
    step = take(daemon, "close", "confirm", top=1, seeds=2, max_seeds=4)
    result = step["result"]
    assert result["outcome"] in ("undecided", "baseline")
    # A second round where the candidate's mean is the better one so far, and the count of both looks.
    assert result["looks"] in ([2, 4], [2]) and result["seeds"] == result["looks"][-1]
    final = take(daemon, "close", "finalize")["result"]
    assert final["configuration"] == result["winner"]
    if result["outcome"] == "undecided":
        assert final["why"].startswith("undecided")
    # Every trial of the search and of the confirmation has seen the test set.
    seen = 2 + 2 * result["seeds"]
    assert final["looks"] == seen + 1 and final["unplanned"] == f"{seen} trials before it reported test_loss"


def test_an_ensemble_on_the_test_set_is_a_look(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon = shared_daemon
    made = study("looked", SAVING, tmp_path, [{"x": 1}, {"x": 5}, {"x": 7}], test={"metric": "test_loss"})
    daemon.submit(made, tmp_path)
    daemon.wait_ended("looked")
    with pytest.raises(Exception, match=r"no predictions|absent"):
        daemon.get("/v1/studies/looked/analysis/ensemble", option="test=absent")
    assert daemon.get("/v1/studies/looked/analysis/ensemble", option="test=holdout")["tables"]
    final = take(daemon, "looked", "finalize")
    assert (final["state"], final["result"]["looks"]) == ("done", 2), final
    assert final["result"]["unplanned"] == "1 analysis of an ensemble measured on it"
    assert "measured on 2 times" in final["why"]
