"""Whether the terminal UI's memory stays flat while it is open for a day.

The real app follows a real daemon's record of 20,000 trials; the stream of a day is fed to it as fast as it takes it:
two slots, a report a second on each, a trial every ten minutes. A picture is drawn every half minute of the day, and
someone looks about: other trials, a trial's page, the log, the queue, help, filters, sorting, the other study.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path

from benchmarks import large_study
from benchmarks.figure import Figure
from benchmarks.fresh_daemon import running, state_folder
from tui.app import TunedApp
from tui.context import Options
from tuned.client.aio import AsyncClient
from tuned.core import events as ev
from tuned.wire import EventRow

TRIALS = 20_000
DAY_S = int(os.environ.get("TUNED_BENCH_UI_SECONDS", str(24 * 3600)))
TRIAL_S, PICTURE_S, LOOK_S = 600, 30, 900
SLOTS = 2
BEGIN = 1_700_000_000.0
LOOKS = (
    ("j", "j", "enter", "3", "g", "G", "escape"),
    ("question_mark", "escape", "Q", "j", "escape", "m", "M", "M"),
    ("slash", *"lr<1e-2", "enter", "j", "escape", "o", "escape"),
    ("greater_than_sign", "greater_than_sign", "less_than_sign", "less_than_sign", "V", "j", "V"),
    ("s", "j", "enter", "s", "k", "enter", "C", "escape"),
    ("colon", *"tri", "escape", "n", "escape", "F", "escape", "y", "escape"),
)
"""Keys of a look, in turn."""


def day() -> Figure:
    """Growth of the process from a quarter of the day to its end."""
    with state_folder() as folder:
        large_study.write(folder / "tuned.db", TRIALS)
        large_study.write(folder / "tuned.db", 50, "small")
        with running(folder) as daemon:
            quarter, end, fed = asyncio.run(_watch(daemon.home.socket))
    how = (
        f"{fed:,} events of {DAY_S / 3600:g} h to the app over a daemon with {TRIALS:,} trials, 160x45, "
        f"{DAY_S // PICTURE_S:,} pictures, keys every {LOOK_S // 60} min; {quarter:.1f} MB after a quarter, "
        f"{end:.1f} MB at the end"
    )
    return Figure("UI memory grown in a day", f"{end - quarter:.1f} MB", "<= 6 MB", end - quarter <= 6, how)


class _Fed(AsyncClient):
    """A client whose event stream is what the day puts into it."""

    def __init__(self, socket: Path) -> None:
        super().__init__(socket)
        self.told: asyncio.Queue[EventRow] = asyncio.Queue(1000)

    async def events(
        self, after: int | None = None, study: str | None = None, *, opened: Callable[[], None] | None = None
    ) -> AsyncGenerator[EventRow]:
        """The day's events."""
        del after, study
        if opened is not None:
            opened()
        while True:
            yield await self.told.get()
            self.told.task_done()


async def _watch(socket: Path) -> tuple[float, float, int]:
    client = _Fed(socket)
    now = [BEGIN]
    app = TunedApp(client, Options(study="large"), lambda: now[0])
    quarter, fed = 0.0, 0
    async with app.run_test(size=(160, 45)) as pilot:
        while not app.context.store.trials_loaded:
            await pilot.pause(0.05)
        for second in range(DAY_S):
            now[0] = BEGIN + second
            for event in _of_second(second, fed):
                await client.told.put(event)
                fed += 1
            if second % PICTURE_S == 0:
                await client.told.join()
                app.tick()
                await pilot.pause()
            if second % LOOK_S == 0:
                await pilot.press(*LOOKS[second // LOOK_S % len(LOOKS)])
            if second % (DAY_S // 8) == 0:
                sys.stderr.write(f"  {second / 3600:g} h: {_rss_mb():.1f} MB\n")
            if second == DAY_S // 4:
                quarter = _rss_mb()
        return quarter, _rss_mb(), fed


def _of_second(second: int, seq: int) -> Iterator[EventRow]:
    """What the daemon tells in one second of the day; each slot goes through the trials of the record."""
    at = BEGIN + second
    for slot in range(SLOTS):
        number = 1 + (second // TRIAL_S * SLOTS + slot) % TRIALS
        step = second % TRIAL_S
        value = 1.0 / (1 + step) + number / TRIALS
        if step == 0:
            for state in ("starting", "running"):
                seq += 1
                data = {"to": state, "attempt": 1, "device": f"cpu:{slot}"}
                yield EventRow(seq, at, ev.TRIAL_MOVED, "large", number, data)
        seq += 1
        values: dict[str, float] = {"val_loss": value}
        last = {**values, "acc": 1 - value}
        report = {"points": 2, "last": last, "step": step, "values": values}
        yield EventRow(seq, at, ev.TRIAL_METRICS, "large", number, report)
        if step == TRIAL_S - 1:
            seq += 1
            end = "failed" if number % 7 == 0 else "completed"
            yield EventRow(seq, at, ev.TRIAL_MOVED, "large", number, {"to": end, "values": values})


def _rss_mb() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
