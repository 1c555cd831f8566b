"""Files of other programs, read without them: what Optuna wrote, and tables with one row a run."""

from __future__ import annotations

import gzip
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tuned.client import optuna_files
from tuned.client.csv_table import read_table
from tuned.client.imported import PIECE, Found, calls, ended, space_of
from tuned.client.optuna_files import read_optuna
from tuned.core.errors import InvalidInput

FILES = Path(__file__).parent / "optuna_files"


@pytest.fixture(params=["store.db", "journal.log"])
def optuna_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    path.write_bytes(gzip.decompress((FILES / f"{request.param}.gz").read_bytes()))
    return path


def test_a_study_of_optuna_comes_over_with_space_curves_and_ends(optuna_file: Path) -> None:
    found = read_optuna(optuna_file, "Old Sweep", ["val_loss"])
    assert (found.name, found.question, found.left_out) == ("Old Sweep", "Which optimiser?", 1)
    assert list(found.objectives) == [("val_loss", "minimize")]
    assert found.space["lr"] == {"type": "float", "low": 1e-5, "high": 1e-1, "log": True}
    assert found.space["width"] == {"type": "int", "low": 8, "high": 64, "log": False}
    assert found.space["act"] == {"type": "choice", "values": ["relu", "tanh"]} and found.space["amp"] == {
        "type": "bool"
    }
    assert [t.state for t in found.trials] == ["completed"] * 3 + [
        "pruned",
        "completed",
        "failed",
        "completed",
        "pruned",
    ]
    for trial in found.trials:
        assert (trial.params["act"] == "relu") == ("dropout" in trial.params)
        assert isinstance(trial.params["width"], int) and isinstance(trial.params["amp"], bool)
        expected = trial.params["lr"] * trial.params["width"] + trial.params.get("dropout", 0.0)
        assert trial.curve[0] == [0.0, pytest.approx(expected + 1)]
        assert trial.started_at is not None and trial.ended_at is not None and trial.started_at <= trial.ended_at
        if trial.state == "completed":
            assert trial.values == {"val_loss": pytest.approx(expected)} and len(trial.curve) == 3
        elif trial.state == "pruned":
            assert trial.values == {"val_loss": pytest.approx(expected + 0.5)}


