from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuned import protocol
from tuned.daemon.files import records, run_dirs
from tuned.daemon.recovery import found


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = run_dirs.trial_dir(tmp_path / "runs", "digits", 3) / "1"
    run_dirs.create(folder, {"attempt_id": "f00"})
    return folder


def test_a_new_run_directory_has_its_spec_and_is_private(run_dir):
    assert protocol.read_record(str(run_dir), protocol.SPEC_FILE) == {
        "attempt_id": "f00",
        "protocol": protocol.PROTOCOL,
    }
    assert (run_dir / protocol.WORK_DIR).is_dir()
    assert (run_dir / protocol.METRICS_FILE).read_bytes() == b""
    assert stat.S_IMODE(run_dir.stat().st_mode) == 0o700
    assert sorted(p.name for p in run_dir.iterdir()) == sorted(
        [protocol.SPEC_FILE, protocol.WORK_DIR, protocol.METRICS_FILE, protocol.GAPS_FILE]
    )


def test_a_run_directory_is_never_used_again(run_dir):
    with pytest.raises(FileExistsError):
        run_dirs.create(run_dir, {})
    run_dirs.create(run_dir.parent / "2", {})


def test_attempts_share_the_checkpoint_folder(tmp_path, run_dir):
    runs = tmp_path / "runs"
    assert run_dirs.checkpoint_dir(runs, "digits", 3) == run_dir.parent / "checkpoint"


def test_a_fresh_directory_shows_nothing(run_dir):
    assert run_dirs.look(run_dir, 0, False) == run_dirs.Facts(None, None, b"", False, False)


def test_what_is_new_is_read_from_the_offset_on(run_dir):
    (run_dir / protocol.METRICS_FILE).write_bytes(b"first\nsecond\n")
    assert run_dirs.look(run_dir, 6, False).data == b"second\n"
    assert run_dirs.look(run_dir, 13, False).data == b""


def test_a_long_file_is_read_in_pieces(run_dir, monkeypatch):
    monkeypatch.setattr(run_dirs, "READ_BYTES", 5)
    (run_dir / protocol.METRICS_FILE).write_bytes(b"0123456789")
    first, last = run_dirs.look(run_dir, 0, False), run_dirs.look(run_dir, 5, False)
    assert (first.data, first.more) == (b"01234", True)
    assert (last.data, last.more) == (b"56789", False)


def test_a_file_that_lost_its_tail_is_read_from_its_beginning(run_dir):
    (run_dir / protocol.METRICS_FILE).write_bytes(b"abc\n")
    facts = run_dirs.look(run_dir, 10, False)
    assert facts.replaced
    assert (facts.data, facts.more) == (b"abc\n", False)


def test_another_file_of_the_same_name_is_read_from_its_beginning(run_dir):
    metrics = run_dir / protocol.METRICS_FILE
    metrics.write_bytes(b"one\n")
    inode = run_dirs.look(run_dir, 0, False).inode
    same = run_dirs.look(run_dir, 4, False, inode)
    assert (same.replaced, same.data) == (False, b"")
    other = run_dir / "other"
    other.write_bytes(b"another\n")
    other.rename(metrics)
    facts = run_dirs.look(run_dir, 4, False, inode)
    assert facts.replaced
    assert facts.data == b"another\n"
    assert facts.inode != inode


START = {"supervisor_pid": 1, "supervisor_start": 2, "pid": 3, "pgid": 3, "boot_id": "b"}


def test_records_are_read_the_start_only_while_it_is_news(run_dir):
    protocol.write_record(str(run_dir), protocol.START_FILE, START)
    protocol.write_record(str(run_dir), protocol.EXIT_FILE, {"code": 0})
    facts = run_dirs.look(run_dir, 0, False)
    assert facts.start == {**START, "protocol": protocol.PROTOCOL}
    assert facts.exit == {"code": 0, "protocol": protocol.PROTOCOL}
    assert facts.damaged == ""
    assert run_dirs.look(run_dir, 0, True).start is None
    assert records.start(run_dir) == facts.start


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 20, b"{torn", b"[]", b'{"code": 0}', b'{"protocol": 1, "code": "0"}', b'{"protocol": 99, "code": 0}'],
)
def test_a_damaged_record_is_not_taken_for_an_end_and_is_said(run_dir, content):
    (run_dir / protocol.EXIT_FILE).write_bytes(content)
    facts = run_dirs.look(run_dir, 0, False)
    assert facts.exit is None
    assert protocol.EXIT_FILE in facts.damaged


def test_a_start_record_that_names_no_process_is_none(run_dir):
    protocol.write_record(str(run_dir), protocol.START_FILE, {**START, "supervisor_pid": "1"})
    assert records.start(run_dir) is None
    assert "supervisor_pid" in run_dirs.look(run_dir, 0, False).damaged


