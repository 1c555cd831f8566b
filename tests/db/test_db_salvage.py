from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys

import pytest

from storage.backup import back_up, is_sound
from storage.engine import open_database
from storage.models import metadata
from storage.problems import Damaged, found_by_check
from storage.salvage import salvage
from tests.bad_disk import build
from tests.patience import DEADLINE_S

PAGE = 4096
TRIALS = 160
FILLED = ("trials", "attempts", "observations", "events", "trial_params")
"""Tables of many pages."""


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A database with many trials, closed, and its rows by table."""
    from tests.db.conftest import Lab

    path = tmp_path_factory.mktemp("full") / "tuned.db"
    lab = Lab(path)
    for name in ("first", "second"):
        study = lab.study(name)
        for i in range(TRIALS // 2):
            trial = lab.completed(study, 0.5 + i)
            lab.report(trial, *(("loss", step, 1.0 / (1 + step)) for step in range(1, 12)))
    lab.close()
    return path, rows(path)


def rows(path):
    with contextlib.closing(sqlite3.connect(path)) as conn:
        names = [table.name for table in metadata.sorted_tables if table.name != "meta"]
        found = {name: set(conn.execute(f"SELECT * FROM {name}")) for name in names}
    found["study_counts"] = {row for row in found["study_counts"] if row[2]}  # a state that nobody is in may have a row
    return found


def pages(path, table, kind):
    with contextlib.closing(sqlite3.connect(path)) as conn:
        query = "SELECT pageno, ncell FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY path"
        return conn.execute(query, (table, kind)).fetchall()


def damaged(full, tmp_path, numbers, fill=b"\xa5"):
    path = tmp_path / "damaged.db"
    data = bytearray(full.read_bytes())
    for number in numbers:
        data[(number - 1) * PAGE : number * PAGE] = fill * PAGE
    path.write_bytes(data)
    return path


def fresh(tmp_path):
    path = tmp_path / "new.db"
    open_database(path).close()
    return path


@pytest.mark.parametrize("table", FILLED)
def test_rows_of_sound_pages_are_read_on_both_sides_of_a_damaged_one(full, tmp_path, table):
    whole, before = full
    leaves = pages(whole, table, "leaf")
    (number, cells) = leaves[len(leaves) // 2]
    path, new = damaged(whole, tmp_path, [number]), fresh(tmp_path)
    result = salvage(path, new)
    after = rows(new)
    if table in ("trial_params",):  # made anew by a trigger
        assert result.damaged == []
        assert after == before
        return
    assert result.damaged == [table]
    lost = before[table] - after[table]
    assert 0 < len(lost) <= cells + 2  # of a table without row numbers, the pages above hold a row for each below
    followers = {"trials": {"trial_params", "study_counts", "attempts", "observations"}}.get(table, set())
    for name in before:
        assert name == table or name in followers or after[name] == before[name], name
    assert is_sound(new)


def test_a_file_whose_first_page_is_gone_is_read_by_that_of_a_copy(full, tmp_path):
    whole, before = full
    copy = back_up(whole, tmp_path / "backups", 1e9)
    new = fresh(tmp_path)
    salvage(damaged(whole, tmp_path, [1]), new, copy)
    assert rows(new) == before


def test_nothing_is_read_of_what_is_no_database(tmp_path):
    path = tmp_path / "noise.db"
    path.write_bytes(b"\x93" * 5 * PAGE)
    assert not any(salvage(path, fresh(tmp_path)).rows.values())


OPENS = """
import sys
from pathlib import Path
from storage.engine import open_database
try:
    open_database(Path(sys.argv[1]))
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_disk_that_cannot_be_read_is_not_called_damage(full, tmp_path):
    whole, _ = full
    library = build(tmp_path)
    if library is None:
        pytest.skip("a C compiler makes the disk fail")
    path, faults = tmp_path / "tuned.db", tmp_path / "faults"
    path.write_bytes(whole.read_bytes())
    faults.write_text("pread tuned.db EIO\n")
    environment = {**os.environ, "LD_PRELOAD": str(library), "TUNED_FAULTS": str(faults)}
    done = subprocess.run(
        [sys.executable, "-c", OPENS, path],
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    assert done.stdout.startswith(f"Unavailable {path}: the disk reports an error: Input/output error"), done


def test_a_finding_that_is_an_error_of_the_disk_is_not_called_damage(tmp_path):
    line = "*** in database main ***\nTree 3 page 7: unable to get the page. error code=266"
    error = found_by_check([line], tmp_path / "tuned.db")
    assert not isinstance(error, Damaged)
    assert "the disk reports an error" in str(error)
    for line in ("row 3 missing from index x", "Tree 3 page 7: unable to get the page. error code=11"):
        assert isinstance(found_by_check([line], tmp_path / "tuned.db"), Damaged)


def exchanged(full, tmp_path, one, other):
    """Two pages in each other's place: each can be read, and the check lists what is wrong."""
    path = tmp_path / "damaged.db"
    data = bytearray(full.read_bytes())
    a, b = (slice((number - 1) * PAGE, number * PAGE) for number in (one, other))
    data[a], data[b] = data[b], data[a]
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("exchange", [False, True], ids=["a page that cannot be read", "pages that were exchanged"])
def test_a_damaged_database_takes_no_sound_copys_place(full, tmp_path, exchange):
    whole, _ = full
    folder = tmp_path / "backups"
    sound = back_up(whole, folder, 1e9)
    (first, _), (second, _), *_ = pages(whole, "events", "leaf")
    harmed = exchanged(whole, tmp_path, first, second) if exchange else damaged(whole, tmp_path, [first])
    with pytest.raises(Damaged, match="damaged"):
        back_up(harmed, folder, 1e9 + 86_400)
    assert list(folder.iterdir()) == [sound]


def test_damage_is_found_at_the_start_after_a_clean_end(full, tmp_path):
    whole, _ = full
    leaves = pages(whole, "observations", "leaf")
    with pytest.raises(Damaged, match="tunectl daemon recover"):
        open_database(damaged(whole, tmp_path, [leaves[len(leaves) // 2][0]]))
