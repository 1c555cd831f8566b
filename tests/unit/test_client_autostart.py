"""The wait for a daemon that is starting: how long it takes is the machine's business, as long as it gets on."""

from __future__ import annotations

import os
from pathlib import Path

from tuned.client.autostart import Patience, _used, plain_environment
from tuned.home import resolve_home


def test_a_daemon_that_gets_on_is_waited_for_and_one_that_stands_still_is_not() -> None:
    waited = Patience(30, now=0)
    assert waited.lasts(29, ("1", "0")), "it has worked"
    assert waited.lasts(58, ("1", "0")) and not waited.lasts(59, ("1", "0")), "30 s without any work"
    assert waited.lasts(60, ("2", "0")), "on a busy machine its turn comes late"
    assert not Patience(30, now=0).lasts(30, ()), "there is no such process"


def test_one_that_works_for_ever_is_given_up() -> None:
    waited, most = Patience(30, now=0), 30 * Patience.MOST
    assert all(waited.lasts(second, (str(second),)) for second in range(most))
    assert not waited.lasts(most, (str(most),))


def test_the_work_of_a_process_is_seen() -> None:
    before = _used(os.getpid())
    while _used(os.getpid()) == before:
        sum(range(10**5))
    assert len(before) == 2 and _used(2**22 + 1) == ()


def test_what_the_manual_sets_for_the_daemon_reaches_it(tmp_path: Path) -> None:
    said = {"TUNED_DISK_FLOOR": "1", "TUNED_DISK_QUOTA": "2", "TUNED_SLOTS": "3"}
    assert (
        said.items() <= plain_environment({**said, "OTHER": "4"}, resolve_home({"TUNED_HOME": str(tmp_path)})).items()
    )
