"""Pictures of the terminal UI for the documentation: `python docs/screens/render.py --home DIR [--keys j,enter]`.

Shows the daemon of a state folder in a terminal that exists in memory alone, presses the keys, and writes an SVG.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
from pathlib import Path

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")

from tui.app import TunedApp
from tui.context import Options
from tuned.client.aio import AsyncClient
from tuned.home import home_at

_WAITED = ("curve", "detail", "effects", "advise", "importance", "space", "queue", "trends")


async def render(home: Path, size: tuple[int, int], keys: list[str], title: str, study: str | None) -> str:
    """One SVG of `size` (cells, lines) after the keys were pressed."""
    app = TunedApp(AsyncClient(home_at(home, "--home").socket), Options(study=study))
    async with app.run_test(size=size) as pilot:
        store = app.context.store
        async with asyncio.timeout(30):
            while not (store.connected and store.trials_loaded):
                await pilot.pause(0.05)
        for key in keys:
            await pilot.press(key)
        async with asyncio.timeout(30):
            while app.link.serving or [need for need in store.needs.waiting() if need.kind in _WAITED]:
                await pilot.pause(0.05)
        await pilot.pause(1.0)
        svg = app.export_screenshot(title=title)
    # The picture must not fetch a font from the network.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--study", help="the study that is shown")
    parser.add_argument("--size", default="140x38", help="cells x lines")
    parser.add_argument("--keys", default="", help="names of keys, apart by commas")
    parser.add_argument("--title", default="tunectl ui")
    parser.add_argument("--out", type=Path, default=Path("docs/images/ui.svg"))
    arguments = parser.parse_args()
    width, height = (int(part) for part in arguments.size.split("x"))
    keys = [key for key in arguments.keys.split(",") if key]
    svg = asyncio.run(render(arguments.home, (width, height), keys, arguments.title, arguments.study))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(svg)


if __name__ == "__main__":
    main()
