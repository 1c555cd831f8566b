"""Answers of Ray's Jobs API as recorded (Ray 2.60), read as facts; and the requests to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.places.fake_ray import NODE_DIED, PENDING
from tuned.places import ray_json
from tuned.places.interface import Stage, Submission, Why

TWICE = (
    "Traceback (most recent call last):\n"
    '  File "ray/dashboard/modules/job/job_head.py", line 134, in _raise_error\n'
    "RuntimeError: Request failed with status code 400: Traceback (most recent call last):\n"
    '  File "ray/dashboard/modules/job/job_manager.py", line 553, in submit_job\n'
    "ValueError: Job with submission_id tuned-a already exists. Please use a different submission_id.\n.\n"
)


def entry(status: str, message: str, **over: Any) -> dict[str, Any]:
    return {
        "type": "SUBMISSION",
        "job_id": None,
        "submission_id": "tuned-a",
        "driver_info": None,
        "status": status,
        "entrypoint": "exec false",
        "message": message,
        "error_type": None,
        "start_time": 1795995509984,
        "end_time": None,
        "metadata": None,
        "runtime_env": {"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": "20"}},
        "driver_agent_http_address": None,
        "driver_node_id": None,
        "driver_exit_code": None,
        **over,
    }


@pytest.mark.parametrize(
    ("recorded", "stage", "why", "reason"),
    [
        (
            entry("PENDING", PENDING),
            Stage.WAITING,
            None,
            "waiting for resources (CPUs, GPUs, memory, custom resources) to become available",
        ),
        (entry("RUNNING", "Job is currently running."), Stage.RUNNING, None, ""),
        (entry("SUCCEEDED", "Job finished successfully.", driver_exit_code=0), Stage.ENDED, Why.DONE, ""),
        (entry("STOPPED", "Job was intentionally stopped."), Stage.ENDED, Why.CANCELLED, ""),
        (
            entry("FAILED", "x", error_type="JOB_ENTRYPOINT_COMMAND_ERROR", driver_exit_code=72),
            Stage.ENDED,
            Why.FAILED,
            "exit code 72",
        ),
        (
            entry("FAILED", NODE_DIED, error_type="JOB_SUPERVISOR_ACTOR_DIED"),
            Stage.ENDED,
            Why.NODE,
            "The actor died because its node has died. Node Id: d7ea",
        ),
        (
            entry("FAILED", "died due to the node running low on memory", error_type="JOB_SUPERVISOR_ACTOR_DIED"),
            Stage.ENDED,
            Why.MEMORY,
            "died due to the node running low on memory",
        ),
        (
            entry("FAILED", "runtime_env setup failed: x", error_type="RUNTIME_ENV_SETUP_FAILURE"),
            Stage.ENDED,
            Why.FAILED,
            "runtime_env setup failed: x",
        ),
    ],
)
def test_a_job_is_read(recorded: dict[str, Any], stage: Stage, why: Why | None, reason: str) -> None:
    [job] = ray_json.read_jobs(json.dumps([recorded]))
    assert (job.name, job.number, job.stage, job.why, job.reason) == ("tuned-a", "tuned-a", stage, why, reason)


def test_a_job_that_ray_let_wait_for_too_long_comes_again() -> None:
    error = "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"
    said = "Job supervisor actor failed to start within 900.0 seconds."
    [job] = ray_json.read_jobs(json.dumps([entry("FAILED", said, error_type=error)]))
    assert (job.word, job.why) == ("NOT_BEGUN", Why.LIMIT)


def test_jobs_of_others_are_left_out_and_the_oldest_comes_first() -> None:
    jobs = [
        entry("RUNNING", "", submission_id="tuned-b", start_time=2),
        entry("RUNNING", "", submission_id="tuned-a", start_time=1, driver_agent_http_address="http://10.0.0.5:52365"),
        entry("RUNNING", "", submission_id="raysubmit_x"),
        entry("RUNNING", "", submission_id=None, type="DRIVER"),
    ]
    read = ray_json.read_jobs(json.dumps(jobs))
    assert [(job.name, job.node) for job in read] == [("tuned-a", "10.0.0.5"), ("tuned-b", "")]


@pytest.mark.parametrize("text", ["", "<html>", "{}"])
def test_what_is_no_list_decides_nothing(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ray_json.read_jobs(text)


def test_a_submission_asks_for_a_core_its_grace_and_no_shell() -> None:
    asked = Submission("tuned-a", ("/py", "-I", "/a b/placed.py"), "/log", 0, 2, 45)
    assert ray_json.submission(asked, {"entrypoint_resources": {"a100": 1}}) == {
        "entrypoint": "exec /py -I '/a b/placed.py'",
        "submission_id": "tuned-a",
        "entrypoint_num_cpus": 1,
        "entrypoint_num_gpus": 2,
        "runtime_env": {"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": "45"}},
        "entrypoint_resources": {"a100": 1},
    }


def test_a_name_that_is_taken_and_what_is_refused_are_told_apart() -> None:
    assert ray_json.is_taken(500, TWICE)
    assert not ray_json.is_taken(500, "No available agent to submit job, please try again later.")
    assert not ray_json.is_refusal(500, "No available agent to submit job, please try again later.")
    assert ray_json.is_refusal(500, TWICE.replace("already exists", "Invalid label key name"))
    said = "Job with submission_id tuned-a already exists. Please use a different submission_id."
    assert ray_json.complaint_of(TWICE) == said


def test_a_probe_names_version_nodes_and_cards() -> None:
    version = '{"version": "4", "ray_version": "2.60.0", "ray_commit": "b7f4", "session_name": "s"}'
    nodes = [
        {"node_id": "1", "state": "ALIVE", "resources_total": {"CPU": 2.0, "GPU": 1.0, "memory": 2.1e10}},
        {"node_id": "2", "state": "ALIVE", "resources_total": {"GPU": 2.0, "accelerator_type:A100": 1.0}},
        {"node_id": "3", "state": "DEAD", "resources_total": {"GPU": 4.0}},
    ]
    answer = json.dumps({"result": True, "msg": "", "data": {"result": {"total": 3, "result": nodes}}})
    seen = ray_json.read_probe(version, answer)
    assert (seen.engine, seen.nodes, seen.kinds) == ("ray 2.60.0", 2, ("gpu:1", "gpu:A100:2"))
    with pytest.raises(ValueError, match="missing"):
        ray_json.read_probe(version, "{}")
