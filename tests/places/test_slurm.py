"""Trials on a real Slurm cluster: found again, told, ended and judged, whoever is killed meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.e2e.conftest import Refusal, wait_until
from tests.places.any_engine import CARD, ONE, AnyEngine
from tests.places.lab import PlacedLab


class TestSlurm(AnyEngine):
    """What holds for every engine."""

    @pytest.fixture
    def lab_there(self, placed: PlacedLab) -> PlacedLab:
        return placed

    @pytest.fixture
    def handed_over(self, placed: PlacedLab) -> Callable[[], list[str]]:
        return placed.jobs


def test_a_trial_is_paused_by_a_daemon_that_is_killed_at_it_and_goes_on(placed: PlacedLab) -> None:
    name = placed.submit(hold=True, **ONE)
    # It is known to save, and so is not frozen by a pause, once its first lines are read.
    placed.daemon.until(lambda: placed.daemon.trials(name)[0]["last_step"] is not None, "it reports nothing")
    placed.arm("stop.written")
    placed.in_background(lambda: placed.daemon.post("/v1/pause", {"targets": [f"{name}/1"]}))
    placed.wait_parked("stop.written")
    placed.kill("daemon")
    placed.restart()
    placed.daemon.wait_state(name, 1, "paused")
    placed.release(name)
    placed.daemon.post("/v1/resume", {"targets": [f"{name}/1"]})
    placed.wait_at_rest(name)
    trial = placed.daemon.trials(name)[0]
    assert (trial["state"], trial["attempt"]) == ("completed", 2)


def test_a_trial_that_waits_says_so_in_slurms_words_and_leaves_its_queue(placed: PlacedLab) -> None:
    search = {"method": "sobol", "trials": 3, "parallel": 3, "seed": 1}
    name = placed.submit(hold=True, run=CARD, search=search)

    def waiting() -> list[int]:
        rows = placed.daemon.trials(name)
        two_run = [row["state"] for row in rows].count("running") == 2
        return [row["number"] for row in rows if two_run and "waits there (Resources)" in row["waits_for"]]

    [number] = wait_until(waiting, "one of them waits for a card")
    placed.daemon.post("/v1/cancel", {"targets": [f"{name}/{number}"]})
    placed.daemon.wait_state(name, number, "cancelled")
    spec = json.loads((placed.home / f"runs/{name}/{number}/1/spec.json").read_text())
    assert spec["env"].get("CUDA_VISIBLE_DEVICES") is None, "cards are Slurm's to name"
    assert "HOME" not in spec["env"], "the submitter's environment stays here"
    placed.release(name)
    placed.wait_at_rest(name)


def test_scancel_by_hand_pauses_and_resume_goes_on(placed: PlacedLab) -> None:
    name = placed.submit(hold=True, **ONE)
    placed.daemon.wait_state(name, 1, "running")
    number = placed.number_of(name, 1)
    with pytest.raises(AssertionError, match="disabled"):
        placed.cluster.run("scontrol", "requeue", number)
    placed.cluster.run("scancel", number)
    trial = placed.daemon.wait_state(name, 1, "paused")
    assert f"job {number} in lab was cancelled there" in trial["reason"]
    placed.release(name)
    placed.daemon.post("/v1/resume", {"targets": [f"{name}/1"]})
    placed.wait_at_rest(name)
    assert placed.daemon.trials(name)[0]["state"] == "completed"


def test_trials_outlive_slurms_daemons_and_nothing_starts_while_it_is_silent(placed: PlacedLab) -> None:
    name = placed.submit(hold=True, **ONE)
    placed.daemon.wait_state(name, 1, "running")
    placed.cluster.kill("slurmctld")
    placed.cluster.kill("n1")
    placed.cluster.kill("n2")
    other = placed.submit(**ONE)
    wait_until(lambda: "Slurm does not answer" in placed.daemon.study(other)["note"], "its silence is said")
    placed.release(name)
    placed.daemon.wait_state(name, 1, "completed")
    for one in ("slurmctld", "n1", "n2"):
        placed.cluster.start(one)
    placed.wait_at_rest(name, other)
    assert placed.daemon.study(other)["counts"] == {"completed": 1}


def test_a_limit_of_time_is_a_pause(placed: PlacedLab) -> None:
    placed.configure(slots=4, options=["--time=1"])
    try:
        name = placed.submit(hold=True, run={"grace": "40s"}, **ONE)
        wait_until(lambda: placed.daemon.trials(name)[0]["attempt"] == 2, "it is begun again")
        record = json.loads((placed.home / f"runs/{name}/1/1/exit.json").read_text())
        assert (record["by_place"], record["stop"], record["code"]) == (True, "pause", 0)
        placed.release(name)
        placed.wait_at_rest(name)
        [trial] = placed.daemon.trials(name)
        assert (trial["state"], trial["last_step"]) == ("completed", 4)
    finally:
        placed.configure(slots=4)


def test_what_slurm_refuses_fails_with_its_sentence(placed: PlacedLab) -> None:
    name = placed.submit(run={"resources": {"gpus": 7}}, **ONE)
    trial = placed.daemon.wait_state(name, 1, "failed")
    assert "Requested node configuration is not available" in trial["reason"]
    placed.daemon.post("/v1/cancel", {"targets": [name]})


def test_what_the_place_does_not_see_is_refused(placed: PlacedLab) -> None:
    name = placed.study(**ONE)
    placed.content["run"]["place"] = "lob"
    with pytest.raises(Refusal) as refused:
        placed.send()
    assert refused.value.problem["hint"] == "did you mean lab?"
    placed.content["run"] |= {"place": "lab", "cwd": "/"}
    with pytest.raises(Refusal) as refused:
        placed.send()
    assert "/ is not seen from place lab" in refused.value.problem["detail"]
    assert 'run.code = "snapshot"' in refused.value.problem["hint"]
    assert not (placed.home / "runs" / name).exists()


def test_a_copy_of_the_code_runs_there_and_goes_with_its_study(placed: PlacedLab) -> None:
    placed.configure(slots=4, sees=[])
    try:
        name = placed.submit(run={"code": "snapshot"}, **ONE)
        placed.wait_at_rest(name)
        assert placed.daemon.study(name)["counts"] == {"completed": 1}
        folder = (placed.home / "runs" / name).readlink()
        assert placed.shared in folder.parents
        placed.daemon.delete(f"/v1/studies/{name}")
        wait_until(lambda: not folder.exists(), "its folder there goes")
    finally:
        placed.configure(slots=4)


def test_a_probe_is_answered_by_a_node(placed: PlacedLab) -> None:
    rows = []

    def both() -> bool:
        """Another test had one of the two down a while ago."""
        rows[:] = placed.daemon.post("/v1/places/probe", None)
        return bool(rows[0]["nodes"] == 2)

    wait_until(both, "the controller counts both nodes")
    [row] = rows
    assert "read and answered within" in row["answer"], row
    assert (row["nodes"], row["kinds"], row["trouble"]) == (2, ["gpu:1"], "")
    assert row["says"].startswith("slurm")
    assert not list(placed.shared.rglob("probe-*")), "it leaves nothing behind"
