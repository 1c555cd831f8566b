"""The commands of a page of the documentation, typed in their order on a terminal, and the page printed anew.

Owns how a page's transcripts are read, typed and compared. `python -m tests.e2e.pages` runs docs/first-week.md in full,
with the script that it is about, and writes what is seen into the page; figures in its prose are looked over by hand.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import secrets
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.tunectl_process import DEADLINE_S, Tunectl

ROOT = Path(__file__).resolve().parents[2]
FIRST_WEEK = ROOT / "docs" / "first-week.md"
SPIRALS = ROOT / "tests" / "scripts" / "spirals" / "train.py"
COLUMNS = 100
ADA = "/home/ada"
"""The home that the page names."""
ELSEWHERE = ("make install", "tunectl doctor")
"""Commands of the first week that other tests run: they change or describe the machine."""
IN_LINES = ("tunectl submit train.toml --follow", "tunectl wait wider")
"""Commands whose lines a page shows: on a terminal a bar is drawn over and over."""
_BLOCK = re.compile(r"```console\n\$ (.*?)\n(.*?)```", re.DOTALL)
_CODE = "[exit code {}]"
BROKEN = """import argparse
import einops
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
print("val_loss", parser.parse_args().lr)
"""


@dataclass(frozen=True)
class Typed:
    """A command of a page and the lines below it: those of the page, or those that were seen."""

    command: str
    lines: Sequence[str]


def transcripts(page: str) -> list[Typed]:
    """The commands of a page that stand behind a prompt."""
    return [Typed(command, output.splitlines()) for command, output in _BLOCK.findall(page)]


def on_terminal(tunectl: Tunectl, columns: int, command: Sequence[str]) -> tuple[int, list[str]]:
    """Exit code and lines of a command on a terminal of this width, without colours."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        command,
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
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data.decode()).replace("\r", "")
    return process.wait(DEADLINE_S), text.splitlines()


def type_in(tunectl: Tunectl, command: str) -> list[str]:
    """The lines of a command as a page shows them: with the exit code where that is not 0."""
    if command in IN_LINES:
        command += " 2>&1 | cat"
    code, lines = on_terminal(tunectl, COLUMNS, ["/bin/sh", "-c", command])
    return lines if code == 0 else [*lines, _CODE.format(code)]


def with_programs(tunectl: Tunectl, folder: Path, home: Path) -> None:
    """Have `tunectl` and `python` found by their names, and no virtual environment active."""
    folder.mkdir()
    program = folder / "tunectl"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -m tuned.cli "$@"\n')
    program.chmod(0o755)
    tunectl.env["PATH"] = f"{folder}{os.pathsep}{tunectl.env['PATH']}"
    tunectl.env["HOME"] = str(home)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        tunectl.env.pop(name, None)


def environment(folder: Path) -> None:
    """An environment of a project's own that finds the packages of this one, as if they were installed in it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    own = next(folder.glob("lib/python*/site-packages"))
    wanted = ("torch", "torchgen", "functorch", "numpy", "numpy.libs", "typing_extensions.py", "sympy", "mpmath",
              "networkx", "jinja2", "filelock", "fsspec", "markupsafe", "nvidia", "triton")  # fmt: skip
    theirs = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    for name in (*wanted, *(p.name for p in theirs.glob("torch-*.dist-info"))):
        if (theirs / name).exists():
            (own / name).symlink_to(theirs / name)


def first_week(tunectl: Tunectl, shortened: Callable[[Path, str], None] | None = None) -> Iterator[tuple[Typed, Typed]]:
    """Type the commands of the first week in their order; each as the page has it, and as it was seen.

    Args:
        tunectl: Its `work` is the project's folder.
        shortened: Called with that folder and the command that has just been typed.
    """
    shutil.copy(SPIRALS, tunectl.work)
    (tunectl.work / "broken.py").write_text(BROKEN)
    environment(tunectl.work / ".venv")
    page = FIRST_WEEK.read_text()
    for shown in transcripts(page):
        if shown.command in ELSEWHERE:
            continue
        if shown.command.startswith("tunectl submit quiet.toml"):
            _quiet(tunectl.work)
        if shown.command == "tunectl sdk":
            tunectl.env["VIRTUAL_ENV"] = str(tunectl.work / ".venv")
            tunectl.env["PATH"] = f"{tunectl.work / '.venv/bin'}{os.pathsep}{tunectl.env['PATH']}"
        if shown.command == "python look.py":
            found = re.search(r"```python\n# look\.py\n(.*?)```", page, re.DOTALL)
            assert found is not None
            (tunectl.work / "look.py").write_text(found[1])
        yield shown, Typed(shown.command, type_in(tunectl, shown.command))
        if shortened is not None:
            shortened(tunectl.work, shown.command)


def _quiet(folder: Path) -> None:
    """The study of a script that prints `loss` where the study file expects `val loss`."""
    text = (folder / "train.py").read_text()
    (folder / "quiet.py").write_text(text.replace("val loss {", "loss {").replace("val acc", "accuracy"))
    study = (folder / "train.toml").read_text().replace('"train.py"', '"quiet.py"')
    study = re.sub(r"trials = \d+", "trials = 3", re.sub(r"^epochs = \d+", "epochs = 2", study, flags=re.MULTILINE))
    (folder / "quiet.toml").write_text(study)


def unfolded(typed: Typed) -> Typed:
    """The same with each line in one piece where a terminal has folded it; a row of a table begins with a number."""
    lines: list[str] = []
    for line in typed.lines:
        if lines and re.match(r" {4,}(?!\d+ +\S )\S", line):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    return Typed(typed.command, lines)


def as_shown(shown: Typed, seen: Typed) -> list[str]:
    """What was seen, with lines left out where the page leaves some out."""
    lines = [line.rstrip() for line in seen.lines]
    dots = [i for i, line in enumerate(shown.lines) if line.strip(" |") == "..."]
    if not dots:
        return lines
    before, after = dots[0], len(shown.lines) - dots[0] - 1
    if len(lines) <= before + after:
        return lines
    return [*lines[:before], shown.lines[dots[0]], *lines[len(lines) - after :]]


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    """A folder whose path is as long as the one on the page, so that lines fold where they would fold there."""
    folder = Path("/tmp") / secrets.token_hex(2)
    assert len(str(folder)) == len(ADA)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Write the page anew."""
    with _home() as folder:
        work = folder / "spirals"
        work.mkdir()
        tunectl = Tunectl(folder / ".local" / "state" / "tuned-hpo", work)
        tunectl.env.pop("TUNED_SLOTS")
        with_programs(tunectl, folder / "bin", folder)
        page = FIRST_WEEK.read_text()
        try:
            for shown, seen in first_week(tunectl):
                text = "\n".join(as_shown(shown, seen)).replace(str(folder), ADA)
                old, head = "\n".join(shown.lines), f"```console\n$ {shown.command}\n"
                page = page.replace(f"{head}{old}".rstrip() + "\n```", f"{head}{text}".rstrip() + "\n```")
                print(f"$ {shown.command}\n" + "\n".join(seen.lines), flush=True)
            draft = (work / "train.toml").read_text()
            print(draft)
        finally:
            tunectl.end()
        FIRST_WEEK.write_text(page)


if __name__ == "__main__":
    main()
