"""The run-directory contract: records, lines and names."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.patience import DEADLINE_S
from tuned import protocol
from tuned.metrics_appender import EMPTY_GAPS, MetricsAppender, read_gaps

SPEC = {
    "attempt_id": "abc",
    "study": "digits",
    "number": 3,
    "attempt": 2,
    "seed": 11,
    "stage": "search",
    "params": {"optim.lr": 0.1, "name": "adam", "amp": True},
    "device": "cpu:0",
    "checkpoint_dir": "/c",
    "resumed": True,
}


class TestRecords:
    def test_round_trip(self, tmp_path: Path) -> None:
        protocol.write_record(str(tmp_path), "exit.json", {"code": 0})
        assert protocol.read_record(str(tmp_path), "exit.json") == {"code": 0, "protocol": protocol.PROTOCOL}
        assert [path.name for path in tmp_path.iterdir()] == ["exit.json"]

    def test_a_record_that_cannot_be_written_is_named_and_not_the_file_of_that_moment(self, tmp_path: Path) -> None:
        """Else the same trouble would have another text at every try."""
        (tmp_path / "exit.json").mkdir()
        for folder, kind in ((tmp_path, IsADirectoryError), (tmp_path / "gone", FileNotFoundError)):
            told = set()
            for _ in range(2):
                with pytest.raises(kind) as refused:
                    protocol.write_record(str(folder), "exit.json", {"code": 0})
                told.add(str(refused.value))
                assert refused.value.filename == str(folder / "exit.json")
            assert len(told) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["exit.json"]

    def test_two_writers_of_one_record_are_never_in_each_others_way(self, tmp_path: Path) -> None:
        folder, begin = str(tmp_path), threading.Barrier(2)

        def write(who: int) -> None:
            for _ in range(60):
                begin.wait(DEADLINE_S)
                protocol.write_record(folder, "stop.json", {"who": who, "long": "x" * 4000})

        with ThreadPoolExecutor(2) as pool:
            for writer in [pool.submit(write, who) for who in (1, 2)]:
                writer.result(DEADLINE_S)
        record = protocol.read_record(folder, "stop.json")
        assert record is not None
        assert record["who"] in (1, 2)
        assert [path.name for path in tmp_path.iterdir()] == ["stop.json"]

    def test_what_cannot_be_written_leaves_nothing_behind(self, tmp_path: Path) -> None:
        (tmp_path / "stop.json").mkdir()
        with pytest.raises(OSError, match="directory"):
            protocol.write_record(str(tmp_path), "stop.json", {})
        assert [path.name for path in tmp_path.iterdir()] == ["stop.json"]

    def test_a_record_for_an_older_reader_is_of_its_version(self, tmp_path: Path) -> None:
        before = protocol.PROTOCOL - 1
        protocol.write_record(str(tmp_path), "stop.json", {"reason": "pause", "new": 1}, version=before)
        assert protocol.read_record(str(tmp_path), "stop.json") == {"reason": "pause", "new": 1, "protocol": before}

    def test_absent(self, tmp_path: Path) -> None:
        assert protocol.read_record(str(tmp_path), "exit.json") is None

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"code": 0}', '{"protocol": "1"}', '{"protocol": 99}'])
    def test_damaged_or_unknown(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "exit.json").write_text(text)
        with pytest.raises(protocol.RecordError, match=r"exit\.json"):
            protocol.read_record(str(tmp_path), "exit.json")


class TestEnvironment:
    def test_names_and_values(self) -> None:
        env = protocol.trial_environment(SPEC, "/runs/digits/3/2")
        assert env["TUNED_PARAM_OPTIM_LR"] == "0.1"
        assert env["TUNED_PARAM_NAME"] == "adam"
        assert env["TUNED_PARAM_AMP"] == "true"
        assert json.loads(env["TUNED_PARAMS"]) == SPEC["params"]
        assert env["TUNED_METRICS"] == "/runs/digits/3/2/metrics.jsonl"
        assert (env["TUNED_NUMBER"], env["TUNED_ATTEMPT_NUMBER"], env["TUNED_RESUMED"]) == ("3", "2", "1")
        assert all(isinstance(value, str) for value in env.values())

    def test_environment_name(self) -> None:
        assert protocol.environment_name("optim.lr-ä2") == "OPTIM_LR__2"


@pytest.mark.parametrize("value", [1.5, -2, float("inf"), float("-inf")])
def test_numbers_round_trip(value: float) -> None:
    assert protocol.decode_number(json.loads(json.dumps(protocol.encode_number(value)))) == value


def test_not_a_number_round_trips() -> None:
    value = protocol.decode_number(protocol.encode_number(float("nan")))
    assert value != value


@pytest.mark.parametrize("value", [True, None, "abc", [1]])
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(ValueError):
        protocol.decode_number(value)


class TestAppender:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "metrics.jsonl"

    def test_lines(self, path: Path) -> None:
        appender = MetricsAppender(str(path), 1)
        assert appender.append(b"one\n") and appender.append(b"two\n")
        assert path.read_bytes() == b"one\ntwo\n"

    def test_begins_anew_after_a_torn_tail(self, path: Path) -> None:
        path.write_bytes(b'whole\n{"loss": 0.')
        MetricsAppender(str(path), 1).append(b"one\n")
        assert path.read_bytes() == b'whole\n{"loss": 0.\none\n'

    def test_keeps_what_cannot_be_written(self, tmp_path: Path) -> None:
        path = tmp_path / "absent" / "metrics.jsonl"
        appender = MetricsAppender(str(path), 1)
        assert not appender.append(b"one\n") and not appender.append(b"two\n")
        path.parent.mkdir()
        assert appender.flush()
        assert path.read_bytes() == b"one\ntwo\n"

    @pytest.mark.parametrize("room", range(12))
    def test_short_writes_lose_no_line(self, path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        """A disk that takes only so many bytes of the first write, as one that is filling up does."""
        write = os.write
        rooms = [room]

        def short(fd: int, data: bytes) -> int:
            data = data[: rooms.pop()] if rooms else data
            if not data:
                raise OSError(28, "No space left on device")
            return write(fd, data)

        monkeypatch.setattr(os, "write", short)
        appender = MetricsAppender(str(path), 1)
        for line in (b"first\n", b"second\n", b"third\n"):
            appender.append(line)
        lines = path.read_bytes().split(b"\n")
        torn = [b"first"[:room]] if 0 < room < 6 else []
        assert lines == [*torn, b"first", b"second", b"third", b""]

    def test_full_disk_for_several_lines(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write = os.write
        takes = [0, 8, 1, 3, 100]

        def short(fd: int, data: bytes) -> int:
            data = data[: takes.pop(0)] if takes else data
            if not data:
                raise OSError(28, "No space left on device")
            return write(fd, data)

        monkeypatch.setattr(os, "write", short)
        appender = MetricsAppender(str(path), 1)
        for line in (b"aaaa\n", b"bbbb\n", b"cccc\n", b"dddd\n", b"eeee\n"):
            appender.append(line)
        lines = [line for line in path.read_bytes().split(b"\n") if len(line) == 4]
        assert lines == [b"aaaa", b"bbbb", b"cccc", b"dddd", b"eeee"]

    @pytest.mark.parametrize("reused", [True, False])
    def test_writes_to_no_file_that_took_its_number(self, path: Path, reused: bool) -> None:
        """As after `os.closerange(3, 256)`, and an `open` of the user's own."""
        appender = MetricsAppender(str(path), 1)
        appender.append(b"one\n")
        os.close(appender._fd)
        own = path.with_name("own")
        fds = []
        if reused:
            while not fds or fds[-1] < appender._fd:
                fds.append(os.open(own, os.O_WRONLY | os.O_CREAT))
        assert appender.append(b"two\n")
        for fd in fds:
            os.close(fd)
        assert path.read_bytes() == b"one\ntwo\n"
        assert not own.exists() or own.read_bytes() == b""

    def test_what_waits_is_known_until_it_is_written(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        run_dirs_gaps = path.with_name("gaps")
        run_dirs_gaps.write_bytes(EMPTY_GAPS)
        appender = MetricsAppender(str(path), 3)
        with monkeypatch.context() as full:
            full.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
            appender.append(b'{"loss":1,"step":2,"_time":3}\n')
            appender.append(b'{"acc":1}\n')
        assert sorted(read_gaps(str(path.parent))) == ["acc", "loss"]
        assert run_dirs_gaps.stat().st_size == len(EMPTY_GAPS)
        assert appender.flush()
        assert read_gaps(str(path.parent)) == []
        assert path.read_bytes().count(b"\n") == 2


def test_process_start_time_names_a_process() -> None:
    mine = protocol.process_start_time(os.getpid())
    assert mine is not None and mine == protocol.process_start_time(os.getpid())
    assert protocol.process_start_time(2**22 + 1) is None
