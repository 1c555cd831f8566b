"""A machine that has no process to give for a while: trials wait for it with the reason, and none fails."""

from __future__ import annotations

import sys

import pytest

from tests.crash.lab import Lab

# Run by the launcher's interpreter, as `site` runs it: fork fails there as long as a file exists.
NO_FORK = """
import errno, os, pathlib
_fork = os.fork
def fork():
    if pathlib.Path({flag!r}).exists():
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return _fork()
os.fork = fork
"""


@pytest.mark.parametrize("ready", [True, False])
def test_trials_wait_for_a_process_and_the_study_stays_warm(lab: Lab, ready: bool) -> None:
    flag = lab.base / "no-fork"
    (lab.base / "sitecustomize.py").write_text(NO_FORK.format(flag=str(flag)))
    lab.start()
    run = {"script": "train.py", "preload": [], "python": sys.executable, "env": {"PYTHONPATH": str(lab.base)}}
    search = {"method": "sobol", "trials": 3, "parallel": 3}
    if ready:
        # A launcher that has forked before, and one that cannot even try its preload.
        lab.wait_at_rest(lab.submit(run=run, search=search))
    flag.touch()
    name = lab.submit(run=run, search=search)
    why = "Resource temporarily unavailable"
    lab.daemon.until(lambda: any(why in note for note in lab.daemon.get("/v1/status")["notes"]), "it is not said")
    study = lab.daemon.study(name)
    assert study["state"] == "running"
    assert set(study["counts"]) <= {"queued", "starting"}
    flag.unlink()
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 3}
    # Still forked, not cold ever after.
    modes = {lab.daemon.get(f"/v1/studies/{name}/trials/{n}")["attempts"][-1]["mode"] for n in (1, 2, 3)}
    assert modes == {"warm"}
    lab.invariants.check(at_rest=True)
