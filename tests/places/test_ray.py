"""Trials on the head of a Ray cluster, as recorded: found again, told, ended and judged, whoever is killed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.e2e.conftest import wait_until
from tests.places.any_engine import CARD, ONE, AnyEngine
from tests.places.fake_ray import FakeRay
from tests.places.lab import RayLab


class TestRay(AnyEngine):
    """What holds for every engine."""

    @pytest.fixture
    def lab_there(self, on_ray: RayLab) -> RayLab:
        return on_ray

    @pytest.fixture
    def handed_over(self, ray: FakeRay) -> Callable[[], list[str]]:
        return lambda: [*ray.asked.submits]


def test_one_request_a_look_and_what_is_over_leaves_rays_list(on_ray: RayLab, ray: FakeRay) -> None:
    lists, looks, stops = ray.asked.lists, calls(on_ray), len(ray.asked.stops)
    name = on_ray.submit(search={"method": "sobol", "trials": 4, "parallel": 4, "seed": 1})
    on_ray.wait_at_rest(name)
    names = {on_ray.name_of(name, number) for number in range(1, 5)}
    wait_until(lambda: not names & ray.jobs.keys(), "ended jobs are forgotten")
    assert len(ray.asked.stops) == stops, "a job that ends by itself is not stopped"
    wait_until(lambda: abs(calls(on_ray) - looks - ray.asked.lists + lists) <= 1, "a look is one list")
    body = json.loads((on_ray.home / f"runs/{name}/1/1/spec.json").read_text())
    assert "HOME" not in body["env"], "the submitter's environment stays here"


def calls(lab: RayLab) -> int:
    return int(lab.daemon.get("/v1/status")["places"][0]["calls"]["looks"])


def test_only_a_command_and_what_it_needs_is_sent(on_ray: RayLab, ray: FakeRay) -> None:
    name = on_ray.submit(hold=True, run={**CARD, "env": {"SECRET": "hush"}}, **ONE)
    on_ray.daemon.wait_state(name, 1, "running")
    body = ray.jobs[on_ray.name_of(name, 1)].body
    assert set(body) == {
        "entrypoint",
        "submission_id",
        "entrypoint_num_cpus",
        "entrypoint_num_gpus",
        "runtime_env",
    }
    assert "hush" not in json.dumps(body)
    assert body["runtime_env"] == {"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": "20"}}, "grace, and 15 s"
    start = json.loads((on_ray.home / f"runs/{name}/1/1/start.json").read_text())
    with open(f"/proc/{start['pid']}/environ", "rb") as file:
        assert b"CUDA_VISIBLE_DEVICES=7" in file.read().split(b"\0"), "cards are Ray's to name"
    on_ray.release(name)
    on_ray.wait_at_rest(name)


def test_a_pause_leaves_the_trial_its_grace_and_goes_on(on_ray: RayLab, ray: FakeRay) -> None:
    name = on_ray.submit(hold=True, **ONE)
    on_ray.daemon.wait_state(name, 1, "running")
    asked = len(ray.asked.stops)
    on_ray.daemon.post("/v1/pause", {"targets": [f"{name}/1"], "level": "restart"})
    on_ray.daemon.wait_state(name, 1, "paused")
    record = json.loads((on_ray.home / f"runs/{name}/1/1/exit.json").read_text())
    assert (record["code"], record["signal"]) == (0, None), "it left by itself"
    assert len(ray.asked.stops) == asked, "Ray's own stop would have hit the trial in its save"
    on_ray.release(name)
    on_ray.daemon.post("/v1/resume", {"targets": [f"{name}/1"]})
    on_ray.wait_at_rest(name)
    trial = on_ray.daemon.trials(name)[0]
    assert (trial["state"], trial["attempt"]) == ("completed", 2)


def test_a_trial_that_waits_says_so_and_never_begins_once_it_is_cancelled(on_ray: RayLab, ray: FakeRay) -> None:
    search = {"method": "sobol", "trials": 3, "parallel": 3, "seed": 1}
    name = on_ray.submit(hold=True, run=CARD, search=search)

    def waiting() -> list[int]:
        rows = on_ray.daemon.trials(name)
        two_run = [row["state"] for row in rows].count("running") == 2
        return [row["number"] for row in rows if two_run and "(waiting for resources" in row["waits_for"]]

    [number] = wait_until(waiting, "one of them waits for a card")
    job = on_ray.name_of(name, number)
    on_ray.daemon.post("/v1/cancel", {"targets": [f"{name}/{number}"]})
    on_ray.daemon.wait_state(name, number, "cancelled")
    assert ray.jobs[job].status == "PENDING", "Ray cannot drop what waits"
    on_ray.release(name)
    on_ray.wait_at_rest(name)
    wait_until(lambda: job not in ray.jobs or ray.jobs[job].status != "PENDING", "its turn comes")
    assert job.removeprefix("tuned-") not in on_ray.journal.read_text()
    assert not (on_ray.home / f"runs/{name}/{number}/1/start.json").exists()


def test_a_stop_by_hand_pauses_and_resume_goes_on(on_ray: RayLab, ray: FakeRay) -> None:
    name = on_ray.submit(hold=True, **ONE)
    on_ray.daemon.wait_state(name, 1, "running")
    job = on_ray.name_of(name, 1)
    ray.stop(job)
    trial = on_ray.daemon.wait_state(name, 1, "paused")
    assert f"job {job} in lab was cancelled there" in trial["reason"]
    on_ray.release(name)
    on_ray.daemon.post("/v1/resume", {"targets": [f"{name}/1"]})
    on_ray.wait_at_rest(name)
    assert on_ray.daemon.trials(name)[0]["state"] == "completed"


@pytest.mark.parametrize("kill", [True, False])
def test_a_lost_node_is_a_new_attempt_and_never_two_at_a_time(on_ray: RayLab, ray: FakeRay, kill: bool) -> None:
    name = on_ray.submit(hold=True, **ONE)
    on_ray.daemon.wait_state(name, 1, "running")
    ray.lose(on_ray.name_of(name, 1), kill=kill)
    wait_until(lambda: on_ray.daemon.trials(name)[0]["attempt"] == 2, "it runs elsewhere")
    folder = on_ray.home / f"runs/{name}/1/1"
    assert (folder / "revoked").exists()
    if not kill:
        record = wait_until(lambda: (folder / "exit.json").exists(), "what Ray had lost is ended by its supervisor")
        record = json.loads((folder / "exit.json").read_text())
        assert (record["signal"], record["stop"]) == (9, "kill")
    on_ray.release(name)
    on_ray.wait_at_rest(name)
    [trial] = on_ray.daemon.trials(name)
    assert (trial["state"], trial["attempt"]) == ("completed", 2)
    reason = on_ray.daemon.get(f"/v1/studies/{name}/trials/1")["attempts"][0]["reason"]
    assert "lost its node (FAILED: The actor died because its node has died" in reason


def test_nothing_starts_while_ray_is_silent(on_ray: RayLab, ray: FakeRay) -> None:
    name = on_ray.submit(hold=True, **ONE)
    on_ray.daemon.wait_state(name, 1, "running")
    ray.silent = True
    other = on_ray.submit(**ONE)
    wait_until(lambda: "127.0.0.1" in on_ray.daemon.study(other)["note"], "its silence is said")
    on_ray.release(name)
    on_ray.daemon.wait_state(name, 1, "completed")
    ray.silent = False
    on_ray.wait_at_rest(name, other)
    assert on_ray.daemon.study(other)["counts"] == {"completed": 1}


def test_a_probe_is_answered_by_a_node(on_ray: RayLab) -> None:
    [row] = on_ray.daemon.post("/v1/places/probe", None)
    assert "read and answered within" in row["answer"], row
    assert (row["says"], row["nodes"], row["kinds"], row["trouble"]) == ("ray 2.60.0", 1, ["gpu:A100:2"], "")
    assert not list(on_ray.shared.rglob("probe-*")), "it leaves nothing behind"
