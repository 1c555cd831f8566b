"""A UI on a scripted daemon, and how tests wait for it and read its screen."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.patience import DEADLINE_S

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
os.environ.pop("NO_COLOR", None)

from tests.snapshot.fake_client import FakeClient
from tests.snapshot.fake_rows import Clock
from tui.app import TunedApp
from tui.context import Options

GOLDEN = Path(__file__).parent / "golden"


class Ui:
    """A running UI in a terminal of fixed size."""

    def __init__(self, app: TunedApp, pilot: Any, fake: FakeClient, clock: Clock) -> None:
        self.app = app
        self.pilot = pilot
        self.fake = fake
        self.clock = clock

    @property
    def store(self) -> Any:
        return self.app.context.store

    def text(self) -> str:
        """What is on the screen, a line a row, without trailing blanks."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    async def until(self, condition: Callable[[], Any], why: str) -> None:
        """Let the UI work until the condition holds."""
        end = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < end, f"waited in vain: {why}\n{self.text()}"
            await self.pilot.pause(0.01)
            self.app.tick()
        await self.pilot.pause()

    async def until_text(self, text: str) -> None:
        """Let the UI work until the screen shows a text."""
        await self.until(lambda: text in self.text(), f"{text!r} on the screen")

    async def press(self, *keys: str) -> None:
        """Press keys and let the UI draw."""
        await self.pilot.press(*keys)
        self.app.tick()
        await self.pilot.pause()

    async def idle(self) -> None:
        """Wait until nothing is left to fetch and everything is drawn."""
        quiet, store = 0, self.store
        while quiet < 3:
            await self.until(lambda: (store.connected and store.trials_loaded) or store.study is None, "loaded")
            waiting = [need for need in store.needs.waiting() if need.kind not in ("log", "status")]
            quiet = 0 if waiting or self.app.link.serving else quiet + 1
            await self.pilot.pause(0.01)
        self.app.tick()
        await self.pilot.pause()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fake() -> FakeClient:
    return FakeClient()


@pytest.fixture
def start(fake: FakeClient, clock: Clock) -> Callable[..., contextlib.AbstractAsyncContextManager[Ui]]:
    """Start a UI: `async with start(80, 24) as ui`."""

    @contextlib.asynccontextmanager
    async def run(
        width: int = 80, height: int = 24, client: FakeClient | None = None, **options: Any
    ) -> AsyncIterator[Ui]:
        app = TunedApp(client or fake, Options(**options), clock)  # type: ignore[arg-type]
        async with app.run_test(size=(width, height)) as pilot:
            ui = Ui(app, pilot, client or fake, clock)
            if not ui.fake.away:
                await ui.idle()
            yield ui

    return run


@pytest.fixture
def start_on_21(start: Any) -> Any:
    """The same with the cursor on #21, the older one of the two that run."""

    @contextlib.asynccontextmanager
    async def on_a_running_trial(*words: Any, **options: Any) -> AsyncIterator[Ui]:
        async with start(*words, **options) as ui:
            ui.store.select_trial(21)
            await ui.idle()
            yield ui

    return on_a_running_trial


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a screen with `golden/NAME.txt`; TUNED_RENEW_GOLDENS=1 writes it instead."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / f"{name}.txt"
        if os.environ.get("TUNED_RENEW_GOLDENS") == "1":
            path.write_text(text + "\n")
            return
        assert path.exists(), f"no golden {path.name}; write it with TUNED_RENEW_GOLDENS=1"
        assert text + "\n" == path.read_text(), f"{path.name} differs; renew it with TUNED_RENEW_GOLDENS=1"

    return check
