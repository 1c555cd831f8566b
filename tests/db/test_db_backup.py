from __future__ import annotations

from storage import queries
from storage.backup import DAY_S, KEPT, back_up, backup_due, backups

NOW = 1_000_000.0


def test_a_backup_is_a_database_of_its_own(tmp_path, lab, open_lab):
    folder = tmp_path / "back?ups"
    lab.completed(lab.study("digits"), 0.5)
    copy = back_up(lab.path, folder, NOW)
    lab.study("later")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [s.name for s in open_lab(copy).ask(queries.studies)] == ["digits"]


def test_the_oldest_backups_go(tmp_path, lab):
    folder = tmp_path / "backups"
    made = [back_up(lab.path, folder, NOW + i) for i in range(KEPT + 2)]
    assert backups(folder) == made[:1:-1]
    assert sorted(folder.iterdir()) == made[2:]


def test_a_backup_is_due_once_a_day(tmp_path, lab):
    folder = tmp_path / "backups"
    assert backup_due(folder, NOW)
    made = back_up(lab.path, folder, NOW).stat().st_mtime
    assert not backup_due(folder, made + DAY_S - 1)
    assert backup_due(folder, made + DAY_S)
