"""The owner of a process on a card, as lists show it: other people choose the words of their commands."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys

from tuned.daemon.machine.processes import owner


def test_a_command_of_several_lines_and_controls_is_shown_on_one_line() -> None:
    code = "\nimport sys\nprint(flush=True)\nsys.stdin.read()"
    command = [sys.executable, "-c", code, "\x1b[31mred", b"no \xff utf-8", "db://me:hush@h"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        process.stdout.readline()  # the system shows no words yet for a moment after it has begun
        user, words = owner(process.pid)
        process.stdin.close()
    assert user == getpass.getuser()
    assert words.isprintable()
    assert words.endswith("-c import sys print(flush=True) sys.stdin.read() red no   utf-8 db://me:********@h")
    words.encode()


def test_a_process_that_has_gone_has_no_owner() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert owner(process.pid) == ("", "")
    assert owner(os.getpid())[1]
