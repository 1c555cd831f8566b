"""The commands of README.md and of the first week do what is printed below them, on a terminal of 100 columns."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.e2e.pages import COLUMNS, ROOT, as_shown, first_week, on_terminal, with_programs
from tests.e2e.tunectl_process import Tunectl
from tuned.core.verbs import BY_NAME

pytestmark = pytest.mark.e2e

VALUES = (
    (r"\s+about [\d.]+\w*( \d+s)? left", ""),  # not known in the first moments
    (r"(/[\w.+-]+)+", "PATH"),
    (r"\b[0-9a-f]{16}\b", "N"),
    (r" --momentum \S+", ""),
    (r"\b[\w-]+=(\S+\s*)", "PAIR "),
    (r"(PAIR )+", "PAIR "),
    (r"\b(sgd|adam)\b", "OPTIMIZER"),
    (r"(?<![\w-])-?\d[\w.+-]*", "N"),
    (r"^(\s*N\s+✓ completed).*", r"\1"),
    (r"N( N)+", "N"),
    (r"\s+", " "),
)
"""In the order in which they are replaced: what differs between two runs of the same commands."""


def kept(line: str) -> str:
    """A line without its values."""
    for pattern, with_what in VALUES:
        line = re.sub(pattern, with_what, line)
    return line.strip()


def shortened(folder: Path, command: str) -> None:
    """Six short trials instead of thirty: the page leaves out what lies between the first and the last ones."""
    if command == "tunectl init train.py":
        text = (folder / "train.toml").read_text()
        text = text.replace("trials = 30", 'trials = 6\nmethod = "sobol"')
        (folder / "train.toml").write_text(re.sub(r"^epochs = 15", "epochs = 4", text, flags=re.MULTILINE))
    if command == "tunectl wait wider":
        (folder / "wider.toml").unlink()


def test_the_first_week_as_printed(tunectl: Tunectl, tmp_path: Path) -> None:
    with_programs(tunectl, tmp_path / "bin", tmp_path)
    tunectl.env |= {"TUNED_SLOTS": "1", "OMP_NUM_THREADS": "1"}
    tunectl.work = tmp_path / "spirals"
    tunectl.work.mkdir()
    count = 0
    for shown, seen in first_week(tunectl, shortened):
        found = [kept(line) for line in as_shown(shown, seen)]
        assert found == [kept(line) for line in shown.lines], f"$ {shown.command}\n" + "\n".join(seen.lines)
        assert all(len(line) <= COLUMNS for line in seen.lines if re.match(r" *(number|\d+) ", line))
        count += 1
    assert count > 15


README = ROOT / "README.md"
NOT_HERE = re.compile(r"tunectl( ui| daemon install| doctor|$)|tunectl logs -f")
"""Commands that need a person, a service manager or an ended world; other tests run them."""
SCRIPT = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--optimizer", choices=["sgd", "adam"], default="adam")
parser.add_argument("--momentum", type=float, default=0.9)
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
    typed = commands()
    assert len(typed) > 25
    for command in typed:
        short = command.replace("trials=+40", "trials=+1").replace("--trials 40", "--trials 2")
        code, lines = on_terminal(tunectl, COLUMNS, ["/bin/sh", "-c", short])
        assert code in (0, 1), f"{command}: {code}\n" + "\n".join(lines)
        refused = [line for line in lines if line.startswith("tunectl: ") or "skipped" in line]
        verb = BY_NAME[shlex.split(command)[1]]
        assert code == 0 or (refused and verb.states), f"{command}\n" + "\n".join(lines)
