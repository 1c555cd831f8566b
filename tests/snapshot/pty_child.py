"""Runs the UI on a scripted daemon in its terminal: `python pty_child.py [idle|live|clocked] [trials]`."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tui.cli import prepare_environment

prepare_environment(os.environ)

from tests.snapshot.fake_client import FakeClient, make_trial  # noqa: E402
from tests.snapshot.fake_rows import NOW  # noqa: E402
from tui.app import TunedApp  # noqa: E402
from tui.context import Options  # noqa: E402
from tui.terminal import run_app  # noqa: E402

UPDATES_PER_SECOND = 20
LIVE = 12


def main() -> int:
    """Show it; the exit code is the app's."""
    clocked = "clocked" in sys.argv
    live = clocked or "live" in sys.argv
    count = next((int(a) for a in sys.argv[1:] if a.isdigit()), 1000)
    fake = FakeClient(count)
    for number in fake.trials_of["digits"]:
        running = live and number > count - LIVE
        fake.trials_of["digits"][number] = make_trial(number, "running" if running else "completed")
    offset = time.time() - NOW

    class App(TunedApp):
        def on_ready(self) -> None:
            if live:
                self.traffic = asyncio.ensure_future(traffic(fake, count, clocked))

    app = App(fake, Options(), lambda: time.time() - offset)  # type: ignore[arg-type]
    return run_app(app)


async def traffic(fake: FakeClient, count: int, clocked: bool) -> None:
    """Twenty reports a second, in turn for each live trial; the values of `clocked` ones are the time of day."""
    step = 12
    while True:
        for number in range(count - LIVE + 1, count + 1):
            await asyncio.sleep(1 / UPDATES_PER_SECOND)
            value = 0.5 * math.exp(-step / 50) + 0.01 * (number % 5)
            value = round(time.time() % 900 + 100, 1) if clocked else value
            last = {"val_loss": value, "train_loss": value * 0.8}
            fake.push("trial.metrics", number=number, points=2, last=last, step=step, values={"val_loss": value})
        step += 1


if __name__ == "__main__":
    sys.exit(main())
