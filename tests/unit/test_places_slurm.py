"""Slurm behind its commands: what an answer, or none, is taken for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tuned.core.places import Place
from tuned.places.commands import Commands, Done
from tuned.places.slurm import Slurm

ENDED = "17|COMPLETED|None|n1|tuned-a1\n"


class Told(Commands):
    """Commands whose answers a test writes: `squeue` knows nothing, `sacct` says what it is given."""

    def __init__(self, *answers: Done) -> None:
        super().__init__("", {})
        self.answers = list(answers)

    async def run(self, command: Sequence[str], within_s: float = 60.0) -> Done:
        if command[0] != "sacct":
            return Done(0, "", "")
        self.calls += 1
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("complaint", "asked"),
    [
        ("sacct: error: Problem talking to the database: Connection refused", 2),
        ("Slurm accounting storage is disabled", 1),
    ],
)
async def test_an_accounting_that_cannot_be_reached_is_asked_again(complaint: str, asked: int) -> None:
    slurm = Slurm(Place("lab", "slurm", "/shared"))
    slurm.commands = told = Told(Done(1, "", complaint), Done(0, ENDED, ""))
    assert not await slurm.list(("tuned-a1",))
    found = await slurm.list(("tuned-a1",))
    assert (len(found), told.calls) == (asked - 1, asked)
