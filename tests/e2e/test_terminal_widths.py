"""Tables on real terminals: a person sees each trial's number, state and value at every width."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import textwrap

import pytest

from tests.e2e.tunectl_process import DEADLINE_S, Tunectl

SCRIPT = """
    import tuned
    trial = tuned.current_trial()
    trial.report(step=0, validation_loss=trial.params["learning_rate"])
"""
NAMES = ("hidden_units", "number_of_layers", "momentum_of_the_optimizer", "weight_decay")
STUDY = """
    question = "Does it fit?"
    [run]
    script = "wide.py"
    [objective]
    metric = "validation_loss"
    direction = "minimize"
    [space]
    learning_rate = {{ type = "float", low = 0.1, high = 5.0 }}
    epochs_of_training = 20
    {more}
    [search]
    method = "sobol"
    trials = 3
"""


def on_terminal(tunectl: Tunectl, columns: int, *words: str) -> list[str]:
    """The lines that a verb prints on a terminal of this width, without colours."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "tuned.cli", *words],
        env={**tunectl.env, "TERM": "xterm-256color", "COLUMNS": "77"},
        cwd=tunectl.work,
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    data = b""
    try:
        while chunk := os.read(leader, 65536):
            data += chunk
    except OSError:  # the last writer has closed the terminal
        pass
    finally:
        os.close(leader)
    assert process.wait(DEADLINE_S) == 0, data.decode()
    return re.sub(r"\x1b\[[0-9;]*m", "", data.decode()).replace("\r", "").splitlines()


@pytest.mark.e2e
def test_number_state_and_value_are_on_every_terminal(tunectl: Tunectl) -> None:
    (tunectl.work / "wide.py").write_text(textwrap.dedent(SCRIPT))
    more = "\n    ".join(f"{name} = {{ type = 'float', low = 0.001, high = 0.9 }}" for name in NAMES)
    (tunectl.work / "wide.toml").write_text(textwrap.dedent(STUDY.format(more=more)))
    tunectl("submit", "wide.toml", "--wait")
    losses = {row["number"]: f"{row['values']['validation_loss']:.5g}" for row in tunectl.json("trials", "wide")}
    for columns in (60, 80, 120, 160):
        lines = on_terminal(tunectl, columns, "trials", "wide")
        assert max(map(len, lines[1:])) <= columns, "\n".join(lines)
        assert lines[0] == "the same in all of these trials: epochs_of_training=20"
        assert lines[1].split()[:3] == ["number", "state", "validation_loss"]
        for line, number in zip(lines[2:5], losses, strict=True):
            assert line.split()[:4] == [str(number), "✓", "completed", losses[number]]
        left_out = [line for line in lines if line.startswith("left out at this width: ")]
        assert bool(left_out) == (columns < 120), "\n".join(lines)
