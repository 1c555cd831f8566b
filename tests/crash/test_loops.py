"""A background loop of the daemon that raises is counted, said, and started again; trials do not notice."""

from __future__ import annotations

import asyncio
import errno
import json
import re
from pathlib import Path

import tuned.daemon
from tests.crash.lab import Lab
from tests.e2e.conftest import wait_until
from tests.gpus.standin import Cards
from tuned.daemon.loops import Loops

LOOPS = (
    *("scheduler", "devices", "housekeeping", "yields", "places"),
    *("callers", "notices", "graveyard", "records", "socket"),
)


def test_every_loop_goes_on_after_failures(lab: Lab) -> None:
    cards = Cards(lab.base / "cards", {"uuid": "GPU-a"})
    full = lab.armed.with_name("full")
    full.touch()
    # Each of two kinds: a full disk, and a mistake of ours.
    lab.armed.write_text(
        ",".join(f"loop.{name}={'enospc:' + str(full) if i % 2 else 'bug'}" for i, name in enumerate(LOOPS))
    )
    lab.daemon.start(**cards.environment, TUNED_FAILPOINTS=f"@{lab.armed}")
    wait_until(lambda: set(lab.daemon.get("/v1/status")["failures"]) == set(LOOPS), "each failure is counted")
    status = lab.daemon.get("/v1/status")
    assert len([note for note in status["notes"] if "started again" in note]) == len(LOOPS)
    name = lab.submit(search={"method": "sobol", "trials": 2})
    lab.disarm()
    # The scheduler among them: trials start, and everything else works.
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 2}
    record = lab.home / "runs" / name / "study.json"
    wait_until(
        lambda: json.loads(record.read_text())["state"] == "completed" if record.exists() else False, "it is kept"
    )
    lab.daemon.delete(f"/v1/studies/{name}")
    wait_until(lambda: not list((lab.home / "runs").glob(f"*{name}*")), "its folder is removed")
    before = lab.daemon.get("/v1/status")["failures"]
    assert all(before[name] >= 1 for name in LOOPS)


def test_work_for_one_trial_or_study_is_counted_and_goes_on_after_failures(lab: Lab) -> None:
    points = {"suggesting": "suggestion.stored", "following trials": "escalation", "moving steps": "step.committed"}
    lab.start()
    name = lab.submit(search={"method": "sobol", "trials": 2}, hold=True, playbook={"steps": ["report"]})
    for number in (1, 2):
        lab.daemon.wait_state(name, number, "running")
    lab.armed.write_text(",".join(f"{point}=bug" for point in points.values()))
    other = lab.submit(search={"method": "sobol", "trials": 8})

    def counted(*names: str) -> bool:
        return set(names) <= set(lab.daemon.get("/v1/status")["failures"])

    wait_until(lambda: counted("suggesting", "following trials"), "a failure of each is counted")
    assert any(f"last: {name}/" in note for note in lab.daemon.get("/v1/status")["notes"])
    lab.release(name)
    wait_until(lambda: counted(*points), "a step that fails is counted")
    lab.disarm()
    lab.wait_at_rest(name, other)
    for study in (name, other):
        assert set(lab.daemon.study(study)["counts"]) == {"completed"}
    assert (lab.home / "runs" / name / "report.html").exists()


def test_every_loop_has_its_failpoint() -> None:
    folder = Path(tuned.daemon.__file__).parent
    code = "\n".join(path.read_text() for path in folder.rglob("*.py"))
    started = re.findall(r'_loops\.start\("([a-z]+)"', (folder / "app.py").read_text())
    assert sorted(started) == sorted(LOOPS)
    assert sorted(re.findall(r'failpoints\.reach\("loop\.([a-z]+)"\)', code)) == sorted(LOOPS)


async def test_a_daemon_without_descriptors_tells_once_a_try_that_it_accepts_nobody() -> None:
    loops, loop = Loops(), asyncio.get_running_loop()
    context = {"message": "", "exception": OSError(errno.EMFILE, "Too many open files"), "socket": None}
    for _ in range(2048):
        loops._unawaited(loop, context)
    assert loops.counts == {"accepting connections": 1}
    assert "Too many open files" in loops.notes[0]
