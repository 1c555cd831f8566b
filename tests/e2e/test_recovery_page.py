"""docs/recovery.md, followed word for word."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.e2e.tunectl_process import Tunectl

pytestmark = pytest.mark.e2e

PAGE = (Path(__file__).parents[2] / "docs" / "recovery.md").read_text()


def typed(heading: str) -> list[str]:
    """The words of the one command that a section shows."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    (command,) = re.findall(r"```sh\n(.*?)\n```", section, re.DOTALL)
    words = command.split()
    assert words.pop(0) == "tunectl"
    return words


def files(home: Path) -> dict[str, bytes]:
    """Every file of the state folder but logs, and what SQLite keeps beside a database that is open."""
    files = (path for path in home.rglob("*") if path.is_file())
    kept = (path for path in files if path.suffix != ".log" and not path.name.startswith("tuned.db-"))
    return {str(path): path.read_bytes() for path in kept}


def test_damage_a_lost_database_and_only_run_directories(tunectl: Tunectl) -> None:
    tunectl.write(trials=4)
    tunectl("submit", "quad.toml", "--wait")
    fields = ("number", "state", "params", "values", "attempt", "seed", "origin")
    before = [{f: row[f] for f in fields} for row in tunectl.json("trials", "quad")]
    database = tunectl.home / "tuned.db"
    # A daemon looks for a due copy as it starts, then once a minute.
    tunectl("daemon", "stop")
    tunectl("studies")
    copy = tunectl.wait_until(lambda: next((tunectl.home / "backups").glob("*.db"), None), "there is a copy")

    def the_same() -> None:
        assert [{f: row[f] for f in fields} for row in tunectl.json("trials", "quad")] == before
        assert tunectl.json("best", "quad")

    recover = typed("The database is damaged, lost, or an older one")
    whole = database.read_bytes()
    tunectl("daemon", "stop")
    # Damaged.
    database.write_bytes(whole[: len(whole) // 2] + b"\x5a" * (len(whole) - len(whole) // 2))
    assert "tunectl daemon recover" in tunectl("studies", code=1)
    there = files(tunectl.home)
    said = tunectl(*recover, "--dry-run")
    assert "nothing was changed" in said
    assert "tuned.db.damaged-" in said
    assert files(tunectl.home) == there
    said = tunectl(*recover)
    assert "kept it as" in said
    assert "the daemon runs" in said
    the_same()
    # Sound: nothing happens to it.
    report = tunectl.json(*recover)
    assert (report["database"], report["kept"], report["taken_in"]) == ("sound", None, [])
    # Lost, and an empty one made by another program.
    tunectl("daemon", "stop")
    database.write_bytes(b"")
    assert "the database is empty" in tunectl("studies", code=1)
    assert tunectl.json(*recover)["database"] == "empty"
    the_same()
    # An older copy, put there by hand.
    tunectl("daemon", "stop")
    shutil.copyfile(copy, database)
    the_same()
    # Run directories alone.
    shutil.rmtree(tunectl.home / "backups")
    rebuild = typed("Only the run directories are left")
    planned = tunectl.json(*rebuild, "--dry-run")
    the_same()
    report = tunectl.json(*rebuild)
    assert planned["dry_run"] and not report["dry_run"]
    assert (planned["studies"], planned["taken_in"]) == (report["studies"], report["taken_in"])
    assert not Path(planned["kept"]).exists() or planned["kept"] == report["kept"]
    assert report["studies"] == 1
    assert Path(report["kept"]).exists()
    the_same()
