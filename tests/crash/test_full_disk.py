"""A full disk costs time, never a trial: what cannot be written now is tried again."""

from __future__ import annotations

import pytest

from tests.crash.lab import Lab
from tests.e2e.conftest import wait_until


@pytest.mark.parametrize("point", ["claim.committed", "directory.created"])
def test_a_trial_that_cannot_be_started_goes_back_and_is_tried_later(shared_lab: Lab, point: str) -> None:
    lab = shared_lab
    full = lab.fill_disk(point)
    name = lab.submit(search={"method": "sobol", "trials": 2})
    note = wait_until(
        lambda: next((n for n in lab.daemon.get("/v1/status")["notes"] if "launching is paused" in n), ""), "it is said"
    )
    assert "No space left on device" in note
    wait_until(lambda: lab.daemon.study(name)["counts"].get("queued"), "they are queued again")
    lab.invariants.check()
    full.unlink()
    lab.wait_at_rest(name)
    trials = lab.daemon.trials(name)
    assert {t["state"] for t in trials} == {"completed"}
    ended = [a["ended_by"] for a in lab.daemon.get(f"/v1/studies/{name}/trials/1")["attempts"]]
    assert ended == ["unclaim"] * (len(ended) - 1) + ["exit_ok"]
    wait_until(lambda: lab.daemon.get("/v1/status")["notes"] == [], "nothing is paused any more")
    lab.disarm()
    lab.invariants.check()
    lab.sound = True


@pytest.mark.parametrize("point", ["ingest.committed", "exit.seen", "exit.committed"])
def test_a_disk_that_is_full_while_trials_run_costs_time_alone(shared_lab: Lab, point: str) -> None:
    lab = shared_lab
    full = lab.fill_disk(point)
    # Held, so that what they report is taken in before they end, and not along with their end.
    # More than there are slots: whoever has ended gives way to the next.
    name = lab.submit(hold=point == "ingest.committed", search={"method": "sobol", "trials": 4})
    wait_until(lambda: f"No space left on device: '{point}'" in lab.daemon.log(), "it is met")
    full.unlink()
    lab.release(name)
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 4}
    assert all(t["attempt"] == 1 for t in lab.daemon.trials(name))

    def held() -> list[str]:
        return [d["held_by"] for d in lab.daemon.get("/v1/status")["devices"] if d["held_by"]]

    wait_until(lambda: held() == ["bystander/1"], "their slots are free")
    lab.disarm()
    lab.invariants.check()
    lab.sound = True
