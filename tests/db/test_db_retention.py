"""Which folders a collection takes, by what the database knows of their trials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from storage import repository
from tuned.core.trials.keeping import TOP_K, removals
from tuned.daemon.files.retention import Retention
from tuned.home import home_at

if TYPE_CHECKING:
    from conftest import Lab


def checkpoint(runs: Path, study: str, number: int) -> Path:
    folder = runs / study / str(number) / "checkpoint"
    folder.mkdir(parents=True)
    (folder / "last.pt").write_bytes(b"x" * 8192)
    return folder


async def test_what_is_needed_stays_however_little_room_there_is(lab: Lab, tmp_path: Path) -> None:
    """The best, the final model, and what another study begins from; all else goes, and only when it is said."""
    source = lab.study("source")
    count = TOP_K + 3
    for number in range(1, count + 1):
        lab.completed(source, float(number), params={"lr": 0.1, "width": number})
    lab.completed(source, 99.0, stage="finalize")
    lab.study("begins", pretrained={"study:source/7": f"source/{count}"})
    home = home_at(tmp_path, "--home")
    folders = {number: checkpoint(home.runs, "source", number) for number in range(1, count + 2)}
    retention = Retention(home, lab.database)
    unneeded = [TOP_K + 1, TOP_K + 2]
    foreseen = await retention.collect(dry_run=True, quota=0)
    assert all(folder.exists() for folder in folders.values())
    done = await retention.collect(dry_run=False, quota=0)
    assert [number for number, folder in folders.items() if not folder.exists()] == unneeded
    assert done.freed_bytes == foreseen.freed_bytes > 0


@pytest.mark.parametrize("meanwhile", ["it is replaced", "another begins from it"])
async def test_what_was_decided_is_looked_at_once_more_before_anything_goes(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    """Measuring takes minutes: the checkpoint of a trial that runs by now went, by the name of one that had ended."""
    before = lab.study("digits")
    for number in range(1, TOP_K + 2):
        lab.completed(before, float(number), params={"lr": 0.1, "width": number})
    worst = TOP_K + 1
    home = home_at(tmp_path, "--home")
    folder = checkpoint(home.runs, "digits", worst)

    def later(*arguments: Any) -> Any:
        chosen = removals(*arguments)
        assert [(r.number, r.part) for r in chosen] == [(worst, "checkpoint")]
        if meanwhile == "it is replaced":
            lab.do(repository.rename_study, before, "digits-1", 2_000_000.0)
            (home.runs / "digits").rename(home.runs / "digits-1")
            lab.claim(lab.queue(lab.study("digits"), worst)[-1])
            checkpoint(home.runs, "digits", worst)
        else:
            lab.study("begins", pretrained={f"study:digits/{worst}": f"digits/{worst}"})
        return chosen

    monkeypatch.setattr("tuned.daemon.files.retention.removals", later)
    done = await Retention(home, lab.database).collect(dry_run=False, quota=0)
    assert folder.exists() and not done.removed and done.freed_bytes == 0
