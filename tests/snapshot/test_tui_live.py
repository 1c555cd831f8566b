"""The UI while things change: events, selection, filters, a daemon that goes away, text that means harm, leaks."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

from tests.snapshot.fake_client import FakeClient
from tests.snapshot.fake_rows import make_trial
from tuned.core import words


async def test_events_change_rows_at_once_and_their_order_a_little_later(start: Any) -> None:
    async with start() as ui:
        pages, place = len(ui.fake.calls), ui.app.context.rows.place(21)
        ui.fake.move(21, "completed")
        await ui.until(lambda: ui.store.trials[21].state == "completed", "#21 completed")
        assert len(ui.fake.calls) == pages
        await ui.until(lambda: ui.app.context.rows.place(21) != place, "ranked")
        assert len(ui.fake.calls) == pages + 1


async def test_a_new_trial_appears(start: Any) -> None:
    async with start() as ui:
        ui.fake.trials_of["digits"][25] = make_trial(25, "queued")
        ui.fake.push("trial.queued", number=25, params={}, origin="user", priority=0)
        await ui.until_text("Trials 25")


async def test_the_cursor_stays_on_its_trial_while_rows_move(start: Any) -> None:
    async with start() as ui:
        await ui.press("j", "j", "j")
        number = ui.store.selected
        place = ui.app.context.rows.place(number)
        ui.fake.move(21, "completed", 0.9)
        await ui.until(lambda: ui.app.context.rows.place(number) == place - 1, "#21 behind the others that completed")
        assert ui.store.selected == number
        await ui.until_text(f"▌━  #{number}")


async def test_live_metrics_reach_step_value_and_curve(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        last = {"val_loss": 0.125, "train_loss": 0.1}
        ui.fake.push("trial.metrics", number=21, points=2, last=last, step=12, values={"val_loss": 0.125})
        await ui.until_text("0.1250")
        assert ui.store.curve(21, "val_loss")[-1] == (12.0, 0.125)


async def test_the_log_grows_while_it_is_shown(start_on_21: Any, fake: Any) -> None:
    fake.logs[21] = "first line\n"
    async with start_on_21() as ui:
        await ui.press("4")
        await ui.until_text("first line")
        fake.logs[21] += "second line\n"
        await ui.until_text("second line")


async def test_a_filter_narrows_while_typing_and_escape_takes_it_back(start: Any) -> None:
    async with start() as ui:
        await ui.press("slash", *"state:run")
        await ui.until_text("Trials 2 of 24")
        await ui.press("escape")
        await ui.until_text("Trials 24")
        await ui.press("slash", *"state:run state:zzz", "enter")
        await ui.until_text("there is no state 'zzz'")
        await ui.until_text("Trials 24 ")


async def test_keys_typed_ahead_reach_the_line_that_the_first_one_opens(start: Any) -> None:
    from textual.events import Key

    async with start() as ui:
        await ui.press("slash", *"trial<5", "enter")
        named = {"/": "slash", ":": "colon", "<": "less_than_sign", "=": "equals_sign", ",": "comma"}
        for key, character in [
            ("slash", "/"), ("ctrl+u", "\x15"), *((named.get(c, c), c) for c in "state:run,wait"), ("enter", "\r"),
            ("U", "U"), ("j", "j"),
        ]:  # fmt: skip
            ui.app.post_message(Key(key, character))
        await ui.until_text("Trials 4 of 24")
        assert ui.app.context.rows.filter.text == "state:run,wait"
        assert {call[0] for call in ui.fake.calls} == {"trials"}, "a letter was taken for an action"


async def test_letters_typed_before_the_line_knows_of_its_focus_are_kept(start: Any) -> None:
    from textual.events import Key

    async with start() as ui:
        await ui.press("slash", *"trial<5", "enter")
        for key, character in [("slash", "/"), ("s", "s"), ("t", "t"), ("a", "a")]:
            await ui.app.on_event(Key(key, character))
        await ui.pilot.pause()
        await ui.press(*"te:run", "enter")
        assert ui.app.context.rows.filter.text == "state:run"


async def test_sorting_goes_through_the_columns(start: Any) -> None:
    async with start() as ui:
        seen = []
        for _ in range(10):
            seen.append(ui.app.context.rows.sort)
            await ui.press("greater_than_sign")
        assert seen[0] == "watch" and set(seen) >= {"lr", "batch", "trial", "elapsed"}
        await ui.press("less_than_sign")
        assert ui.app.context.rows.sort == seen[-1]


async def test_another_study_is_opened_and_its_name_is_no_markup(start: Any) -> None:
    async with start() as ui:
        await ui.press("s", "j", "enter")
        await ui.until_text("Trials 1")
        assert "other[bold]" in ui.text()
        assert ui.store.selected == 1


async def test_the_daemon_goes_away_and_comes_back(start_on_21: Any, clock: Any) -> None:
    async with start_on_21() as ui:
        ui.fake.drop()
        await ui.until_text("no daemon")
        clock.now += 90
        await ui.until_text("shown as of 1m 30s ago")
        assert "#21" in ui.text()
        ui.fake.move(21, "failed")
        ui.fake.come_back()
        await ui.until(lambda: ui.store.connected, "connected again")
        await ui.until(lambda: ui.store.trials[21].state == "failed", "caught up")
        await ui.until_text("RUNNING")


async def test_it_starts_without_a_daemon_and_waits(start: Any, fake: Any) -> None:
    fake.away = True
    async with start() as ui:
        await ui.until_text("waiting for it")
        fake.come_back()
        await ui.until_text("Trials 24")


async def test_an_order_without_a_daemon_says_so(start: Any) -> None:
    async with start() as ui:
        ui.fake.drop()
        await ui.press("p")
        await ui.until_text("no daemon answers")


async def test_a_deleted_study_leaves_the_screen(start: Any) -> None:
    async with start() as ui:
        del ui.fake.trials_of["digits"]
        ui.fake.push("study.deleted")
        await ui.until_text("other[bold]")
        await ui.until_text("Trials 1")


async def test_hostile_text_is_shown_not_obeyed(start_on_21: Any, fake: Any) -> None:
    evil = "\x1b[2J\x1b]52;c;ZXZpbA==\x07[red]brackets[/red] \x1b[31mcolour\x1b[0m\n"
    fake.logs[21] = evil + "日本語のログ\nprogress 1%\rprogress 2%\n"
    row = fake.trials_of["digits"][21]
    row.params["lr"] = "a\x1b[31m[b]\n"
    async with start_on_21(160, 45) as ui:
        await ui.until_text("[red]brackets[/red] colour")
        text = ui.text()
        assert "日本語のログ" in text and "progress 2%" in text and "progress 1%" not in text
        assert "\x1b" not in text and "a[b]" in text


async def test_a_value_that_is_nan_breaks_nothing(start: Any, fake: Any) -> None:
    fake.trials_of["digits"][21].values["val_loss"] = "nan"
    async with start(160, 45) as ui:
        await ui.press("G", "g", "O", "less_than_sign")
        assert "nan" in ui.text()


async def test_idle_means_nothing_is_drawn(start: Any) -> None:
    async with start() as ui:
        for number in (21, 22):
            ui.fake.move(number, "completed")
        await ui.until(lambda: not ui.store.anything_live, "nothing runs")
        await ui.idle()
        painted: list[object] = []
        for pane in ui.app.screen.panes.values():
            pane.refresh = lambda *a, **k: painted.append(a)  # type: ignore[method-assign]
        for _ in range(5):
            ui.clock.now += 1
            ui.app.tick()
        assert painted == []


async def test_widgets_do_not_pile_up(start: Any) -> None:
    async with start() as ui:
        await ui.press("x", "escape", "question_mark", "escape", "Q", "escape", "enter", "escape", "colon", "escape")
        gc.collect()
        before = len(ui.app.screen.walk_children()), _widgets()
        for _ in range(6):
            ui.fake.push("trial.priority", number=23, **{"from": 0, "to": 1})
            await ui.press(
                "x", "escape", "question_mark", "escape", "Q", "escape", "enter", "escape", "colon", "escape"
            )
        await ui.idle()
        gc.collect()
        assert (len(ui.app.screen.walk_children()), _widgets()) == before


def _widgets() -> int:
    from textual.widget import Widget

    return sum(issubclass(type(thing), Widget) for thing in gc.get_objects())


async def test_closed_dialogs_keep_no_lines(start: Any) -> None:
    from textual.strip import Strip

    def strips() -> int:
        gc.collect()
        return sum(type(thing) is Strip for thing in gc.get_objects())  # isinstance() wakes lazy objects of others

    async def open_and_close(times: int) -> None:
        for _ in range(times):
            ui.app.screen.do_help()
            await ui.pilot.pause()
            # A popped screen is taken apart later, and its lines go with it: only what stays for good is counted.
            await ui.app.pop_screen()
        await ui.idle()

    async with start() as ui:
        await open_and_close(3)
        before = strips()
        await open_and_close(20)
        await ui.until(lambda: strips() < before + 40, "the lines of closed dialogs are gone")


async def test_the_cursor_follows_its_trial_into_an_order_where_it_is_pages_away(start: Any) -> None:
    async with start(client=FakeClient(1203)) as ui:
        await ui.until_text("Trials 1203")
        await ui.press("b")
        number = ui.store.selected
        await ui.press(*["less_than_sign"] * 4)
        assert ui.app.context.rows.sort == "trial"
        await ui.until(lambda: ui.app.context.rows.place(number) is not None, "its page")
        assert ui.store.selected == number
        await ui.until_text(f"▌━  #{number}")
        await ui.press("G")
        await ui.until(lambda: ui.store.selected == 1, "the last row")
        await ui.press("b")
        await ui.until(lambda: ui.store.selected == ui.store.best, "the best")
        await ui.until_text(f"▌━  #{ui.store.best}")


async def test_an_action_waits_until_all_marks_are_known(start: Any) -> None:
    async with start(client=FakeClient(603)) as ui:
        ui.app.screen.do_mark_all()
        await ui.app.screen.action_do("pause")
        assert "being marked" in ui.app.context.message and not any(call[0] == "pause" for call in ui.fake.calls)
        await ui.until(lambda: len(ui.app.context.rows.marks) == 603, "all are marked")


async def test_a_large_study_is_read_in_pages(start: Any) -> None:
    big = FakeClient(20)
    rows = {number: make_trial(number) for number in range(1, 12_001)}
    big.trials_of["digits"] = rows
    async with start(client=big) as ui:
        await ui.until_text("Trials 12000")
        assert len(ui.store.trials) <= 200
        await ui.press(*["less_than_sign"] * 4)
        assert ui.app.context.rows.sort == "trial"
        await ui.press("g")
        await ui.until_text("▌━ #12000")
        await ui.press("G")
        await ui.until(lambda: ui.store.selected == 1, "the last row")
        await ui.until_text("11991-12000")
        await ui.press("k", "k")
        await ui.until(lambda: ui.store.selected == 3, "two rows up")
        await ui.press("slash", *"state:failed", "enter")
        await ui.until_text("No trial matches")
        await ui.press("escape", "slash", *"trial<=300 act", "enter")
        await ui.until_text("No trial matches")
        await ui.press("escape", "slash", *"trial<=300", "enter")
        await ui.until_text("Trials 300 of 12000")
        await ui.press("asterisk")
        await ui.until_text("300 marked")
        await ui.press("U", "escape")
        await ui.until_text("Trials 12000")
        await ui.press("slash", *"lrr<1", "enter")
        await ui.until_text("trials have no 'lrr'")
        await ui.press("escape", "g")
        await ui.until(lambda: ui.store.selected == 12_000, "the first row")
        await ui.press(*["pagedown"] * 60)
        await ui.until(lambda: ui.store.selected == 12_000 - 60 * 5, "thirty pages on")
        assert len(ui.store.trials) < 31 * 200


async def test_leaving_closes_the_client(start: Any) -> None:
    async with start() as ui:
        await ui.press("q")
        await asyncio.sleep(0)
    assert ui.fake.closed and ui.app.return_code == 0


async def test_two_trials_side_by_side(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("C")
        await ui.until_text("Compare #21 #19")
        await ui.idle()
        assert "tanh" in ui.text() and "relu" in ui.text()
        await ui.press("escape")
        await ui.until_text("Trials 24")


async def test_columns_can_be_hidden_and_come_back(start: Any) -> None:
    async with start() as ui:
        await ui.press("c", "enter")
        await ui.press("escape")
        assert " LR " not in ui.text() and "BATCH" in ui.text()
        await ui.press("c", "enter", "escape")
        assert " LR " in ui.text()


async def test_the_order_is_chosen_from_a_menu(start: Any) -> None:
    async with start() as ui:
        await ui.press("o", "g", "enter")
        assert "trial ▲" in ui.text() and ui.app.context.rows.at(0) == 24


async def test_every_theme_draws(start: Any) -> None:
    async with start() as ui:
        before = ui.text()
        for theme in sorted(ui.app.available_themes):
            ui.app.theme = theme
            await ui.pilot.pause()
            assert ui.text() == before


async def test_choices_are_remembered(fake: Any, clock: Any, tmp_path: Any) -> None:
    from tui.app import TunedApp
    from tui.context import Options

    for expected in ("watch", "lr"):
        app = TunedApp(fake, Options(), clock, folder=tmp_path)
        async with app.run_test() as pilot:
            assert app.context.rows.sort == expected
            app.context.rows.sort, app.context.memory.theme = "lr", "nord"
            await pilot.press("q")
    assert app.theme == "nord"


async def test_a_pinned_curve_stays_in_the_chart(start: Any) -> None:
    async with start(160, 45) as ui:
        ui.store.select_trial(16)
        await ui.press("V", "j", "j", "j")
        await ui.idle()
        assert "━ #16" in ui.text()
        await ui.press("k", "k", "k", "V")
        await ui.until_text("#16 unpinned")


async def test_the_log_is_searched_upwards_and_round(start_on_21: Any, fake: Any) -> None:
    fake.logs[21] = "".join(f"line {i}{' Oops' if i in (3, 7) else ''}\n" for i in range(40))
    async with start_on_21() as ui:
        await ui.press("4")
        await ui.until_text("line 39")
        await ui.press("N", *"oops", "enter")
        await ui.until_text("line 7 Oops")
        assert "line 3 Oops" not in ui.text()
        await ui.press("N")
        await ui.until_text("line 3 Oops")
        await ui.press("N")
        await ui.until_text("no 'oops' further up")
        await ui.press("N")
        await ui.until(lambda: "line 3 Oops" not in ui.text() and "line 7 Oops" in ui.text(), "from the end again")
        await ui.press("escape")
        await ui.until_text("line 39")


async def test_a_long_log_is_read_from_end_to_begin_and_stands_still_meanwhile(
    start_on_21: Any, fake: Any, tmp_path: Any
) -> None:
    lines = [f"line {i} {'x' * 90}" for i in range(3000)]
    lines[4], lines[2000] = "\x1b[31mTraceback (most recent call last):\x1b[0m", "漢字漢字"
    fake.logs[21] = "\n".join(lines) + "\n"
    async with start_on_21() as ui:
        await ui.press("4")
        await ui.until_text("line 2999")
        await ui.press("k", "k")
        await ui.until_text("line 2997")
        assert "line 2998" not in ui.text() and "2 lines below" in ui.text()
        fake.logs[21] += "one more\n"
        await ui.until_text("3 lines below")
        assert "line 2997" in ui.text()
        await ui.press("g")
        await ui.until_text("line 0 ")
        await ui.press(*["ctrl+d"] * 120)
        await ui.until_text("line 720 ")
        await ui.press("E")
        await ui.until_text("Traceback (most recent")
        assert "line 5 " in ui.text() and "[31m" not in ui.text()
        await ui.press("G")
        await ui.until_text("one more")
        await ui.press("W", "ctrl+u", *str(tmp_path / "log"), "enter")
        await ui.until(lambda: (tmp_path / "log").exists(), "saved")
        size = words.size((tmp_path / "log").stat().st_size)
        await ui.until_text(f"{size} in ")
        assert (tmp_path / "log").read_text() == fake.logs[21]


async def test_trends_stand_where_there_is_room_and_grow(start: Any) -> None:
    async with start(160, 45) as ui:
        assert "TREND" not in ui.text()
        await ui.press("Z")
        await ui.until(lambda: ui.store.trends.sampled(21, 8), "values of #21")
        await ui.until_text("TREND")
        before = ui.store.trends.sampled(21, 96)
        ui.fake.push("trial.metrics", number=21, points=1, last={"val_loss": 0.3}, step=12, values={"val_loss": 0.3})
        await ui.until(lambda: ui.store.trends.sampled(21, 96) == [*before, 0.3], "one more value")
        await ui.press("c", *["down"] * 7, "enter", "escape")
        assert "TREND" not in ui.text()
