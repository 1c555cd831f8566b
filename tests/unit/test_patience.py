"""Waits of tests have one length, for a machine that others use as well."""

from __future__ import annotations

import re
from pathlib import Path

from tests.patience import DEADLINE_S

TESTS = Path(__file__).resolve().parents[1]
LIMIT = re.compile(
    r"\b(?:process\w*|\w*future|thread|study|reply|closer|asking)\.(?:wait|join|result|communicate)\((?:timeout=)?([\d.]+)\)"
    r"|\bsettimeout\(([\d.]+)\)|asyncio\.timeout\(([\d.]+)\)|mark\.timeout\(([\d.]+)\)"
    r"|(?:text=True|check=(?:True|False)|capture_output=True), timeout=([\d.]+)"
)


def test_no_wait_is_short() -> None:
    short = {
        f"{file.relative_to(TESTS)}: {seconds} s"
        for file in TESTS.rglob("*.py")
        for groups in LIMIT.findall(file.read_text(errors="replace"))
        for seconds in filter(None, groups)
        if 0 < float(seconds) < DEADLINE_S
    }
    assert not short
