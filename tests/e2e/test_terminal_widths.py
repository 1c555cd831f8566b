"""Tables on real terminals: a person sees each trial's number, state and value at every width."""

from __future__ import annotations

import sys
import textwrap

import pytest

from tests.e2e.pages import on_terminal
from tests.e2e.tunectl_process import Tunectl

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
COMMANDS = (
    "status", "studies", "queue", "show wide", "show wide/1", "why wide", "why wide/1", "trials wide", "best wide",
    "metrics wide/1", "events wide --limit 5", "summary --keep", "advise wide", "effects wide", "importance wide",
    "compare wide", "space wide", "gpu", "daemon status", "wait wide", "wait wide/2", "explain seed", "show nothing",
    "pause wide", "help", "help trials", "check wide.toml",
)  # fmt: skip
ALL = "import sys; from tuned.cli.run import run; [run(line.split()) for line in sys.argv[1:]]"


@pytest.mark.e2e
def test_number_state_and_value_are_on_every_terminal(tunectl: Tunectl) -> None:
    (tunectl.work / "wide.py").write_text(textwrap.dedent(SCRIPT))
    more = "\n    ".join(f"{name} = {{ type = 'float', low = 0.001, high = 0.9 }}" for name in NAMES)
    (tunectl.work / "wide.toml").write_text(textwrap.dedent(STUDY.format(more=more)))
    tunectl("submit", "wide.toml", "--wait")
    for columns in (60, 100):
        code, lines = on_terminal(tunectl, columns, [sys.executable, "-I", "-c", ALL, *COMMANDS])
        long = [line for line in lines if len(line) > columns and not line.startswith(("  command ", "      $ "))]
        assert code == 0 and not long, "\n".join(long or lines)
    losses = {row["number"]: f"{row['values']['validation_loss']:.5g}" for row in tunectl.json("trials", "wide")}
    for columns in (60, 80, 120, 160):
        code, lines = on_terminal(tunectl, columns, [sys.executable, "-I", "-m", "tuned.cli", "trials", "wide"])
        assert code == 0, "\n".join(lines)
        assert max(map(len, lines[1:])) <= columns, "\n".join(lines)
        assert lines[0] == "the same in all of these trials: epochs_of_training=20"
        assert lines[1].split()[:3] == ["number", "state", "validation_loss"]
        for line, number in zip(lines[2:5], losses, strict=True):
            assert line.split()[:4] == [str(number), "✓", "completed", losses[number]]
        left_out = [line for line in lines if line.startswith("left out at this width: ")]
        assert bool(left_out) == (columns < 120), "\n".join(lines)
