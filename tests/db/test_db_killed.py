"""What was acknowledged survives the death of the process that wrote it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from storage import queries

WRITER = Path(__file__).with_name("endless_writer.py")


@pytest.mark.crash
@pytest.mark.parametrize("acknowledged", [1, 40, 200])
def test_a_killed_writer_loses_nothing_it_had_acknowledged(tmp_path, open_lab, acknowledged):
    path = tmp_path / "tuned.db"
    with subprocess.Popen([sys.executable, str(WRITER), str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().split() for _ in range(acknowledged)]
        process.send_signal(signal.SIGKILL)
        said += [line.split() for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    assert process.returncode == -signal.SIGKILL
    assert len(said) >= acknowledged
    lab = open_lab(path)
    study = lab.ask(queries.study, "endless")
    assert study is not None
    trials = {trial.number: trial for trial in lab.ask(queries.trials, study.id)}
    for number, seq in said:
        trial = trials[int(number)]
        assert (trial.state, trial.values) == ("completed", {"loss": float(number)})
        assert int(seq) <= lab.ask(queries.last_event_seq)
        assert len(lab.ask(queries.observations, trial.id)) == 5
    # And nothing is there by halves.
    assert study.counts == dict(Counter(trial.state.value for trial in trials.values()))
    finished = [
        event.number for event in lab.events() if event.type == "trial.moved" and event.data["to"] == "completed"
    ]
    assert finished == [number for number, trial in sorted(trials.items()) if trial.state == "completed"]
    assert lab.sql("SELECT count(*) FROM observations") == [(5 * len(finished),)]
    assert lab.sql("PRAGMA foreign_key_check") == []
