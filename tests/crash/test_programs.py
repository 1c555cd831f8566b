"""Random programs of verbs, kills, failing operations and clocks: whatever happens, nothing is lost.

A few, always the same, run in every suite; `PROGRAMS=1000` runs as many others, and makes a failure small
(`make programs`; `PROGRAMS_SEED` draws others still).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.invariants import parse
from tests.crash.lab import Lab
from tests.crash.programs import run_programs

PROGRAMS = int(os.environ.get("PROGRAMS", "0"))
SEED = int(os.environ.get("PROGRAMS_SEED", "0"))
SHRINK = os.environ.get("PROGRAMS_SHRINK", "1") == "1"


@pytest.fixture
def programmed(scratch: Callable[[], Path]) -> Iterator[Lab]:
    lab = Lab(scratch(), slots=3, bad_disk=True)
    lab.start()
    yield lab
    lab.close()


def test_whatever_happens_nothing_is_lost(programmed: Lab) -> None:
    run_programs(programmed, PROGRAMS or 6, fixed=not PROGRAMS, chance=SEED, shrink=bool(PROGRAMS) and SHRINK)


def test_the_witness_reads_as_the_checker_does() -> None:
    assert parse(b'{"step": 1, "loss": 0.5}\n') == ({("loss", 1.0): 0.5}, 0)
