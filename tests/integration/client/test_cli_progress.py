"""The live display of a wait, as a terminal would show it."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from tuned.cli.progress import Bar
from tuned.client import api
from tuned.client.http import Client
from tuned.core.errors import TunedError


def shown(bar: Bar, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(bar.picture())
    return out.getvalue()


def test_the_bar_shows_progress_time_left_running_trials_and_the_best(daemon: Any) -> None:
    daemon.routes["GET /v1/studies/digits/trials"][0] |= {"state": "running", "ended_at": None}
    client = Client(daemon.socket)
    bar = Bar(client)
    bar.seen(client.send(api.study("digits")).study)
    text = shown(bar)
    assert "digits" in text
    assert "2 of 10" in text
    assert "about 30s left" in text
    assert "  1  step 3  val_loss=0.5  lr=0.1" in text
    assert "best val_loss=0.25 (trial 2: lr=0.01)" in text
    assert dict(daemon.asked("/v1/studies/digits/trials")[0].query)["limit"] == "6"
    assert max(len(line) for line in shown(bar, 60).splitlines()) <= 60


def test_a_pause_and_a_note_are_said_and_a_missing_daemon_is_no_error(daemon: Any) -> None:
    client = Client(daemon.socket)
    daemon.routes["GET /v1/studies/digits"]["study"] |= {
        "state": "paused", "reason": "paused by you", "note": "the advisor is late"
    }  # fmt: skip
    row = client.send(api.study("digits")).study
    del daemon.routes["GET /v1/studies/digits/trials"]
    bar = Bar(client)
    bar.seen(row)
    text = shown(bar)
    assert "paused by you" in text
    assert "the advisor is late" in text
    try:
        client.send(api.trials("digits"))
    except TunedError:
        return
    raise AssertionError("the trials should be gone")
