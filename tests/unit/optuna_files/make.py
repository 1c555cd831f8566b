"""Writes the two files beside it with Optuna: `python tests/unit/optuna_files/make.py`, where that is installed."""

from __future__ import annotations

import gzip
import tempfile
import warnings
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

HERE = Path(__file__).parent


def objective(trial: optuna.Trial) -> float:
    lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    width = trial.suggest_int("width", 8, 64)
    act = trial.suggest_categorical("act", ["relu", "tanh"])
    dropout = trial.suggest_float("dropout", 0.0, 0.5) if act == "relu" else 0.0
    trial.suggest_categorical("amp", [True, False])
    for step in range(3):
        trial.report(lr * width + dropout + 1 / (step + 1), step)
        if trial.number % 4 == 3 and step == 1:
            raise optuna.TrialPruned
    if trial.number == 5:
        raise ValueError("no luck")
    return lr * width + dropout


def fill(storage: object) -> None:
    study = optuna.create_study(storage=storage, study_name="Old Sweep", sampler=optuna.samplers.RandomSampler(seed=1))
    study.set_user_attr("question", "Which optimiser?")
    study.optimize(objective, n_trials=8, catch=ValueError)
    study.ask()  # still running
    two = optuna.create_study(storage=storage, study_name="two", directions=["minimize", "maximize"])
    two.optimize(lambda t: (t.suggest_float("x", 0, 1), 1.0), n_trials=2)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        fill(f"sqlite:///{folder}/store.db")
        (HERE / "store.db.gz").write_bytes(gzip.compress(Path(folder, "store.db").read_bytes(), mtime=0))
        fill(JournalStorage(JournalFileBackend(f"{folder}/journal.log")))
        (HERE / "journal.log.gz").write_bytes(gzip.compress(Path(folder, "journal.log").read_bytes(), mtime=0))
