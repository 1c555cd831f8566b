"""A state folder that is moved or copied."""

from __future__ import annotations

from tests.crash.lab import Lab


def test_a_moved_state_folder_keeps_what_its_trials_left(lab: Lab) -> None:
    lab.start()
    name = lab.submit(search={"method": "sobol", "trials": 1})
    lab.wait_at_rest(name)
    lab.daemon.stop()
    before = lab.home
    lab.move_home("elsewhere")
    with (lab.home / "runs" / name / "1" / "1" / "output.log").open("a") as output:
        output.write("a last word\n")
    lab.start()
    assert "a last word" in lab.daemon.get(f"/v1/studies/{name}/trials/1/log")["text"]
    detail = lab.daemon.get(f"/v1/studies/{name}/trials/1")
    assert detail["run_dir"] == detail["attempts"][0]["run_dir"] == str(lab.home / "runs" / name / "1" / "1")
    assert not before.exists()
    lab.invariants.check(at_rest=True)
