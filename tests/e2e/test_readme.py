"""Each command of README.md is understood, in its order, on a terminal of 100 columns."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.e2e.pages import COLUMNS, ROOT, on_terminal, with_programs
from tests.e2e.tunectl_process import Tunectl
from tuned.core.verbs import BY_NAME

pytestmark = pytest.mark.e2e

README = ROOT / "README.md"
NOT_HERE = re.compile(r"tunectl( ui| daemon install| doctor|$)|tunectl logs -f|tunectl import tuned$")
"""What needs a person, a service manager or an ended world, which other tests run, and a statement of Python."""
SCRIPT = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--optimizer", choices=["sgd", "adam"], default="adam")
parser.add_argument("--momentum", type=float, default=0.9)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
for epoch in range(3):
    print(f"epoch {epoch} val_loss {args.lr * (epoch + 1):.4f}")
"""


def commands() -> list[str]:
    """What README.md has one type, in its order; `resume sweep` in a list of such stands for `tunectl resume sweep`."""
    text = README.read_text()
    found = []
    for block, inline in re.findall(r"```sh\n(.*?)```|(?<!`)`([^`\n]+)`(?!`)", text, re.DOTALL):
        for line in (block or inline).splitlines():
            words = line.split("#")[0].split()
            if words and words[0] in BY_NAME and len(words) > 1:
                words.insert(0, "tunectl")
            if words and words[0] == "tunectl":
                found.append(" ".join(words))
    return [command for command in found if not NOT_HERE.match(command)]


def test_each_command_of_the_readme_is_understood(tunectl: Tunectl, tmp_path: Path) -> None:
    with_programs(tunectl, tmp_path / "bin", tmp_path)
    tunectl.env["VIRTUAL_ENV"] = str(tmp_path / "env")
    on_terminal(tunectl, COLUMNS, [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")])
    (tunectl.work / "train.py").write_text(SCRIPT)
    (tunectl.work / "finetune.py").write_text("print('done')\n")
    study = re.search(r"```toml\n# sweep\.toml.*?\n(.*?)```", README.read_text(), re.DOTALL)
    assert study is not None
    (tunectl.work / "sweep.toml").write_text(study[1].replace("trials = 40", "trials = 4"))
    on_terminal(tunectl, COLUMNS, [str(tmp_path / "bin/tunectl"), "submit", "sweep.toml", "--wait"])
    seed = tunectl.json("show", "sweep/1")["trial"]["seed"]
    assert str(seed) in tunectl("show", "sweep/1", "--command"), "repetitions with other seeds differ"
    typed = commands()
    assert len(typed) > 25
    for command in typed:
        if command == "tunectl init train.py":
            (tunectl.work / "train.toml").unlink()  # of `tune`, which the page has as the other way
        short = command.replace("trials=+40", "trials=+1").replace("--trials 40", "--trials 2")
        code, lines = on_terminal(tunectl, COLUMNS, ["/bin/sh", "-c", short])
        stopped = command == "tunectl daemon status"  # which the page has behind `daemon stop`
        assert code in ((0, 3) if stopped else (0, 1)), f"{command}: {code}\n" + "\n".join(lines)
        refused = [line for line in lines if line.startswith("tunectl: ") or "skipped" in line]
        verb = BY_NAME[shlex.split(command)[1]]
        assert code == 0 or stopped or (refused and verb.states), f"{command}\n" + "\n".join(lines)
