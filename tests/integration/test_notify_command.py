"""Running one notify command: it ends, fails, is not there, or hangs."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from tuned.daemon.notices.notifier import run_command

ENVIRONMENT = {"PATH": os.environ["PATH"]}


async def test_it_gets_its_arguments_and_the_text_as_they_are(tmp_path: Path) -> None:
    program = "import os, sys; print(sys.argv[1:], sys.stdin.read(), file=open(sys.argv[1], 'w'))"
    said = tmp_path / "said"
    command = [sys.executable, "-c", program, str(said), "a b; $(c)"]
    assert await run_command(command, ENVIRONMENT, 60.0, "the text") == ""
    assert said.read_text() == f"['{said}', 'a b; $(c)'] the text\n\n"
    assert await run_command(["true"], ENVIRONMENT, 60.0, "nobody reads " * 100_000) == ""


async def test_its_failure_is_one_line() -> None:
    program = "import sys; sys.exit('x' * 10_000 + '\\nno such host')"
    assert await run_command([sys.executable, "-c", program], ENVIRONMENT, 60.0) == "exit code 1: no such host"
    with pytest.raises(FileNotFoundError):
        await run_command(["no-such-program-anywhere"], ENVIRONMENT, 60.0)


async def test_it_runs_where_there_is_no_room_for_its_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    assert await run_command(["echo", "told"], ENVIRONMENT, 60.0) == ""
    assert await run_command(["false"], ENVIRONMENT, 60.0) == "exit code 1"


async def test_what_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    lock = tmp_path / "fifo"
    os.mkfifo(lock)
    reader = os.open(lock, os.O_RDONLY | os.O_NONBLOCK)
    program = "import subprocess, sys, time; f = open(sys.argv[1], 'w'); subprocess.run(['sleep', '600'], stdout=f)"
    assert "longer than 0.5 s" in await run_command([sys.executable, "-c", program, str(lock)], ENVIRONMENT, 0.5)
    os.set_blocking(reader, True)
    # The end of the file comes when nobody holds the other side any more.
    assert os.read(reader, 1) == b""
    os.close(reader)
