"""Many clients at the same moment: each acknowledgement is one row, and each row runs once."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.crash.lab import Lab
from tests.e2e.conftest import wait_until

CLIENTS = 24


@pytest.mark.parametrize("argument", ["the same", "a different one each"])
def test_every_queued_command_runs_once(lab: Lab, argument: str) -> None:
    witness, program = lab.base / "witness", lab.base / "Job.sh"
    program.write_text(f'#!/bin/sh\necho "$TUNED_STUDY $1" >> "{witness}"\n')
    program.chmod(0o755)
    lab.start()

    def queue(i: int) -> tuple[str, str]:
        words = [str(program), "same" if argument == "the same" else str(i)]
        body = {"command": words, "cwd": str(lab.base), "environment": {"PATH": os.environ["PATH"]}}
        return lab.daemon.post("/v1/commands", body)["study"], words[1]

    with ThreadPoolExecutor(CLIENTS) as clients:
        told = list(clients.map(queue, range(CLIENTS)))
    assert {name for name, _ in told} == {"job", *(f"job-{i}" for i in range(2, CLIENTS + 1))}
    lab.wait_at_rest(*(name for name, _ in told))
    wait_until(lambda: len(witness.read_text().splitlines()) >= CLIENTS, "all of them run")
    assert Counter(tuple(line.split()) for line in witness.read_text().splitlines()) == Counter(told)
    assert lab.daemon.get("/v1/status")["studies"] == CLIENTS
    lab.invariants.check(at_rest=True)


def test_a_command_under_a_name_of_its_own_is_queued_once(lab: Lab) -> None:
    lab.start()
    body = {"command": ["true"], "cwd": str(lab.base), "environment": {"PATH": os.environ["PATH"]}, "name": "mine"}
    with ThreadPoolExecutor(4) as clients:
        replies = list(clients.map(lambda _: lab.daemon.post("/v1/commands", body), range(4)))
    assert sorted(reply["created"] for reply in replies) == [False, False, False, True]
    lab.wait_at_rest("mine")
    assert len(lab.daemon.trials("mine")) == 1
