"""The log has every trouble, and none of them over and over."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from storage import repository
from storage.engine import open_database
from tests.db.conftest import NOW, make_spec
from tuned.daemon.files.study_records import StudyRecords
from tuned.daemon.hub import Hub
from tuned.daemon.repeats import AGAIN_S, FIRST, Repeats


class Log:
    def __init__(self) -> None:
        self.now, self.lines = 0.0, list[str]()
        self.filter = Repeats(lambda: self.now)

    def say(self, message: str, *args: object, level: int = logging.WARNING, name: str = "loop") -> None:
        record = logging.LogRecord(name, level, "", 0, message, args, None)
        if self.filter.filter(record):
            self.lines.append(record.getMessage())


def test_a_warning_at_every_look_is_a_few_lines_and_then_one_an_hour() -> None:
    log = Log()
    for _ in range(3 * 720):
        log.say("%s cannot be written: %s", "study.json", "100 % full")
        log.now += 5.0
    line = "study.json cannot be written: 100 % full"
    assert log.lines[:FIRST] == [line] * FIRST
    assert log.lines[FIRST:] == [f"{line} (and 719 times more since that was logged)"] * 2


def test_what_is_new_is_said_at_once() -> None:
    log = Log()
    for _ in range(100):
        log.say("a failed")
        log.say("a failed", name="another loop")
        log.say("fine", level=logging.INFO)
    assert (log.lines.count("a failed"), log.lines.count("fine")) == (2 * FIRST, 100)
    log.say("b failed")
    assert log.lines[-1] == "b failed"
    log.now += AGAIN_S
    log.lines.clear()
    log.say("a failed")
    log.say("a failed")
    assert log.lines == ["a failed"] * 2, "it was over for an hour"


def test_memory_is_bounded_whatever_is_said() -> None:
    log = Log()
    for number in range(5000):
        log.say("trial %d failed", number)
    assert len(log.lines) == 5000
    assert len(log.filter._met) <= 1000


def test_the_daemon_logs_through_it() -> None:
    code = "import logging; from tuned.daemon.__main__ import log_to_stderr; log_to_stderr()\n"
    code += "for _ in range(50): logging.getLogger('x').warning('no space')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.count("WARNING x: no space") == FIRST


@pytest.mark.parametrize("in_the_way", ["a file", "a folder"])
async def test_a_record_that_cannot_be_written_is_said_once_and_once_more_when_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, in_the_way: str
) -> None:
    database = open_database(tmp_path / "tuned.db", lambda events: None)
    database.writer.submit(lambda conn: repository.create_study(conn, make_spec("quick"), {}, NOW)).result()
    caplog.set_level(logging.INFO)
    runs = tmp_path / "runs"
    records = StudyRecords(database, Hub(asyncio.get_running_loop()), runs)
    if in_the_way == "a file":
        runs.write_text("")
    else:
        (runs / "quick" / "study.json").mkdir(parents=True)
    for _ in range(3):
        records._changed = {"quick"}
        assert await records._round() == {"quick"}
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert said[0].startswith("the record of study quick could not be written: ")
    assert said[0].endswith("/runs/quick/study.json'")
    if in_the_way == "a file":
        runs.unlink()
    else:
        (runs / "quick" / "study.json").rmdir()
    for _ in range(2):
        records._changed = {"quick"}
        assert await records._round() == set()
    assert [record.getMessage() for record in caplog.records][1:] == ["the record of study quick is up to date again"]
    database.close()