def test_the_spec_is_there_or_the_file_cannot_be_read(run_dir, tmp_path):
    assert run_dirs.spec(run_dir)["attempt_id"] == "f00"
    with pytest.raises(FileNotFoundError):
        run_dirs.spec(tmp_path)
    (run_dir / protocol.SPEC_FILE).write_bytes(b"{")
    with pytest.raises(OSError, match="damaged"):
        run_dirs.spec(run_dir)


def test_a_checkpoint_is_there_once_something_is_in_its_folder(tmp_path, run_dir):
    runs = tmp_path / "runs"
    assert not run_dirs.has_checkpoint(runs, "digits", 3)
    folder = run_dirs.checkpoint_dir(runs, "digits", 3)
    folder.mkdir()
    assert not run_dirs.has_checkpoint(runs, "digits", 3)
    (folder / "last.pt").touch()
    assert run_dirs.has_checkpoint(runs, "digits", 3)


def test_a_directory_that_is_gone_shows_nothing(tmp_path):
    assert run_dirs.look(tmp_path / "gone", 7, False) == run_dirs.Facts(None, None, b"", False, False)
    assert run_dirs.tail(tmp_path / "gone") == ""
    assert run_dirs.revoke_if_unstarted(tmp_path / "gone") == "absent"
    assert not (tmp_path / "gone").exists()


def test_the_tail_of_the_output(run_dir):
    (run_dir / protocol.OUTPUT_FILE).write_bytes("öabc\n".encode())
    assert run_dirs.tail(run_dir) == "öabc\n"
    assert run_dirs.tail(run_dir, 5) == "�abc\n"


def test_an_attempt_that_lives_is_left_alone(run_dir):
    fd = os.open(run_dir / protocol.LOCK_FILE, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        assert run_dirs.revoke_if_unstarted(run_dir) == "held"
        assert not (run_dir / protocol.REVOKED_FILE).exists()
    finally:
        os.close(fd)


def test_an_attempt_that_lived_is_not_revoked(run_dir):
    protocol.write_record(str(run_dir), protocol.START_FILE, {})
    assert run_dirs.revoke_if_unstarted(run_dir) == "started"
    assert not (run_dir / protocol.REVOKED_FILE).exists()


def test_an_attempt_that_never_began_never_will(run_dir):
    assert run_dirs.revoke_if_unstarted(run_dir) == "revoked"
    assert (run_dir / protocol.REVOKED_FILE).exists()
    assert run_dirs.revoke_if_unstarted(run_dir) == "revoked"
    # The probe keeps no lock: a late supervisor can take it and must then find the file.
    with open(run_dir / protocol.LOCK_FILE, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_is_set_aside_is_kept(run_dir):
    aside = run_dirs.set_aside(run_dir)
    assert not run_dir.exists()
    assert (aside / protocol.SPEC_FILE).exists()
    run_dirs.create(run_dir, {})


@pytest.fixture
def no_root() -> Iterator[Path]:
    """A folder of somebody for whom modes hold, who this process is meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="tuned-modes-", dir="/tmp"))
    root = os.geteuid() == 0
    if root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        shutil.rmtree(folder)


@pytest.mark.parametrize("shut", ["", "3", "3/1", "3/1/metrics.jsonl", "3/1/exit.json"])
def test_rights_that_were_taken_from_what_is_ours_are_given_back(no_root: Path, shut: str) -> None:
    study = no_root / "digits"
    run_dirs.create(study / "3" / "1", {"attempt_id": "f00"})
    (study / "3" / "1" / "metrics.jsonl").write_text("{}\n")
    end = {"attempt_id": "f00", "code": 0, "signal": None, "seconds": 1}
    protocol.write_record(str(study / "3" / "1"), "exit.json", end)
    (study / shut).chmod(0)
    facts = run_dirs.look(study / "3" / "1", 0, started=True, attempt_id="f00")
    assert (facts.data, facts.damaged, (facts.exit or {}).get("code")) == (b"{}\n", "", 0)
    study.chmod(0)
    assert list(found.studies(no_root)) == [study]
    (study / "3").chmod(0)
    run_dirs.create(study / "3" / "2", {"attempt_id": "f01"})


def test_where_all_run_directories_are_shut_nothing_is_judged(no_root: Path) -> None:
    runs = no_root / "runs"
    run_dir = runs / "digits" / "3" / "1"
    run_dirs.create(run_dir, {"attempt_id": "f00"})
    (run_dir / "metrics.jsonl").write_text("{}\n")
    runs.chmod(0)
    try:
        with pytest.raises(PermissionError):
            run_dirs.look(run_dir, 0, started=True)
    finally:
        runs.chmod(0o700)
    assert run_dirs.look(run_dir, 0, started=True).data == b"{}\n"
