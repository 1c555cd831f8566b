from __future__ import annotations

import contextlib
import os
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from storage import queries
from storage.backup import DAY_S, SOON_S, back_up, backup_due, backups, to_keep
from storage.problems import Damaged

NOW = 1_000_000.0


def test_a_backup_is_a_database_of_its_own(tmp_path, lab, open_lab):
    folder = tmp_path / "back?ups"
    lab.completed(lab.study("digits"), 0.5)
    copy = back_up(lab.path, folder, NOW)
    lab.study("later")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [s.name for s in open_lab(copy).ask(queries.studies)] == ["digits"]


def test_copies_of_different_ages_are_kept(tmp_path, lab):
    """Of a copy a day over half a year: the last days, the ends of the last weeks, the ends of the last months."""
    first = datetime(2026, 1, 1, 12, tzinfo=UTC)
    names: list[str] = []
    for day in range(200):
        names = [(first + timedelta(days=day)).strftime("tuned-%Y%m%d-%H%M%S.db"), *names]
        kept = to_keep(names)
        names = [name for name in names if name in kept]
    # 19 July 2026 is a Sunday.
    days = ["20260719", "20260718", "20260717", "20260712", "20260705", "20260630", "20260531"]
    assert names == [f"tuned-{day}-120000.db" for day in days]


def test_the_newest_of_a_day_is_kept_and_a_strange_name_left_alone(tmp_path, lab):
    folder = tmp_path / "backups"
    made = [back_up(lab.path, folder, NOW + i) for i in range(3)]
    (folder / "tuned-before-the-paper.db").write_bytes(b"x")
    made.append(back_up(lab.path, folder, NOW + 3))
    assert sorted(backups(folder)) == [made[-1], folder / "tuned-before-the-paper.db"]


def test_a_backup_is_due_once_a_day_and_when_the_database_has_grown(tmp_path, lab):
    folder = tmp_path / "backups"
    assert backup_due(folder, NOW, lab.path)
    copy = back_up(lab.path, folder, NOW)
    made = copy.stat().st_mtime
    assert not backup_due(folder, made + DAY_S - 1, lab.path)
    assert backup_due(folder, made + DAY_S, lab.path)
    size = copy.stat().st_size
    os.truncate(copy, size // 3)
    os.utime(copy, (made, made))
    assert backup_due(folder, made + SOON_S, lab.path)
    assert not backup_due(folder, made + SOON_S - 1, lab.path)


def test_a_database_with_a_row_that_is_none_gives_no_copy(tmp_path, lab):
    lab.study("digits")
    folder = tmp_path / "backups"
    (sound,) = [back_up(lab.path, folder, NOW)]
    with contextlib.closing(sqlite3.connect(lab.path)) as conn, conn:
        conn.execute("UPDATE study_specs SET spec = replace(spec, 'minimize', 'mini' || char(1) || 'ize')")
    with pytest.raises(Damaged, match="rows of study_specs"):
        back_up(lab.path, folder, NOW + DAY_S)
    assert backups(folder) == [sound]
