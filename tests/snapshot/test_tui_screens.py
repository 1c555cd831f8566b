"""What each screen looks like, as text. Renew the goldens with TUNED_RENEW_GOLDENS=1 and read the diff."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tui.glyphs import UNICODE
from tui.slots import busy
from tui.views.machine import past
from tuned.wire import DeviceRow

SIZES = [(40, 12), (80, 24), (130, 36), (160, 45)]


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_main_screen(start: Any, golden: Callable[[str, str], None], width: int, height: int) -> None:
    async with start(width, height) as ui:
        golden(f"main-{width}x{height}", ui.text())


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("curves", ["2"]), ("slots", ["3"]), ("log", ["4"]), ("events", ["5"]), ("studies", ["s"]),
        ("trial", ["enter"]), ("queue", ["Q"]), ("help", ["question_mark"]), ("palette", ["colon", "p", "r"]),
        ("confirm", ["x"]), ("filtered", ["slash", *"lr<1e-2", "enter"]), ("marked", ["space", "space", "v"]),
        ("sorted", ["greater_than_sign"] * 2), ("zoomed", ["z"]), ("insight", ["i"]), ("space", ["S"]),
        ("new", ["n", *"#21 lr*=2"]), ("compare", ["C"]), ("columns", ["c"]),
    ],
)  # fmt: skip
async def test_screens_at_80x24(start: Any, golden: Callable[[str, str], None], name: str, keys: list[str]) -> None:
    async with start(80, 24) as ui:
        await ui.press(*keys)
        await ui.idle()
        golden(f"{name}-80x24", ui.text())


@pytest.mark.parametrize(
    ("name", "keys"), [("trial", ["enter"]), ("confirm", ["x"]), ("insight", ["i"]), ("space", ["S"]), ("queue", ["Q"])]
)
async def test_screens_at_160x45(start: Any, golden: Callable[[str, str], None], name: str, keys: list[str]) -> None:
    async with start(160, 45) as ui:
        await ui.press(*keys)
        await ui.idle()
        golden(f"{name}-160x45", ui.text())


@pytest.mark.parametrize(
    ("name", "keys"), [("trial", ["enter"]), ("confirm", ["x"]), ("insight", ["i"]), ("space", ["S"]), ("queue", ["Q"])]
)
async def test_screens_at_40x12(start: Any, golden: Callable[[str, str], None], name: str, keys: list[str]) -> None:
    async with start(40, 12) as ui:
        await ui.press(*keys)
        await ui.idle()
        golden(f"{name}-40x12", ui.text())


async def test_ascii_only(start: Any, golden: Callable[[str, str], None]) -> None:
    async with start(160, 45, ascii=True) as ui:
        assert ui.text().isascii()
        golden("ascii-160x45", ui.text())


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("key", ["1", "2", "3", "4", "5", "s", "z", "Z", "enter", "Q", "i", "S", "question_mark"])
async def test_no_line_is_wider_than_the_terminal(start: Any, width: int, height: int, key: str) -> None:
    async with start(width, height) as ui:
        await ui.press(key)
        strips = ui.app.screen._compositor.render_strips()
        assert [strip.cell_length for strip in strips] == [width] * height


async def test_an_empty_daemon_says_what_to_type(start: Any, fake: Any, golden: Callable[[str, str], None]) -> None:
    fake.trials_of, fake.studies_state = {}, {}
    async with start(80, 24) as ui:
        assert "tunectl init train.py" in ui.text() and "tunectl submit train.toml" in ui.text()
        golden("empty-80x24", ui.text())


async def test_gpus_have_bars(start: Any, fake: Any) -> None:
    fake.gpus = True
    async with start(160, 45) as ui:
        assert "GPUs" in ui.text() and "98%" in ui.text() and "61/80 GiB" in ui.text()


async def test_every_size_between_two_can_be_passed(start: Any) -> None:
    async with start(160, 45) as ui:
        for width, height in [(159, 44), (120, 30), (119, 30), (60, 16), (59, 15), (20, 5), (1, 1), (200, 60)]:
            await ui.pilot.resize_terminal(width, height)
            await ui.pilot.pause()
            strips = ui.app.screen._compositor.render_strips()
            assert [strip.cell_length for strip in strips] == [width] * height
        assert "Trials 24" in ui.text()


def test_a_card_has_a_line_of_its_last_minutes_and_one_of_its_last_day() -> None:
    card = DeviceRow(
        "GPU-1", "gpu", "H100", 0, 80 * 2**30, 61 * 2**30, 98.0, "", "",
        history={"utilisation": [0.0, None, 98.0], "memory": [0.0, 2.0**30, 61.0 * 2**30], "watts": [None] * 3},
        day={"training": 60_000.0, "nothing queued": 26_400.0},
    )  # fmt: skip
    minutes, day = ("".join(text for text, _ in line) for line in past(card, 120, UNICODE))
    assert minutes.split() == ["use", "▁", "█", "98%", "memory", "▁▁▆", "61.0", "GiB"], "power is not known"
    assert day.strip().startswith("24 h ███") and day.rstrip().endswith("training 69%, nothing queued 31%")


def test_on_a_machine_with_cards_these_are_its_slots() -> None:
    one, two = (
        DeviceRow("GPU-1", "gpu", "H100", 0, 1, 1, 9.0, "a/1", ""),
        DeviceRow("GPU-2", "gpu", "H100", 1, 1, 1, 0.0, "", ""),
    )
    cpus = [DeviceRow(f"cpu:{n}", "cpu", "CPU", n, None, None, None, "a/2", "") for n in range(2)]
    assert busy([one, two, *cpus]) == (1, 2, "GPUs")
    assert busy(cpus) == (2, 2, "slots")


def test_a_card_that_no_trial_can_have_is_not_called_free() -> None:
    free, yielded, leaving = (
        DeviceRow("GPU-1", "gpu", "H100", 0, 80, 0, 0.0, held, why)
        for held, why in (("", ""), ("", "yielded"), ("a/1", "yielded"))
    )
    assert [card.holder for card in (free, yielded, leaving)] == ["free", "not leased", "a/1"]


def test_a_card_that_does_not_answer_shows_no_figures_of_before() -> None:
    lost = DeviceRow(
        "GPU-1",
        "gpu",
        "H100",
        0,
        None,
        None,
        None,
        "",
        "GPU is lost",
        history={"utilisation": [30.0], "memory": [2.0**31]},
    )
    assert past(lost, 120, UNICODE) == []
