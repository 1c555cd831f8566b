"""Slurm's commands and what it prints, from outputs of Slurm 22.05."""

from __future__ import annotations

import pytest

from tuned.places import slurm_text
from tuned.places.interface import Job, Stage, Submission, Why, by_name

SUBMISSION = Submission("tuned-0a", ("/opt/py thon", "-I", "/x/placed.py", "/shared/1%/1"), "/s/1%/log", 2, 1, 45)


def test_a_submission_is_one_exec_and_carries_no_environment() -> None:
    words = slurm_text.submit(SUBMISSION, ["--time=60"])
    assert words[0] == "sbatch"
    assert {"--parsable", "--no-requeue", "--export=NONE", "--open-mode=append", "--signal=B:TERM@45"} <= set(words)
    assert {"--job-name=tuned-0a", "--gres=gpu:1", "--cpus-per-task=2", "--output=/s/1%%/log"} <= set(words)
    assert words[-2:] == ("--time=60", "--wrap=exec '/opt/py thon' -I /x/placed.py /shared/1%/1")


def test_what_is_not_asked_for_is_left_to_the_engine() -> None:
    words = slurm_text.submit(Submission("tuned-0a", ("/p",), "/l", 0, 0, 5), [])
    assert not [word for word in words if word.startswith(("--gres", "--cpus"))]


SQUEUE = """2|CANCELLED|None|n1|tuned-b
4|FAILED|BadConstraints||wrap
3|PENDING|Resources||tuned-c
10|RUNNING|None|n2|tuned-d
9|COMPLETING|None|n2|tuned-e
7|TIMEOUT|TimeLimit|n2|tuned-f
 no line of ours
"""


def test_jobs_are_read_and_those_of_others_left_out() -> None:
    assert slurm_text.read_jobs(SQUEUE) == [
        Job("tuned-b", "2", Stage.ENDED, "CANCELLED", "", "n1", Why.CANCELLED),
        Job("tuned-c", "3", Stage.WAITING, "PENDING", "Resources", "", None),
        Job("tuned-f", "7", Stage.ENDED, "TIMEOUT", "TimeLimit", "n2", Why.LIMIT),
        Job("tuned-e", "9", Stage.RUNNING, "COMPLETING", "", "n2", None),
        Job("tuned-d", "10", Stage.RUNNING, "RUNNING", "", "n2", None),
    ]


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("CANCELLED by 1000", Why.CANCELLED),
        ("OUT_OF_MEMORY", Why.MEMORY),
        ("NODE_FAIL", Why.NODE),
        ("PREEMPTED", Why.LIMIT),
        ("CANCELLED+", Why.CANCELLED),
    ],
)
def test_the_accounting_speaks_of_ends_in_its_own_way(state: str, why: Why) -> None:
    [job] = slurm_text.read_jobs(f"7|{state}|None|n1|tuned-a\n")
    assert (job.stage, job.why) == (Stage.ENDED, why)


def test_an_unknown_state_is_no_end() -> None:
    [job] = slurm_text.read_jobs("7|STOPPED|None|n1|tuned-a\n")
    assert job.stage is Stage.RUNNING


def test_of_a_name_that_was_taken_twice_the_one_that_lives_counts() -> None:
    lines = "1|RUNNING|None|n1|tuned-a\n2|COMPLETED|None|n1|tuned-a\n3|FAILED|x|n1|tuned-b\n4|PENDING|x||tuned-b\n"
    found = by_name(slurm_text.read_jobs(lines))
    assert {name: job.number for name, job in found.items()} == {"tuned-a": "1", "tuned-b": "4"}


def test_of_two_that_ended_the_newer_counts() -> None:
    assert by_name(slurm_text.read_jobs("9|FAILED|x|n|tuned-a\n10|COMPLETED|x|n|tuned-a\n"))["tuned-a"].number == "10"


@pytest.mark.parametrize(("text", "number"), [("17\n", "17"), ("17;lab\n", "17"), ("note\n18\n", "18"), ("", "")])
def test_the_number_of_a_submission(text: str, number: str) -> None:
    assert slurm_text.read_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "sbatch: error: Batch job submission failed: Requested node configuration is not available",
        "sbatch: error: Batch job submission failed: Invalid partition name specified",
        "sbatch: unrecognized option '--foo'\nTry \"sbatch --help\" for more information",
    ],
)
def test_what_will_never_be_taken_is_a_refusal(text: str) -> None:
    assert slurm_text.is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
        "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit)",
        "",
    ],
)
def test_what_may_pass_is_none(text: str) -> None:
    assert not slurm_text.is_refusal(text)


def test_a_complaint_is_one_line_without_the_program() -> None:
    text = "sbatch: error: invalid partition specified: nope\nsbatch: error: Batch job submission failed: Invalid\n"
    assert slurm_text.complaint_of(text) == "Batch job submission failed: Invalid"
    assert slurm_text.complaint_of("sbatch: unrecognized option '--foo'\nTry --help\n") == "Try --help"


def test_nodes_that_take_work_and_their_cards() -> None:
    text = "2|idle|gpu:a100:4(S:0-1),fs:1\n1|mix-|gpu:h100:8\n3|down*|gpu:v100:2\n1|alloc|(null)\n"
    seen = slurm_text.read_probe("slurm 22.05.8\n", text)
    assert (seen.engine, seen.nodes, seen.kinds) == ("slurm 22.05.8", 4, ("gpu:a100:4", "gpu:h100:8"))


def test_a_job_that_has_ended_is_no_silence() -> None:
    assert not slurm_text.is_silence("scancel: error: Kill job error on job id 3: Invalid job id specified")
    assert slurm_text.is_silence("scancel: error: Unable to contact slurm controller (connect failure)")