def test_which_study_is_asked_where_there_are_several(optuna_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--study 'Old Sweep'"):
        read_optuna(optuna_file, None)
    with pytest.raises(InvalidInput, match="no study 'old'"):
        read_optuna(optuna_file, "old")
    two = read_optuna(optuna_file, "two")
    assert list(two.objectives) == [("value_1", "minimize"), ("value_2", "maximize")]
    assert two.trials[0].values["value_2"] == 1.0
    for text in (b"", b"hello\n", b'{"a": 1}\n', b"SQLite format 3\0 but no more", b"\xff\xfe"):
        (tmp_path / "other").write_bytes(text)
        with pytest.raises(InvalidInput):
            read_optuna(tmp_path / "other", None)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    path.write_bytes(gzip.decompress((FILES / "store.db.gz").read_bytes()))
    return path


def test_of_a_store_with_many_studies_one_is_read(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled, fill = [], optuna_files._fill

    def counted(conn: Any, study_id: int, trials: Any) -> None:
        filled.append(study_id)
        fill(conn, study_id, trials)

    monkeypatch.setattr(optuna_files, "_fill", counted)
    assert len(read_optuna(store, "Old Sweep").trials) == 8 and len(filled) == 1


def test_a_store_of_an_older_optuna_says_how_it_is_upgraded(store: Path) -> None:
    with sqlite3.connect(store) as conn:
        conn.execute("ALTER TABLE trial_values DROP COLUMN value_type")
    conn.close()
    with pytest.raises(InvalidInput, match=r"before 3.0 \(optuna storage upgrade --storage sqlite:///.*store.db\)"):
        read_optuna(store, "Old Sweep")


TABLE = """Name,State,config/optim/lr,config/layers,config/bias,config/act,summary/val_loss,acc
a,finished,1e-4,2,true,relu,0.5,0.8
b,finished,0.1,3,false,tanh,0.4,0.9
c,crashed,0.01,2,true,relu,,
d,running,0.01,2,true,relu,0.9,
e,finished,0.01,4,true,none,NaN,0.1
"""


def test_a_table_is_read_through_a_map_of_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(TABLE)
    found = read_table(path, [("val_loss", "summary/val_loss"), ("acc", "acc")], "minimize")
    assert [t.state for t in found.trials] == ["completed", "completed", "failed", "failed"] and found.left_out == 1
    assert found.trials[0].params == {"optim.lr": 1e-4, "layers": 2, "bias": True, "act": "relu"}
    assert found.trials[0].values == {"val_loss": 0.5, "acc": 0.8}
    assert found.trials[3].params["act"] == "none", "a word of the study's own, in a column of words"
    assert found.space["optim.lr"] == {"type": "float", "low": 1e-4, "high": 0.1, "log": True}
    assert found.space["layers"] == {"type": "int", "low": 2, "high": 4, "log": False}
    one = read_table(path, [("loss", "summary/val_loss")], "minimize", [("lr", "config/optim/lr")])
    assert set(one.space) == {"lr"}
    for metric, params, said in (
        ("loss", (), "no column 'loss'"),
        ("acc", [("lr", "config/lr")], "no column 'config/lr'"),
    ):
        with pytest.raises(InvalidInput, match=said):
            read_table(path, [(metric, metric)], "minimize", params)


def test_what_some_points_lack_depends_on_the_choice_that_tells_them(optuna_file: Path) -> None:
    found = read_optuna(optuna_file, "Old Sweep")
    (first, *_) = calls(found, "s")
    assert first.body.study["space"]["dropout"]["when"] == {"act": "relu"}
    assert not [name for name, entry in first.body.study["space"].items() if "when" in entry and name != "dropout"]


def test_pieces_are_bounded_and_the_ends_are_marked() -> None:
    trials = [ended({"x": i}, "completed", {"loss": float(i)}) for i in range(2 * PIECE + 1)]
    found = Found("s", "file", [("loss", "minimize")], space_of([t.params for t in trials]), trials)
    bodies = [call.body for call in calls(found, "s")]
    assert [(len(b.trials), b.first, b.last) for b in bodies] == [
        (500, True, False),
        (500, False, False),
        (1, False, True),
    ]
    with pytest.raises(InvalidInput, match="no trial in it has ended"):
        list(calls(Found("s", "file", [("loss", "minimize")], {}, []), "s"))


@pytest.mark.parametrize(
    ("cell", "value"), [("None", None), ("null", None), ("NaN", None), ("", None), ("none", "none")]
)
def test_what_is_left_out_of_a_column_of_words(tmp_path: Path, cell: str, value: str | None) -> None:
    (tmp_path / "t.csv").write_text(f"params.reg,loss\nl1,1\nl2,2\n{cell},3\n")
    found = read_table(tmp_path / "t.csv", [("loss", "loss")], "minimize")
    assert found.trials[2].params.get("reg") == value


def test_a_column_of_numbers_stays_one_where_cells_are_none_or_nan(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("params.lr,loss\n0.1,1\nnan,2\nnone,3\n0.2,4\n")
    found = read_table(tmp_path / "t.csv", [("loss", "loss")], "minimize")
    assert found.space["lr"] == {"type": "float", "low": 0.1, "high": 0.2, "log": False}
    assert [t.params for t in found.trials] == [{"lr": 0.1}, {}, {}, {"lr": 0.2}]


def test_our_own_table_comes_back_with_its_lost_trials_failed(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("number,state,params.lr,values.loss\n1,completed,0.1,1\n2,lost,0.2,0.5\n")
    found = read_table(tmp_path / "t.csv", [("loss", "values.loss")], "minimize")
    assert [t.state for t in found.trials] == ["completed", "failed"]


def journal(tmp_path: Path, *operations: dict[str, Any], rest: str = "") -> Path:
    path = tmp_path / "journal.log"
    path.write_text("".join(json.dumps({"worker_id": "w", **one}) + "\n" for one in operations) + rest)
    return path


def made(name: str) -> dict[str, Any]:
    return {"op_code": 0, "study_name": name, "directions": [1]}


def begun(study: int, **more: Any) -> dict[str, Any]:
    return {"op_code": 4, "study_id": study, "datetime_start": "2026-01-01T00:00:00+00:00", **more}


def given(trial: int, value: float, low: float, high: float) -> dict[str, Any]:
    form = {"name": "IntDistribution", "attributes": {"log": False, "step": 1, "low": low, "high": high}}
    known = {"op_code": 5, "trial_id": trial, "param_name": "k", "param_value_internal": value}
    return {**known, "distribution": json.dumps(form)}


def over(trial: int, value: float | None, state: int = 1) -> dict[str, Any]:
    values = None if value is None else [value]
    return {"op_code": 6, "trial_id": trial, "state": state, "values": values, "datetime_complete": "2026-01-01T01:00Z"}


def test_a_study_that_was_asked_for_again_is_one_study_and_moves_no_other(tmp_path: Path) -> None:
    """`create_study(load_if_exists=True)` writes the operation with each run of the script."""
    path = journal(tmp_path, made("a"), made("a"), begun(0), over(0, 1.0), made("b"), begun(1), over(1, 2.0))
    assert [t.values for t in read_optuna(path, "a").trials] == [{"value": 1.0}]
    assert [t.values for t in read_optuna(path, "b").trials] == [{"value": 2.0}]
    again = journal(tmp_path, made("a"), begun(0), over(0, 1.0), made("a"))
    assert len(read_optuna(again, None).trials) == 1, "the only one"


def test_a_trial_of_a_deleted_study_uses_up_no_number(tmp_path: Path) -> None:
    gone = {"op_code": 1, "study_id": 0}
    path = journal(tmp_path, made("a"), gone, begun(0), made("a"), begun(1), over(0, 2.0))
    assert [t.values for t in read_optuna(path, "a").trials] == [{"value": 2.0}]


def test_a_trial_that_has_ended_stays_as_it_is(tmp_path: Path) -> None:
    late = {"op_code": 7, "trial_id": 0, "step": 9, "intermediate_value": 7.0}
    path = journal(tmp_path, made("a"), begun(0), given(0, 2, 1, 4), over(0, 1.0), over(0, None, 3), late)
    (trial,) = read_optuna(path, None).trials
    assert (trial.state, trial.values, trial.curve) == ("completed", {"value": 1.0}, [])


def test_a_trial_that_waited_began_when_it_was_taken(tmp_path: Path) -> None:
    taken = {"op_code": 6, "trial_id": 0, "state": 0, "values": None, "datetime_start": "2026-01-01T00:30:00+00:00"}
    path = journal(tmp_path, made("a"), begun(0, datetime_start=None, state=4), taken, over(0, 1.0))
    (trial,) = read_optuna(path, None).trials
    assert trial.started_at is not None and trial.ended_at == trial.started_at + 1800


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    path = journal(tmp_path, made("a"), begun(0), over(0, 1.0), rest='{"op_code": 4, "stu')
    assert len(read_optuna(path, None).trials) == 1
    broken = journal(tmp_path, made("a"), begun(0), rest='{"op_code": 4, "stu\n' + json.dumps(over(0, 1.0)) + "\n")
    with pytest.raises(InvalidInput, match="is no file of Optuna's"):
        read_optuna(broken, None)


@pytest.mark.parametrize("ends", [((1, 1), (1, 4)), ((1, 4), (1, 1))])
def test_a_range_that_was_one_value_at_first_spans_all_of_them(
    tmp_path: Path, ends: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    (one, two) = ends
    path = journal(
        tmp_path, made("a"), begun(0), given(0, 1, *one), over(0, 1.0), begun(0), given(1, 1, *two), over(1, 2.0)
    )
    assert read_optuna(path, None).space["k"] == {"type": "int", "low": 1, "high": 4, "log": False}
    alone = journal(tmp_path, made("a"), begun(0), given(0, 1, 1, 1), over(0, 1.0))
    assert read_optuna(alone, None).space["k"] == {"type": "fixed", "value": 1}


@pytest.fixture
def _far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "XXX-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_far_east")
def test_a_moment_without_a_zone_is_by_the_local_clock(tmp_path: Path) -> None:
    def begin(text: str) -> float | None:
        path = journal(tmp_path, made("a"), begun(0, datetime_start=text), over(0, 1.0))
        return read_optuna(path, None).trials[0].started_at

    there = begin("2026-01-01T09:00:00.000000")
    assert there == begin("2026-01-01T00:00:00+00:00") == 1767225600.0
