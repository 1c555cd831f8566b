"""A trial may do anything to its own folder: neither the daemon, nor another trial, nor a file elsewhere suffers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.lab import Lab
from tests.e2e.conftest import Refusal, wait_until

PIPES = """
import tuned
import os, pathlib, time
folder = pathlib.Path(os.environ["TUNED_RUN_DIR"])
for name in ("metrics.jsonl", "output.log"):
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
pathlib.Path(f"piped-{os.environ['TUNED_NUMBER']}").touch()
while pathlib.Path("hold").exists():
    time.sleep(0.02)
"""

NESTED = """
import tuned
import os
for _ in range(1500):
    os.mkdir("a" * 200)
    os.chdir("a" * 200)
with open("deep", "w") as file:
    file.write("x" * 100_000)
raise SystemExit(1)
"""

LINKED = """
import tuned
import os, pathlib
outside = pathlib.Path(os.environ["OUTSIDE"])
trial = pathlib.Path(os.environ["TUNED_RUN_DIR"]).parent
(trial / "9").symlink_to(outside)
(trial / "checkpoint").symlink_to(outside / "work")
work = pathlib.Path(os.environ["TUNED_WORK"])
(work / "link").symlink_to(outside)
(work / "filler").write_bytes(b"x" * 100_000)
raise SystemExit(1)
"""


@pytest.fixture
def wide_lab(scratch: Callable[[], Path]) -> Iterator[Lab]:
    """A lab with more slots than the daemon has threads for files."""
    lab = Lab(scratch(), slots=10)
    yield lab
    lab.close()


def bent(lab: Lab, script: str, trials: int, **run: Any) -> str:
    """Submit a study whose script is this."""
    (lab.base / "bend.py").write_text(script)
    run = {"script": "bend.py", "args": ["{params}"], "preload": [], "retries": {"error": 0}, **run}
    search = {"method": "random", "trials": trials, "parallel": trials}
    return lab.submit(run=run, search=search, space={"x": {"type": "float", "low": 0.0, "high": 1.0}})


def test_pipes_in_place_of_its_files_hold_up_nobody(wide_lab: Lab) -> None:
    lab = wide_lab
    (lab.base / "hold").touch()
    lab.start()
    name = bent(lab, PIPES, 8)
    wait_until(lambda: len(list(lab.base.glob("piped-*"))) == 8, "they have bent their folders")
    for restarted in (False, True):
        if restarted:
            lab.kill("daemon")
            lab.restart()
        neighbour = lab.submit(search={"method": "sobol", "trials": 2, "parallel": 1, "seed": 1})
        lab.wait_at_rest(neighbour)
        assert lab.daemon.study(neighbour)["counts"] == {"completed": 2}
        assert lab.daemon.get(f"/v1/studies/{name}/trials/1/log")["text"] == ""
    (lab.base / "hold").unlink()
    wait_until(lambda: lab.daemon.study(name)["counts"] == {"failed": 8}, "they end as any other")
    assert "metrics.jsonl" in lab.daemon.trials(name)[0]["reason"]


def test_folders_in_folders_are_removed_and_never_keep_the_daemon_from_starting(lab: Lab) -> None:
    lab.start()
    name = bent(lab, NESTED, 1)
    # Below work/, where a trial is not by itself.
    lab.daemon.wait_state(name, 1, "failed")
    work = lab.home / "runs" / name / "1" / "1" / "work"
    subprocess.run(["mv", lab.base / ("a" * 200), work], check=True)
    collected = lab.daemon.post("/v1/gc", {"dry_run": False, "quota": 0})
    assert f"{name}/1 work" in " ".join(collected["removed"])
    assert not work.exists()
    (work.parent / "output.log").unlink(missing_ok=True)  # an empty one is not worth removing
    assert "removed to free the disk" in lab.daemon.get(f"/v1/studies/{name}/trials/1/log")["note"]
    other = bent(lab, NESTED, 1)
    lab.daemon.wait_state(other, 1, "failed")
    subprocess.run(["mv", lab.base / ("a" * 200), lab.home / "runs" / other / "1" / "1" / "work"], check=True)
    lab.daemon.post("/v1/cancel", {"targets": [other]})
    lab.daemon.wait_ended(other)
    lab.daemon.delete(f"/v1/studies/{other}")
    wait_until(lambda: not list((lab.home / "runs").glob(f"*{other}")), "its folder goes")
    # One that a killed daemon left in the middle.
    grave = lab.home / "runs" / ".deleted-00000000-gone"
    grave.mkdir()
    bent(lab, NESTED, 1)
    wait_until(lambda: (lab.base / ("a" * 200)).exists(), "a third")
    subprocess.run(["mv", lab.base / ("a" * 200), grave], check=True)
    lab.kill("daemon")
    lab.restart()
    wait_until(lambda: not grave.exists(), "it goes after the start")


def test_nothing_outside_is_removed_through_a_link(lab: Lab, tmp_path: Path) -> None:
    precious = tmp_path / "outside" / "work" / "precious"
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")
    (tmp_path / "outside" / "output.log").write_text("mine")
    lab.start()
    name = bent(lab, LINKED, 1, env={"OUTSIDE": str(tmp_path / "outside")})
    lab.daemon.wait_state(name, 1, "failed")
    trial = lab.home / "runs" / name / "1"
    (trial / "1" / "predictions").symlink_to(precious.parent)
    collected = lab.daemon.post("/v1/gc", {"dry_run": False, "quota": 0})
    assert collected["freed_bytes"] > 100_000
    assert not (trial / "1" / "work").exists()
    assert precious.read_text() == "mine"
    assert (tmp_path / "outside" / "output.log").read_text() == "mine"
    lab.daemon.post("/v1/cancel", {"targets": [name]})
    lab.daemon.wait_ended(name)
    # Its folder was moved to another disk, with a link in its place.
    elsewhere = tmp_path / "elsewhere"
    trial.parent.rename(elsewhere) if trial.stat().st_dev == tmp_path.stat().st_dev else subprocess.run(
        ["mv", trial.parent, elsewhere], check=True
    )
    trial.parent.symlink_to(elsewhere)
    changed = lab.daemon.delete(f"/v1/studies/{name}")
    assert str(elsewhere) in changed["effects"][0]
    wait_until(lambda: not [p for p in (lab.home / "runs").iterdir() if name in p.name], "the link goes")
    assert (elsewhere / "1" / "1" / "spec.json").exists()
    assert precious.read_text() == "mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system needs root")
def test_a_study_on_a_mount_point_is_refused_in_one_line(lab: Lab) -> None:
    lab.start()
    name = lab.submit(search={"method": "sobol", "trials": 1})
    lab.wait_at_rest(name)
    folder = lab.home / "runs" / name
    if subprocess.run(["mount", "-t", "tmpfs", "none", folder], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    try:
        (folder / "theirs").touch()
        with pytest.raises(Refusal) as refused:
            lab.daemon.delete(f"/v1/studies/{name}")
        assert refused.value.status == 409
        assert "mount point" in refused.value.problem["detail"]
        assert (folder / "theirs").exists()
        assert lab.daemon.study(name)["state"] == "completed"
    finally:
        subprocess.run(["umount", folder], check=True)
    lab.daemon.delete(f"/v1/studies/{name}")
