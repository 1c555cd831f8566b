"""The list of several machines at several sizes: whose line it is can be read on each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.snapshot.fake_rows import NOW
from tui.machine import Endpoint, Machine
from tui.machines import Machines


class Still(Machine):
    """A machine whose picture the test gives."""

    async def follow(self) -> None:
        """There is no daemon behind it."""


async def machines(fake: Any) -> list[Still]:
    found = [Still(Endpoint(name, f"ssh://{name}", Path("none"), str), lambda: NOW) for name in ("me@box", "me@tower")]
    for machine in found:
        await machine.look(fake)
    found[1].studies = [replace(found[1].studies[0], name="far")]
    found[1].away, found[1].since = "ssh: connect to host tower port 22: No route to host", NOW - 190
    return found


def lines(pilot: Pilot[Any]) -> list[str]:
    return [strip.text.rstrip() for strip in pilot.app.screen._compositor.render_strips()]


async def test_each_line_names_its_machine_at_every_width(fake: Any) -> None:
    for width in (40, 60, 80, 120, 160):
        app = Machines(await machines(fake))
        async with app.run_test(size=(width, 12)) as pilot:
            await pilot.pause()
            shown = lines(pilot)
        assert len(shown) == 12 and shown[0].startswith("─ Machines 2, 1 away ")
        assert [line.split()[0] for line in shown[2:4]] == ["me@box"] * 2 and "digits" in shown[2], shown
        assert shown[4].startswith(" me@tower  away, shown as of 3m 10s") and shown[5].split()[:2] == [
            "me@tower",
            "far",
        ]
        assert "No route to host" in shown[4] or width < 60


async def test_the_cursor_stays_with_its_study_and_enter_chooses_it(fake: Any) -> None:
    found = await machines(fake)
    app = Machines(found)
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.press("down", "down")
        found[0].studies = [replace(found[0].studies[0], name="new"), *found[0].studies]
        found[0].changed()
        await pilot.pause()
        assert next(line for line in lines(pilot) if line.startswith("▌")).split()[1:3] == ["me@box", "other[bold]"]
        found[0].studies = found[0].studies[:1]  # it is deleted
        found[0].changed()
        await pilot.pause()
        assert next(line for line in lines(pilot) if line.startswith("▌")).startswith("▌me@box  ")
        await pilot.press("G", "enter")
    assert app.return_value == (1, "far")


async def test_it_is_ascii_where_it_must_be_and_hides_what_has_ended(fake: Any) -> None:
    found = await machines(fake)
    found[0].studies[1] = replace(found[0].studies[1], state="completed")
    app = Machines(found, ascii=True)
    async with app.run_test(size=(80, 6)) as pilot:
        await pilot.pause()
        assert "\n".join(lines(pilot)).isascii() and any("other[bold]" in line for line in lines(pilot))
        await pilot.press("d")
        assert not any("other[bold]" in line for line in lines(pilot)) and "d shows ended" in lines(pilot)[0]
        await pilot.press("q")
    assert app.return_value is None


async def test_it_fills_the_terminal_that_there_is(fake: Any) -> None:
    app = Machines(await machines(fake))
    async with app.run_test(size=(80, 12)) as pilot:
        for width, height in ((40, 12), (120, 30)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            shown = lines(pilot)
            assert len(shown[0]) == width and "Quit" in shown[height - 1], shown


async def test_no_number_and_no_name_is_cut_where_it_would_be_read_as_another(fake: Any) -> None:
    found = await machines(fake)
    best = replace(found[0].studies[0].best, values={"val_loss": 0.000533})
    found[0].studies = [replace(found[0].studies[0], best=best, counts={"completed": 2554}, trials=5000)]
    for width in range(40, 161):
        app = Machines(found)
        async with app.run_test(size=(width, 12)) as pilot:
            await pilot.pause()
            shown = lines(pilot)
        assert shown[1].startswith("▌me@box") and "2 run 2 wait" in shown[1], shown
        assert "2554/5000" in shown[2] and shown[2].split()[:2] == ["me@box", "digits"], (width, shown[2])
        assert ("5.33e-04" in shown[2]) == ("5." in shown[2]) == (width >= 59), (width, shown[2])
