"""Files of other programs, read without them: what Optuna wrote, and tables with one row a run."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

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
    with pytest.raises(InvalidInput, match="--study Old Sweep"):
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
    assert found.trials[3].params.get("act") is None
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
