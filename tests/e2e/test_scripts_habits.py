"""Habits of other people's scripts: each is drafted from its text and tuned as it is, and in and out agree."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tuned.client.drafting import load_script
from tuned.core.draft.study_text import draft_study

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts" / "habits"

TRIALS = 4
GIVEN: dict[str, tuple[str, ...]] = {
    "bars": (r"^Epoch (?P<step>\d+)/", r"- loss: (?P<loss>\S+) - val_loss: (?P<val_loss>\S+)"),
    "tables": (
        r"total_timesteps +\| (?P<step>\d+)",
        r"ep_rew_mean +\| (?P<ep_rew_mean>\S+)",
        r"\| +loss +\| (?P<loss>\S+)",
    ),
    "tracked": (r"^wandb: +epoch (?P<step>\d+) val/loss (?P<val_loss>\S+)",),
    "commands": (r"^Epoch (?P<step>\d+): 100%.*train_loss=(?P<train_loss>[^,]+), val_loss=(?P<val_loss>[^\]]+)",),
}
"""Patterns for what a library prints, as a person gives them: a draft reads the lines of the script alone."""
OBJECTIVES = {"tables": ("ep_rew_mean", "maximize")}


@pytest.mark.parametrize(
    ("name", "tuned", "printed"),
    [
        (
            "subcommands",
            {"learning-rate", "anneal-lr"},
            r"global_step=(?P<step>\d+), episodic_return=(?P<episodic_return>\S+)",
        ),
        (
            "group",
            {"lr", "norm", "shuffle", "augment", "layers"},
            r"Epoch (?P<step>\d+): valid loss (?P<valid_loss>\S+)",
        ),
        (
            "environment",
            {"LR", "AMP", "BN", "DEPTH"},
            r"'epoch': (?P<step>\d+), 'loss': (?P<loss>[^,]+), 'val_loss': (?P<val_loss>[^}]+)",
        ),
        (
            "overrides",
            {"learning_rate", "dropout", "n_layer", "+bias"},
            r"iter (?P<step>\d+): train loss (?P<train_loss>[^,]+), val loss (?P<val_loss>[^,]+)",
        ),
        ("fields", {"lr", "width", "+bias"}, r'"epoch": (?P<step>\d+), "val_loss": (?P<val_loss>[^}]+)'),
        (
            "rounds",
            {"eta"},
            r"round (?P<step>\d+) (?:train logloss: (?P<train_logloss>\S+)|valid logloss: (?P<valid_logloss>\S+))",
        ),
        (
            "epochs",
            {"lr", "emsize", "tied"},
            r"epoch +(?P<step>\d+) .* valid loss +(?P<val_loss>\S+) \| valid ppl +(?P<valid_ppl>\S+)",
        ),
        (
            "sampler",
            {"n-layer", "learning-rate", "weight-decay"},
            r"step (?P<step>\d+) train loss (?P<train_loss>\S+) test loss (?P<test_loss>\S+)",
        ),
        (
            "bars",
            {"lr", "units"},
            r"(?s)Epoch (?P<step>\d+)/[^E]*- loss: (?P<loss>[\d.]+) - val_loss: (?P<val_loss>\S+)",
        ),
        (
            "tables",
            {"learning-rate"},
            r"(?s)ep_rew_mean +\| (?P<ep_rew_mean>\S+).*?total_timesteps +\| (?P<step>\d+).*? loss +\| (?P<loss>\S+)",
        ),
        ("tracked", {"lr"}, r"epoch (?P<step>\d+) val/loss (?P<val_loss>\S+)"),
        (
            "commands",
            {"model.lr", "model.width", "+model.norm"},
            r"Epoch (?P<step>\d+): 100%.*train_loss=(?P<train_loss>[^,]+), val_loss=(?P<val_loss>[^\]]+)",
        ),
        ("entries", {"lr", "num_channels", "+use_norm"}, r"step (?P<step>\d+) val_loss (?P<val_loss>\S+)"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
def test_what_goes_in_is_recorded_and_what_is_printed_is_stored(
    shared_daemon: DaemonProcess, tmp_path: Path, name: str, tuned: set[str], printed: str
) -> None:
    typed = f"{name}/train.py" if (SCRIPTS / name).is_dir() else f"{name}.py"
    shutil.copytree(
        SCRIPTS, tmp_path, ignore=lambda _, names: {n for n in names if n.startswith("__")}, dirs_exist_ok=True
    )
    before = set(tmp_path.rglob("*"))
    script = load_script(str(tmp_path / typed), tmp_path)
    said_by_hand: dict[str, Any] = {"patterns": GIVEN.get(name, ()), "search": {"trials": TRIALS, "method": "sobol"}}
    said_by_hand["objective"] = OBJECTIVES.get(name, ("val_loss", "minimize") if name in GIVEN else None)
    draft = draft_study(script, **said_by_hand)
    assert (draft.todos, set(draft.tuned)) == ((), {option for option in tuned if option[0] != "+"})
    more = {option[1:]: {"type": "bool"} for option in tuned if option[0] == "+"}
    if more:  # a draft leaves these alone: a person adds them
        given = tomllib.loads(draft.text)["space"]
        draft = draft_study(script, **said_by_hand, chosen={**{o: given[o] for o in draft.tuned}, **more})
    study = tomllib.loads(draft.text)
    study["run"]["python"] = sys.executable
    shared_daemon.submit({"name": f"habit-{name}", **study}, tmp_path)
    assert shared_daemon.wait_ended(f"habit-{name}")["counts"] == {"completed": TRIALS}
    for trial in shared_daemon.trials(f"habit-{name}"):
        text = shared_daemon.get(f"/v1/studies/habit-{name}/trials/{trial['number']}/log")["text"]
        got = json.loads(re.search(r"namespace (\{.*)", text)[1])  # type: ignore[index]
        assert {option: got[option.replace("-", "_")] for option in trial["params"]} == trial["params"]
        said = {
            (metric, int(match["step"])): float(value)
            for match in re.finditer(printed, text.replace("\r", "\n"))
            for metric, value in match.groupdict().items()
            if metric != "step" and value is not None
        }
        kept = {
            (metric, point["step"]): point["value"]
            for metric in {metric for metric, _ in said}
            for point in shared_daemon.get("/v1/metrics", target=f"habit-{name}/{trial['number']}", name=metric)
        }
        assert kept == said and len(said) >= 3
    left = {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts}
    assert left == before  # what it writes lies in its own run's folder
