"""The commands of the first week do what is printed below them, on a terminal of 100 columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.pages import COLUMNS, Typed, as_shown, first_week, unfolded, with_programs
from tests.e2e.tunectl_process import Tunectl

pytestmark = pytest.mark.e2e

VALUES = (
    (r"\s+about [\d.]+\w*( \d+s)? left", ""),  # not known in the first moments
    (r"^wider/\d+ \w+ .* of \d+$", ""),  # only while the study goes on
    (r"(/[\w.+-]+)+", "PATH"),
    (r"\b[0-9a-f]{16}\b", "N"),
    (r" --momentum \S+", ""),
    (r"\b[\w-]+=(\S+\s*)", "PAIR "),
    (r"(PAIR )+", "PAIR "),
    (r"\b(sgd|adam)\b", "OPTIMIZER"),
    (r"(?<![\w-])-?\d[\w.+-]*", "N"),
    (r"^(\s*N\s+✓ completed).*", r"\1"),
    (r"^number +state +(\S+).*", r"number state \1"),
    (r"^(left out at this width|the same in all of these trials): .*", ""),
    (r"N( N)+", "N"),
    (r"\s+", " "),
)
"""In the order in which they are replaced: what differs between two runs of the same commands."""
BUSY = r"\s+ok\s+each trial imports anew: "
"""A line that a busy machine alone prints: small imports take their 0.3 s there."""


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


def test_the_first_week_as_printed(tunectl: Tunectl, tmp_path: Path) -> None:
    with_programs(tunectl, tmp_path / "bin", tmp_path)
    tunectl.env |= {"TUNED_SLOTS": "1", "OMP_NUM_THREADS": "1"}
    tunectl.work = tmp_path / "spirals"
    tunectl.work.mkdir()
    count = 0
    for shown, seen in first_week(tunectl, shortened):
        shown, seen = unfolded(shown), unfolded(seen)
        seen = Typed(seen.command, [line for line in seen.lines if not re.match(BUSY, line)])
        printed, found = ([*filter(None, map(kept, lines))] for lines in (shown.lines, as_shown(shown, seen)))
        assert found == printed, f"$ {shown.command}\n" + "\n".join(seen.lines)
        assert all(len(line) <= COLUMNS for line in seen.lines if re.match(r" *(number|\d+) ", line))
        count += 1
    assert count > 15
