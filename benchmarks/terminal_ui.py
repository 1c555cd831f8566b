"""The figures of the terminal UI."""

from __future__ import annotations

import asyncio
import gc
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks import large_study
from benchmarks.figure import Figure, spread
from benchmarks.fresh_daemon import running, state_folder
from benchmarks.terminal import CHILD, Terminal, opened, scripted
from tuned.client import api

TRIALS = "1000"
MANY = 100_000
SECONDS = 10.0
SETTLE_S = 3.0
REFRESHES, DIALOGS = 2000, 200

_PAINT = """
import sys, time, asyncio
sys.path.insert(0, {folder!r})
from tui.cli import prepare_environment
import os
prepare_environment(os.environ)
import tui.app, tui.screens.main
from tests.snapshot.fake_client import FakeClient
from tests.snapshot.fake_rows import NOW
from tui.context import Options
begin = time.perf_counter()
class App(tui.app.TunedApp):
    def on_ready(self):
        self.call_after_refresh(self.exit, 0)
app = App(FakeClient(1000), Options(), lambda: NOW)
async def main():
    async with app.run_test(size=(160, 45)) as pilot:
        await pilot.pause()
        print((time.perf_counter() - begin) * 1000)
asyncio.run(main())
"""


def first_paint() -> Figure:
    """Milliseconds from the imports to the first painted screen."""
    code = _PAINT.format(folder=str(CHILD.parents[2]))
    times = [float(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(7)]
    how = f"160x45, 1,000 trials; {len(times)} fresh processes, range {spread(times, 0)} ms"
    return Figure("first paint after import", f"{median(times):.0f} ms", "<= 400 ms", median(times) <= 400, how)


def bytes_sent() -> list[Figure]:
    """Bytes and CPU while nothing happens, and with 20 reports a second, at two sizes."""
    figures = []
    with opened(scripted("idle", TRIALS), 80, 24) as terminal:
        terminal.until(lambda new: b"Trials 1000" in new, "the table")
        terminal.read_for(SETTLE_S)
        idle = terminal.read_for(SECONDS)
    figures.append(Figure("bytes at rest", f"{idle / SECONDS:.0f} B/s", "0 B/s", idle == 0, f"80x24, {SECONDS:.0f} s"))
    for width, height, most in ((80, 24, 8), (160, 45, 30)):
        with opened(scripted("live", TRIALS), width, height) as terminal:
            terminal.until(lambda new: b"Trials 1000" in new, "the table")
            terminal.read_for(SETTLE_S)
            before = terminal.cpu_seconds()
            rate = terminal.read_for(SECONDS) / SECONDS / 1000
            cpu = 100 * (terminal.cpu_seconds() - before) / SECONDS
        how = f"20 reports/s over 12 trials, {SECONDS:.0f} s on a pseudo terminal"
        size = f"{width}x{height}"
        figures.append(Figure(f"bytes live, {size}", f"{rate:.1f} kB/s", f"<= {most} kB/s", rate <= most, how))
        note = f"{how}; the script that reports runs in the same process"
        figures.append(Figure(f"CPU live, {size}", f"{cpu:.1f} %", "<= 4 %", cpu <= 4, note))
    return figures


def keys_at_100000() -> list[Figure]:
    """A cursor key, a sort and a filter on a study of 100,000 trials of a real daemon."""
    with state_folder() as folder:
        large_study.write(folder / "tuned.db", MANY)
        with running(folder) as daemon:
            command = [sys.executable, "-I", "-m", "tuned.cli", "ui"]
            with opened(command, 160, 45, {"TUNED_HOME": str(folder)}) as terminal:
                terminal.until(lambda new: b"Trials 100000" in new and b"#25151" in new, "the table")
                terminal.read_for(SETTLE_S)
                moves, sorts, filters = [], [], []
                for _ in range(20):
                    terminal.send(b"j")
                    moves.append(1000 * terminal.until(bool, "the cursor"))
                    terminal.read_for(0.4)
                # The first step sorts by value: while nothing runs those are the same rows, and nothing is drawn.
                terminal.send(b">")
                terminal.read_for(1.0)
                for _ in range(5):
                    terminal.send(b">")
                    sorts.append(1000 * terminal.until(_filled, "rows"))
                    terminal.read_for(1.0)
                for text in ("act=relu lr<1e-3", "value<0.2 !state:fail", "amp=1 width>100", "relu", "state:fail"):
                    call = api.trial_numbers("large", filter=text, limit=1)
                    shown = b"Trials %d of" % daemon.client.send(call).total
                    terminal.send(b"/" + text.encode())
                    filters.append(1000 * terminal.until(lambda new, shown=shown: shown in new, "the count"))
                    terminal.send(b"\r")
                    terminal.read_for(0.5)
                    terminal.send(b"\x1b")
                    terminal.read_for(1.0)
    what = f"{MANY:,} trials in a real daemon, 160x45, from the key to the bytes"
    return [
        Figure("cursor key", f"{median(moves):.0f} ms", "<= 50 ms", median(moves) <= 50, f"{what}; {spread(moves, 0)}"),
        Figure("sort", f"{median(sorts):.0f} ms", "<= 300 ms", median(sorts) <= 300, f"{what}; {spread(sorts, 0)}"),
        Figure("filter", f"{median(filters):.0f} ms", "<= 300 ms", median(filters) <= 300,
               f"{what}, typed in one go (the UI rests 60 ms for more letters); {spread(filters, 0)}"),
    ]  # fmt: skip


def _filled(new: bytes) -> bool:
    """Whether rows of trials were drawn; until the daemon has answered they are empty."""
    return len(re.findall(rb"#\d+ ", new)) >= 20


def slow_lines() -> list[Figure]:
    """How long a person waits on a line of 2 and of 5 kB/s, from the first byte on, in the middle of live updates.

    The reports' values are the times at which they were made, so that the age of what is shown is read from it.
    """
    figures = []
    for rate, most_rows, most_key in ((2_000, 8.0, 2.0), (5_000, 4.0, 1.0)):
        rows, ages, keys, quits = [], [], [], []
        for _ in range(3):
            with opened(scripted("clocked", TRIALS), 80, 24, {"SSH_CONNECTION": "1"}) as terminal:
                terminal.rate = rate
                rows.append(terminal.until_shown("#995", "rows"))
                ages += _ages(terminal, SECONDS)
                for key, answer in (
                    (b"?", "Move half a page"),
                    (b"\x1b", "Trials 1000"),
                    (b"4", "Log #"),
                    (b"/", "state:"),
                ):
                    terminal.send(key)
                    keys.append(terminal.until_shown(answer, "the answer"))
                    terminal.read_for(SETTLE_S)
                terminal.send(b"\x1b")
                ages += _ages(terminal, SECONDS / 2)
                terminal.send(b"q")
                quits.append(terminal.until(lambda new: b"\x1b[?1049l" in new, "the restored screen"))
        what = f"80x24, 1,000 trials, 20 reports/s, read at {rate} B/s from the start"
        figures += [
            Figure(f"first rows at {rate} B/s", f"{max(rows):.1f} s", f"<= {most_rows:g} s", max(rows) <= most_rows,
                   f"{what}; the slowest of {len(rows)}, {spread(rows)} s"),
            Figure(f"age of the picture at {rate} B/s", f"{max(ages):.1f} s", "<= 4 s", max(ages) <= 4.0,
                   f"{what}; the oldest in {len(ages)} looks, median {median(ages):.1f} s"),
            Figure(f"key to answer at {rate} B/s", f"{max(keys):.1f} s", f"<= {most_key:g} s", max(keys) <= most_key,
                   f"{what}; help, back, log, filter; the slowest of {len(keys)}, {spread(keys)} s"),
            Figure(f"q at {rate} B/s", f"{max(quits):.1f} s", "<= 2 s", max(quits) <= 2.0,
                   f"{what}; to the restored screen, the slowest of {len(quits)}, {spread(quits)} s"),
        ]  # fmt: skip
    return figures


def _ages(terminal: Terminal, seconds: float) -> list[float]:
    """Look at the picture for so long; the age of the newest report on it at each look."""
    ages, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.read_for(0.1)
        shown = [float(found) for found in re.findall(r" ([1-9]\d\d\.\d) ", terminal.picture.text())]
        if shown:
            ages.append(time.time() % 900 + 100 - max(shown))
    return ages


def memory() -> Figure:
    """Growth of the process over 2,000 refreshes and 200 dialogs, after a first tenth of both."""
    grown = asyncio.run(_grow())
    how = f"{REFRESHES:,} redraws with a changed row and {DIALOGS} dialogs in one process, after a tenth of each"
    return Figure("memory grown", f"{grown:.1f} MB", "<= 3 MB", grown <= 3, how)


async def _grow() -> float:
    from tests.snapshot.fake_client import FakeClient
    from tests.snapshot.fake_rows import Clock
    from tui.app import TunedApp
    from tui.context import Options

    fake, clock = FakeClient(1000), Clock()
    app = TunedApp(fake, Options(), clock)
    async with app.run_test(size=(160, 45)) as pilot:
        await pilot.pause(1.0)

        async def work(refreshes: int, dialogs: int) -> None:
            for index in range(refreshes):
                value = 0.5 + (index % 100) / 1000
                data = {"points": 1, "last": {"val_loss": value}, "step": 12, "values": {"val_loss": value}}
                fake.push("trial.metrics", number=1 + index % 20, **data)
                await asyncio.sleep(0)
                clock.now += 1
                app.tick()
                if index % 50 == 0:
                    await pilot.pause()
            for _ in range(dialogs):
                await pilot.press("question_mark", "escape")

        await work(REFRESHES // 10, DIALOGS // 10)
        before = _rss_mb()
        await work(REFRESHES, DIALOGS)
        return _rss_mb() - before


def _rss_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def curve_of_a_million() -> Figure:
    """Seconds until the daemon has thinned out a metric of 1,000,000 points."""
    from storage import queries
    from storage.engine import open_database

    with state_folder() as folder:
        path = folder / "tuned.db"
        large_study.write(path, 10)
        large_study.add_points(path, 7, 1_000_000)
        database = open_database(path)
        times = []
        try:
            for _ in range(5):
                with database.read() as conn:
                    begin = time.perf_counter()
                    queries.thinned(conn, 7, None, 1000)
                    times.append(1000 * (time.perf_counter() - begin))
        finally:
            database.close()
    how = f"1,000 points kept, the extremes of each stretch; 5 times, {spread(times, 0)} ms"
    return Figure("a curve of 1,000,000 points", f"{median(times):.0f} ms", "<= 1000 ms", median(times) <= 1000, how)
