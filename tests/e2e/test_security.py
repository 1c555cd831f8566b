"""The promises of SECURITY.md, one test each where another file does not hold it (as is said there).

Another user is a real one: these tests run as root alone, and become `nobody`.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Refusal, call, wait_until
from tests.e2e.tunectl_process import Tunectl
from tests.patience import DEADLINE_S
from tuned.protocol import process_start_time

pytestmark = pytest.mark.e2e

NOBODY = 65534
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")

ASK = """
    import socket, sys
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(600)
    peer.connect(sys.argv[1])
    peer.sendall(b"GET /v1/status HTTP/1.1\\r\\nHost: tuned\\r\\n\\r\\n")
    print(len(peer.recv(65536)))
"""


def as_nobody(*command: str) -> subprocess.CompletedProcess[str]:
    """Run it as another user, without any group or capability."""
    alone = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/"}
    return subprocess.run(command, **alone, capture_output=True, text=True, timeout=DEADLINE_S, check=False)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def held(tunectl: Tunectl) -> Iterator[Tunectl]:
    """A study with a secret, one trial of which runs."""
    tunectl.write(trials=1, hold=True)
    study = tunectl.work / "quad.toml"
    study.write_text(
        study.read_text().replace("[run]", '[run]\nenv = { HF_TOKEN = "hf_hush", DB_URL = "db://u:hush@h/x" }')
    )
    tunectl("submit", "quad.toml", SOME_PASSWORD="hush")
    tunectl.wait_until(lambda: tunectl.json("trials", "quad")[0]["state"] == "running", "it runs")
    yield tunectl
    (tunectl.work / "go").touch()


def test_nothing_in_the_state_folder_is_for_anybody_else(held: Tunectl) -> None:
    home = held.home
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "tuned.sock").stat().st_mode) == 0o600
    wait_until(lambda: [*home.glob("runs/*/study.json")], "the study has its record")
    records = [*home.glob("runs/*/study.json"), *home.glob("runs/*/*/*/spec.json")]
    assert len(records) == 2
    private = [home / "tuned.db", home / "daemon.lock", *records]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


@as_root
def test_another_user_reads_and_reaches_nothing(held: Tunectl) -> None:
    home, path = held.home, held.home / "tuned.sock"
    ask = textwrap.dedent(ASK)
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    for name in ("tuned.db", "runs", "tuned.sock", "logs/daemon.log"):
        refused = as_nobody("cat", str(home / name))
        assert refused.returncode != 0 and "ermission denied" in refused.stderr, name
    assert "PermissionError" in as_nobody(python, "-c", ask, str(path)).stderr
    # With both doors open, each connection is still asked whose it is.
    for folder in (home, home.parent):
        folder.chmod(0o711)
    path.chmod(0o666)
    told = as_nobody(python, "-c", ask, str(path))
    assert told.stdout.strip() in ("", "0"), "it is cut off without an answer"
    assert "PermissionError" not in told.stderr, "it came as far as the socket"
    mine = subprocess.run(
        [python, "-c", ask, str(path)], capture_output=True, text=True, timeout=DEADLINE_S, check=True
    )
    assert int(mine.stdout) > 0


@as_root
def test_a_state_folder_of_somebody_else_is_not_used(tunectl: Tunectl) -> None:
    tunectl.home.mkdir(parents=True, exist_ok=True)
    os.chown(tunectl.home, NOBODY, NOBODY)
    assert "belongs to another user" in tunectl("studies", code=1)
    assert not (tunectl.home / "tuned.db").exists()


def test_there_is_no_tcp_listener(held: Tunectl) -> None:
    pid = held.json("daemon", "status")["pid"]
    inodes = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        with contextlib.suppress(FileNotFoundError):
            lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
            inodes |= {line.split()[9] for line in lines}
    own = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            own.add(str(entry.readlink()).removeprefix("socket:[").removesuffix("]"))
    assert not own & inodes


def test_secrets_are_in_no_reply_and_no_log(held: Tunectl) -> None:
    said = "".join(
        json.dumps(held.json(*words))
        for words in (
            *(["show", "quad"], ["show", "quad/1"], ["show", "quad/1", "--command"], ["trials", "quad"]),
            *(["studies"], ["events", "--after", "0"]),
        )
    )
    said += held("export", "quad", "--format", "jsonl")
    held("report", "quad", "-o", "report.html")
    said += (held.work / "report.html").read_text()
    said += "".join(path.read_text() for path in (held.home / "logs").iterdir() if path.is_file())
    assert "hush" not in said
    stored = b"".join(path.read_bytes() for path in held.home.glob("tuned.db*"))
    assert b"hf_hush" in stored, "trials need it"


def test_modules_of_the_users_folder_never_take_the_place_of_ours(tunectl: Tunectl) -> None:
    trap = "import pathlib; pathlib.Path(__file__).with_name('sprung').touch(); raise SystemExit(3)\n"
    for name in ("tuned", "storage", "tui", "json", "sqlalchemy"):
        (tunectl.work / name).mkdir()
        (tunectl.work / name / "__init__.py").write_text(trap)
    assert "the daemon runs" in tunectl("daemon", "start", PYTHONPATH=str(tunectl.work))
    assert not list(tunectl.work.glob("*/sprung"))


def test_arguments_are_never_a_shells(tunectl: Tunectl) -> None:
    word = "$(touch sprung); `touch sprung`\n*"
    tunectl("queue", "--", sys.executable, "-c", "import sys; print(repr(sys.argv[1]))", word)
    (study,) = tunectl.json("studies")
    tunectl("wait", study["name"])
    assert repr(word) in tunectl("logs", f"{study['name']}/1")
    assert not (tunectl.work / "sprung").exists()


def test_no_name_leaves_the_state_folder(tunectl: Tunectl) -> None:
    tunectl("daemon", "start")
    for name in ("../out", "a/b", ".", "..", "a b", "-x", "a\nb"):
        study = {"name": name, "run": {"command": ["true"]}, "search": {"trials": 1}}
        with pytest.raises(Refusal) as refused:
            call(
                str(tunectl.home / "tuned.sock"),
                "POST",
                "/v1/studies",
                {"study": study, "base": "/", "environment": {}},
            )
        assert refused.value.status in (400, 422), name
    assert list((tunectl.home / "runs").iterdir()) == []


def test_a_process_id_that_was_given_away_is_not_signalled() -> None:
    from tuned.launch import descendants

    process = subprocess.Popen(["sleep", "60"])
    try:
        found = descendants.read_process(process.pid)
        assert found is not None and found.start == process_start_time(process.pid)
        descendants.send(found._replace(start=found.start - 1), 9)
        assert process.poll() is None
        descendants.send(found, 9)
        assert process.wait(DEADLINE_S) == -9
    finally:
        process.kill()
        process.wait()
