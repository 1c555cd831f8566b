"""Every boundary of the data's way, with every process killed while the daemon stands at it.

The daemon is parked inside the window by a failpoint, the window is seen to be open, then the victim gets `kill -9`.
A dead daemon is started again; the study must end, and the invariants must hold.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.crash import test_card_windows
from tests.crash.conftest import SharedLab
from tests.crash.lab import Lab
from tests.e2e.conftest import Refusal, wait_until

VICTIMS: dict[str, tuple[str, ...]] = {
    "daemon": ("daemon",),
    "launcher": ("launcher",),
    "supervisor": ("supervisor",),
    "trial": ("trial",),
    "everything": ("daemon", "launcher", "supervisor", "trial"),
}

Steps = Iterator[None]
"""What happens: up to the first `yield` the window is opened, after it the outcome is checked."""


def submitting(lab: Lab, point: str) -> Steps:
    name = lab.study()
    lab.arm(point)
    lab.in_background(lab.send)
    yield
    # What was committed is there; whoever got no answer asks again and is told so.
    assert not lab.send()["created"]
    lab.wait_at_rest(name)
    assert len(lab.daemon.trials(name)) == 4


def recording(lab: Lab, point: str) -> Steps:
    """The record that is written may be that of the study before: this one was not taken in yet, then."""
    name = lab.study()
    lab.arm(point)
    answers: list[object] = []
    lab.in_background(lambda: answers.append(lab.send()))
    yield
    assert not (lab.send()["created"] and answers), "it was acknowledged"
    lab.wait_at_rest(name)
    assert len(lab.daemon.trials(name)) == 4


def running(lab: Lab, point: str) -> Steps:
    name = lab.study()
    lab.arm(point)
    lab.in_background(lab.send)  # the daemon may be parked before it answers
    yield
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 4}


def reporting(lab: Lab, point: str) -> Steps:
    """Held trials, so that what they report is taken in before they end, and not along with their end."""
    name = lab.study(hold=True)
    lab.arm(point)
    answers: list[object] = []
    lab.in_background(lambda: answers.append(lab.send()))
    yield
    if not answers:  # the bystander's reports may be read first: the daemon was killed before it had taken the study in
        lab.send()
    lab.release(name)
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 4}


def enqueueing(lab: Lab, point: str) -> Steps:
    name = lab.submit(hold=True)
    lab.arm(point)
    lab.in_background(lambda: lab.daemon.post(f"/v1/studies/{name}/enqueue", {"points": [{"x": 2.5}]}))
    yield
    lab.release(name)
    lab.wait_at_rest(name)
    assert [t["params"]["x"] for t in lab.daemon.trials(name) if t["origin"] == "user"] == [2.5]


def stopping(lab: Lab, point: str) -> Steps:
    name = held_study(lab)
    lab.arm(point)
    lab.in_background(lambda: lab.daemon.post("/v1/cancel", {"targets": [f"{name}/1"]}))
    yield
    lab.daemon.wait_state(name, 1, "cancelled", "failed")
    lab.release(name)
    lab.wait_at_rest(name)
    # It was told to end once, by whichever attempt: never does it begin again.
    assert lab.daemon.trials(name)[0]["attempt"] == 1


def preempting(lab: Lab, point: str) -> Steps:
    name = held_study(lab)
    urgent = lab.study(urgent=True, search={"method": "sobol", "trials": 1})
    lab.arm(point)
    lab.in_background(lab.send)
    yield
    # It gets the slot of one that waits meanwhile, and goes on from what it had saved.
    lab.daemon.wait_state(urgent, 1, "completed")
    lab.release(name)
    lab.wait_at_rest(name, urgent)
    assert lab.daemon.study(name)["counts"] == {"completed": 4}


def freezing(lab: Lab, point: str) -> Steps:
    name = held_study(lab)
    lab.arm(point)
    lab.in_background(lambda: lab.daemon.post("/v1/pause", {"targets": [f"{name}/1"], "level": "freeze"}))
    yield

    # It stands still, or it was killed meanwhile and stays paused, or it runs once more.
    def moved() -> bool:
        trial = lab.daemon.trials(name)[0]
        return lab.frozen(name, 1) or trial["state"] == "paused" or trial["attempt"] > 1

    lab.daemon.until(moved, "it moves")
    with contextlib.suppress(Refusal):
        lab.daemon.post("/v1/resume", {"targets": [f"{name}/1"]})
    lab.release(name)
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 4}


def ending(lab: Lab, point: str) -> Steps:
    name = lab.submit()
    lab.wait_at_rest(name)
    lab.arm(point)
    lab.in_background(lambda: lab.daemon.delete(f"/v1/studies/{name}"))
    yield
    wait_until(lambda: name not in [s["name"] for s in lab.daemon.get("/v1/studies")], "the study is gone")
    wait_until(lambda: [p.name for p in (lab.home / "runs").iterdir() if name in p.name] == [], "its folder is gone")


def replacing(lab: Lab, point: str) -> Steps:
    """The folder has moved and the rows have not: whichever holds, both studies are whole in the end."""
    name = lab.submit()
    lab.wait_at_rest(name)
    lab.content["search"]["seed"] = 2
    lab.arm(point)
    lab.in_background(lambda: lab.send(replace=True))
    yield
    lab.send(replace=True)  # whoever got no answer asks again
    lab.wait_at_rest(name)
    assert [lab.daemon.study(n)["counts"] for n in (name, f"{name}-1")] == [{"completed": 4}] * 2
    assert (lab.home / f"runs/{name}-1/4/1/output.log").exists()


def stepping(lab: Lab, point: str) -> Steps:
    name = lab.study(playbook={"steps": ["coarse"]})
    lab.arm(point)
    lab.in_background(lab.send)
    yield
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 4}
    (step,) = lab.daemon.get(f"/v1/studies/{name}/steps")["steps"]
    assert (step["name"], step["state"]) == ("coarse", "done")


def confirming(lab: Lab, point: str) -> Steps:
    name = lab.submit()
    lab.wait_at_rest(name)
    lab.arm(point)
    options = {"top": 1, "seeds": 2}
    lab.in_background(lambda: lab.daemon.post(f"/v1/studies/{name}/steps", {"step": "confirm", "options": options}))
    yield
    # Whoever got no answer finds the step all the same, and its trials beside those of the search.
    (step,) = lab.daemon.get(f"/v1/studies/{name}/steps")["steps"]
    added = step["result"]["trials"]
    for number in added:
        lab.daemon.wait_state(name, number, "completed")
    with contextlib.suppress(Refusal):  # it may be over by now
        lab.daemon.post(f"/v1/studies/{name}/steps/steer", {"step": step["id"], "action": "skip"})
    lab.wait_at_rest(name)
    assert len(lab.daemon.trials(name)) == 4 + len(added)


def revoking(lab: Lab, point: str) -> Steps:
    name = lab.study()
    lab.arm("directory.created")
    lab.in_background(lab.send)
    lab.wait_parked("directory.created")
    lab.kill("daemon")
    yield from recovering(lab, point)
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 4}


def ending_leftovers(lab: Lab, point: str) -> Steps:
    name = held_study(lab)
    lab.arm(point)
    for process in lab.of_kind("supervisor"):
        if process.run_dir is not None and name in process.run_dir.parts:
            process.kill()
    yield
    lab.release(name)
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 4}


def adopting(lab: Lab, point: str) -> Steps:
    name = held_study(lab)
    lab.kill("daemon")
    yield from recovering(lab, point)
    lab.release(name)
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 4}


def held_study(lab: Lab) -> str:
    """A study of which two trials run and are held."""
    name = lab.submit(hold=True)
    for number in (1, 2):
        lab.daemon.wait_state(name, number, "running")
    return name


def recovering(lab: Lab, point: str) -> Steps:
    """A daemon that starts on what a dead one left, and is parked in that."""
    lab.disarm()
    lab.arm(point)
    lab.launch()
    yield


WINDOWS: dict[str, Callable[[Lab, str], Steps]] = {
    "submit.committed": submitting,
    "enqueue.committed": enqueueing,
    "suggestion.stored": running,
    "claim.committed": running,
    "directory.created": running,
    "launch.asked": running,
    "forked": running,
    "start.seen": running,
    "ingest.read": reporting,
    "ingest.committed": reporting,
    "exit.seen": running,
    "exit.committed": running,
    "study.draining": running,
    "study.ended": running,
    "stop.committed": stopping,
    "stop.written": stopping,
    "stop.signalled": stopping,
    "preempt.committed": preempting,
    "freeze.written": freezing,
    "study.recorded": recording,
    "revoked": revoking,
    "leftovers.ended": ending_leftovers,
    "adoption.read": adopting,
    "adopted": adopting,
    "delete.committed": ending,
    "replace.moved": replacing,
    "step.committed": stepping,
    "step.added": confirming,
}
NO_LAUNCHER = (revoking, adopting, recording)
"""There no launcher runs yet."""

CASES = [
    (point, victim)
    for point, steps in WINDOWS.items()
    for victim in VICTIMS
    if not (victim == "launcher" and steps in NO_LAUNCHER)
]


@pytest.mark.parametrize(("point", "victim"), CASES)
def test_nothing_is_lost(shared_lab: Lab, point: str, victim: str) -> None:
    lab = shared_lab
    steps = WINDOWS[point](lab, point)
    next(steps)
    lab.wait_parked(point)
    assert lab.kill(*VICTIMS[victim]) > 0
    if "daemon" in VICTIMS[victim]:
        lab.restart()
    else:
        lab.disarm()
        lab.wait_answering()
    for _ in steps:
        raise AssertionError("the steps have one window")
    lab.daemon.wait_state(SharedLab.BYSTANDER, 1, "running")
    lab.invariants.check()
    lab.sound = True


def test_the_matrix_is_whole() -> None:
    """Every failpoint of the daemon is a window of the matrix."""
    import re
    from pathlib import Path

    import tuned.daemon

    code = "\n".join(path.read_text() for path in Path(tuned.daemon.__file__).parent.rglob("*.py"))
    reached = set(re.findall(r'failpoints\.reach\("([a-z.]+)"\)', code))
    # test_loops.py has those of loops, test_damaged_database.py of recover and rebuild, tests/places of places.
    elsewhere = ("loop.", "escalation", "recover.", "rebuild.", "place.")
    others = {point for point in reached if point.startswith(elsewhere)}
    assert reached - others == set(WINDOWS) | set(test_card_windows.WINDOWS)
