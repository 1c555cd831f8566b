"""The UI in tmux over a live study of torch trials: each key, and what the daemon's own record says of it."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.drilled_trials import ROWS, SCRIPT
from tests.e2e.tmux_pane import Pane, filtered, rows

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


@pytest.fixture
def pane(daemon: Any, tmp_path: Path) -> Iterator[Pane]:
    daemon.start()
    command = f"{sys.executable} -I -m tuned.cli ui; echo LEFT=$?; exec cat"
    settings = tmp_path / "config" / "tuned-hpo" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[ui.columns]\nrows = ["acc"]\n')
    environment = {"TUNED_HOME": str(daemon.home), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    opened = Pane(tmp_path, command, environment, daemon.until)
    try:
        yield opened
    finally:
        opened.close()


def test_each_key_does_what_the_daemon_records(daemon: Any, pane: Pane, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    study = {
        "name": "drill",
        "run": {"script": "train.py", "python": sys.executable, "resources": {"cpus": 1, "gpus": 0}},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"lr": {"type": "float", "low": 0.001, "high": 0.1, "log": True}},
        "search": {"method": "sobol", "trials": 12, "parallel": 2, "point": [{"lr": 0.01 * i} for i in range(1, 7)]},
    }
    daemon.submit(study, tmp_path)

    def state(number: int) -> str:
        return str(daemon.get(f"/v1/studies/drill/trials/{number}")["trial"]["state"])

    def priority(number: int) -> int:
        return int(daemon.get(f"/v1/studies/drill/trials/{number}")["trial"]["priority"])

    def running() -> list[int]:
        return [trial["number"] for trial in daemon.get("/v1/studies/drill/trials", state="running")]

    def still(number: int) -> bool:
        """Whether a trial is paused: ended with what it saved, or standing still where it could not save."""
        trial = daemon.get(f"/v1/studies/drill/trials/{number}")["trial"]
        return trial["state"] == "paused" or trial["frozen"]

    def goes_on(number: int) -> bool:
        return state(number) in ("queued", "starting", "running") and not still(number)

    def reported(number: int) -> Any:
        return daemon.get(f"/v1/studies/drill/trials/{number}")["trial"]["values"]

    pane.shows("drill")
    for number in (1, 2):
        daemon.wait_state("drill", number, "running")
        daemon.until(lambda number=number: reported(number), f"a report of #{number}")

    # Filter and mark; what is marked is paused, and undo lets it go on.
    filtered(pane, "state:run", 1, 2)
    pane.keys("g", "Space")
    marked = int(re.search(r"\+\s*#(\d+)", pane.shows("1 marked"))[1])  # type: ignore[index]
    pane.keys("p")
    daemon.until(lambda: still(marked), "the marked trial is paused")
    pane.shows("u undoes")
    pane.keys("u")
    daemon.until(lambda: goes_on(marked), "undo lets it go on")
    pane.keys("U")

    # The same key pauses a trial and resumes it.
    other = 3 - marked
    filtered(pane, f"trial={other}", other)
    pane.keys("p")
    daemon.until(lambda: still(other), "the other one is paused")
    pane.until(lambda: "PAUSED" in pane.text() or "FROZEN" in pane.text(), "that it is paused, on the screen")
    pane.keys("p")
    daemon.until(lambda: goes_on(other), "it goes on")

    # A priority goes up, and undo takes it back.
    filtered(pane, "trial=6", 6)
    pane.keys("+")
    daemon.until(lambda: priority(6) == 1, "the priority of #6")
    pane.shows("u undoes")
    pane.keys("u")
    daemon.until(lambda: priority(6) == 0, "the old priority of #6")
    pane.shows("undo priority")

    # A typed verb reaches the daemon, and is there again above the empty line.
    pane.keys(":")
    pane.shows("tunectl verb")
    pane.type("set drill search.trials=+3")
    pane.keys("Enter")
    daemon.until(lambda: daemon.study("drill")["trials"] == 15, "three more trials")
    pane.shows("12 -> 15")
    pane.keys(":", "Up")
    pane.shows("set drill search.trials=+3")
    pane.keys("Escape")
    pane.shows("TRIAL STATE")

    # Back and forth between a trial's page and the table.
    pane.keys("Enter")
    pane.shows("Why this point")
    pane.keys("[")
    pane.shows_not("Why this point")
    pane.keys("]")
    pane.shows("Why this point")
    pane.keys("Escape")
    pane.shows_not("Why this point")

    # In the events and the slots the keys move there.
    pane.keys("5", "k", "k", "k")
    pane.shows("3 newer")
    pane.keys("3", "Enter")
    pane.shows("Why this point")
    pane.keys("Escape")
    pane.shows_not("Why this point")
    pane.keys("1")

    # Pruning asks; Enter does not confirm.
    victim = daemon.until(running, "a trial runs")[0]
    filtered(pane, f"trial={victim}", victim)
    pane.keys("x")
    asked = pane.shows(f"Prune #{victim}?")
    assert "TRIAL STATE" in asked, "the table stays in sight"
    assert "esc Keep" in asked, "the way out is no word for a loss"
    pane.keys("Enter")
    pane.shows_not(f"Prune #{victim}?")
    assert state(victim) == "running"
    pane.keys("x")
    pane.shows(f"Prune #{victim}?")
    pane.keys("y")
    daemon.wait_state("drill", victim, "pruned")
    pane.shows("PRUNED")
    pane.keys("u")
    pane.shows("nothing to undo")

    # The daemon is killed under the open UI, and another one takes over: on a full disk, which every size tells.
    daemon.kill()
    pane.shows("no daemon")
    daemon.start(TUNED_DISK_FLOOR=str(10**18))
    for width, height in ((40, 12), (80, 24), (160, 45)):
        pane.resize(width, height)
        pane.until(lambda: "disk nearly full" in pane.text().partition("\n")[0], "the full disk in the first line")
    daemon.kill()
    pane.shows("no daemon")
    daemon.start()
    pane.until(lambda: not re.search("no daemon|disk nearly", pane.text().partition("\n")[0]), "a calm first line")
    pane.resize(120, 36)
    daemon.until(lambda: len(running()) == 2, "two trials run")
    filtered(pane, "state:run", *running())
    pane.keys("q")
    pane.shows("LEFT=0")


ODD = 'net" is \U0001f680'


def test_what_was_wrong_once_stays_right(daemon: Any, pane: Pane, tmp_path: Path) -> None:
    """One best and one order everywhere, values that are read back, products, marks that are hidden, undo."""
    (tmp_path / "train.py").write_text(textwrap.dedent(ROWS))
    points = [{"x": x, "net": "plain"} for x in (0.3, 0.5, 0.95, 0.15, 0.99, 0.8, 0.01, 0.02)]
    study = {
        "name": "rows",
        "run": {"script": "train.py", "python": sys.executable, "resources": {"cpus": 1, "gpus": 0}},
        "objective": {"metric": "loss", "direction": "minimize"},
        "constraint": [{"metric": "acc", "at_least": 0.3}],
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}, "net": ["plain", ODD]},
        "search": {"method": "sobol", "trials": 12, "parallel": 2, "point": points},
    }
    daemon.submit(study, tmp_path)
    for number in (7, 8):
        daemon.wait_state("rows", number, "running")

    def of(number: int) -> Any:
        return daemon.get(f"/v1/studies/rows/trials/{number}")["trial"]

    def order(sort: str) -> list[int]:
        return [row["number"] for row in daemon.get("/v1/studies/rows/trials", sort=sort)]

    def typed(line: str) -> None:
        """A command, its letters typed ahead of the line that they are for."""
        pane.keys(":")
        pane.type(line)
        pane.keys("Enter")

    # One best: of the daemon, the head and the first ranked row; what failed or breaks the bound has no rank.
    best = daemon.study("rows")["best"]["number"]
    assert best == 2 and {of(n)["failure"] for n in (3, 5)} == {"oom"}
    pane.shows(f"best 0.5000 #{best}")
    pane.shows("✗ OOM")
    typed("sort value")
    pane.until(lambda: rows(pane.text()) == order("value"), "the daemon's order by value")
    assert rows(pane.text())[0] == best and {3, 5} & set(rows(pane.text())[:2]) == set()

    # Any metric is an order, and the daemon's.
    typed("sort metrics.acc")
    pane.until(lambda: rows(pane.text()) == order("metrics.acc"), "the daemon's order by a metric")
    known = [n for n in order("metrics.acc") if n <= 8]
    assert known == sorted(range(1, 9), key=lambda n: points[n - 1]["x"] * 7 % 1)
    typed("sort watch")

    # What is written can be typed back; lists are a product, counted before it is queued.
    pane.keys("n")
    pane.shows("by the search")
    pane.type('net="net\\" is \U0001f680" x=.6,.7,.4 @9')
    assert re.search(r"trials +3$", pane.shows("0.6, 0.7, 0.4"), re.MULTILINE)
    pane.keys("Enter")
    daemon.until(lambda: len(daemon.trials("rows")) >= 15, "three trials more")
    queued = [row["number"] for row in daemon.trials("rows") if row["origin"] == "user" and row["params"]["net"] == ODD]
    assert [of(n)["params"]["x"] for n in queued] == [0.6, 0.7, 0.4] and of(queued[0])["priority"] == 9

    # Marks that the filter hides are left alone.
    filtered(pane, f"trial={queued[0]}", queued[0])
    pane.keys("g", "Space")
    pane.shows("1 marked")
    filtered(pane, f"trial={queued[1]}", queued[1])
    pane.keys("+")
    daemon.until(lambda: of(queued[1])["priority"] == 10, "the priority of what is seen")
    assert of(queued[0])["priority"] == 9
    pane.keys("u")
    daemon.until(lambda: of(queued[1])["priority"] == 9, "undone")
    pane.shows("undo priority")

    # The whole log: its first line is found from its end, and a log that is held stands still while it grows.
    filtered(pane, "trial=2", 2)
    pane.keys("Enter", "3")
    assert "first line" not in pane.shows("line 5999")
    pane.keys("N")
    pane.shows("Search the log")
    pane.type("first line")
    pane.keys("Enter")
    assert "line 5999" not in pane.shows("first line \u4f60\u597d")
    pane.keys("G")
    pane.shows("line 5999")
    pane.keys("[")
    filtered(pane, "trial=7", 7)
    pane.keys("Enter", "3")
    pane.shows("follow")
    pane.shows("beat ")
    pane.keys("f")
    held = re.findall(r"beat \d+", pane.shows("lines below"))
    pane.until(lambda: int(re.search(r"(\d+) lines below", pane.text())[1]) > 20, "that the log has grown")
    assert re.findall(r"beat \d+", pane.text()) == held
    pane.keys("f")
    pane.shows_not(held[-1])
    pane.keys("[")

    # The help is searched by words.
    pane.keys("?")
    assert "Undo the last" not in pane.shows("Move down.")
    pane.keys("/")
    pane.type("undo")
    pane.shows_not("Move down.")
    pane.shows("Undo the last reversible action.")
    pane.keys("Escape")
    pane.shows("Move down.")
    pane.keys("q")

    # Trials that have ended since they were queued are not taken back, and that is said.
    daemon.post("/v1/prune", {"targets": ["rows/7", "rows/8"]})
    for number in queued:
        daemon.wait_state("rows", number, "completed")
    pane.keys("u")
    assert "tunectl cancel" not in pane.shows(f"undo new: nothing changed: rows/{queued[0]} is completed")
    assert {of(number)["state"] for number in queued} == {"completed"}
    pane.keys("q")
    pane.shows("LEFT=0")
