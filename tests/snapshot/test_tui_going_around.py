"""Keys that move and show: panes, pages, charts, the list of studies."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from tests.snapshot.fake_client import sent
from tests.snapshot.fake_rows import make_trial
from tests.snapshot.fake_tunectl import Typed
from tui.advice import KINDS


async def test_insights_follow_the_cursor(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("i")
        await ui.until_text("near-bound")
        assert "tunectl space digits --set lr.low=1e-6" in ui.text()
        await ui.until_text("share of variation")
        await ui.until_text("Effect of lr")
        await ui.press("j")
        await ui.until_text("Effect of batch")
        await ui.press("escape")
        await ui.until_text("Trials 24")


async def test_keys_in_the_events_move_there_and_enter_opens_the_trial(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        for number in (3, 5, 8):
            ui.fake.push("trial.priority", number=number, **{"from": 0, "to": 1})
        await ui.press("5")
        await ui.until_text("#8 priority 0 to 1")
        await ui.press("k", "k")
        assert ui.store.selected == 21 and "2 newer" in ui.text()
        ui.fake.push("trial.priority", number=9, **{"from": 0, "to": 1})
        await ui.until_text("3 newer")
        await ui.press("enter")
        await ui.until_text("› #3")


async def test_events_are_filtered_by_words_and_escape_shows_all(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        for number in (3, 5):
            ui.fake.push("trial.priority", number=number, **{"from": 0, "to": 1})
        ui.fake.move(21, "failed")
        await ui.press("5", "slash", *"prior !#3", "enter")
        await ui.until_text("Events /prior")
        assert "#5 priority 0 to 1" in ui.text() and "FAIL" not in ui.text() and "#3 priority" not in ui.text()
        assert ui.app.context.rows.filter.text == ""
        await ui.press("escape")
        await ui.until_text("#3 priority 0 to 1")


async def test_keys_in_the_slots_move_there_and_enter_opens_the_trial(start: Any) -> None:
    async with start() as ui:
        selected = ui.store.selected
        await ui.press("3", "j", "j")
        assert ui.store.selected == selected and "▌1 CPU" in ui.text()
        await ui.press("k", "enter")
        await ui.until_text("› #21")


async def test_back_and_forth_between_studies_trials_and_pages(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("enter")
        await ui.until_text("› #21")
        await ui.press("colon", *"other", "enter")
        await ui.until_text("Trials 1")
        await ui.press("left_square_bracket")
        await ui.until_text("› #21")
        await ui.press("left_square_bracket")
        await ui.until_text("Trials 24")
        assert ui.store.selected == 21
        await ui.press("left_square_bracket")
        await ui.until_text("no place before")
        await ui.press("right_square_bracket", "right_square_bracket")
        await ui.until_text("Trials 1")


async def test_studies_are_listed_filtered_sorted_marked_and_hidden(start: Any, fake: Any) -> None:
    for name, state in (("aged", "completed"), ("run", "running")):
        fake.trials_of[name] = {1: make_trial(1, "completed" if state == "completed" else "running", name)}
        fake.studies_state[name], fake.priorities[name] = state, 0
    fake.questions["run"] = "python finetune.py --epochs 3"
    async with start(130, 36) as ui:
        await ui.press("0")
        await ui.until_text("Studies 4")
        assert ui.app.context.listed()[-1].name == "run" and "$ python finetune.py --epochs 3" in ui.text()
        await ui.press("d")
        await ui.until_text("Studies 3 of 4")
        await ui.press("slash", *"finetune", "enter")
        await ui.until_text("Studies 1 of 4")
        await ui.press("escape", "d", "greater_than_sign")
        await ui.until_text("name ▲")
        assert [row.name for row in ui.app.context.listed()] == ["aged", "digits", "other[bold]", "run"]
        await ui.press("g", "space", "space", "space", "p")
        await ui.until(lambda: len(sent(ui)) == 2, "two studies, the ended one left alone")
        assert sent(ui) == [("pause", ("digits",)), ("resume", ("other[bold]",))]
        await ui.until_text("u undoes")
        await ui.press("X")
        await ui.until_text("Cancel 2 studies?")
        await ui.press("escape", "escape")
        assert ui.app.context.studies == set()


async def test_nothing_is_done_to_a_study_that_the_list_does_not_show(start: Any, fake: Any) -> None:
    fake.trials_of["aged"] = {1: make_trial(1, "completed", "aged")}
    fake.studies_state["aged"], fake.priorities["aged"] = "completed", 0
    async with start(80, 24) as ui:
        await ui.until_text("digits")
        assert ui.store.study == "digits"
        await ui.press("0", "slash", *"other", "enter")
        await ui.until_text("Studies 1 of 3")
        assert "▌ other[bold]" in ui.text()
        await ui.press("p")
        await ui.until(lambda: sent(ui), "an order")
        assert [targets for _, targets in sent(ui)] == [("other[bold]",)]
        await ui.press("escape", "slash", *"nothing like it", "enter")
        await ui.until_text("No study matches")
        await ui.press("p", "X", "plus", "P", "D", "enter", "space")
        assert len(sent(ui)) == 1 and len(ui.app.screen_stack) == 1 and ui.store.study == "digits"
        assert not ui.app.context.studies
        await ui.press("escape", "1")
        ui.store.select_study("other[bold]")
        await ui.press("0")
        assert "▌ other[bold]" in ui.text(), "the list begins at the study that is shown"


async def test_beside_the_trials_the_list_points_at_the_study_that_is_shown(start: Any) -> None:
    async with start(160, 45) as ui:
        await ui.press("0", "G", "1")
        await ui.idle()
        assert [line[:8] for line in ui.text().splitlines() if line.startswith("▌")] == ["▌● digit"]


async def test_studies_with_news_are_marked_until_they_are_looked_at(start: Any, fake: Any) -> None:
    from dataclasses import replace

    from tuned.wire import StudySummary

    other = StudySummary(
        "other[bold]", "paused", "", False, {"failed": 2}, 0, 0, 4, 2, None, "val_loss", None, None, False
    )
    fake.summary = replace(fake.summary, since=fake.summary.until - 7200, studies=[other])
    async with start(130, 36) as ui:
        await ui.until_text("1 study with news since you last looked, 2h")
        await ui.press("s")
        await ui.until_text("*other[bold]")
        ui.fake.push("trial.moved", "digits", 21, **{"from": "running", "to": "failed"})
        await ui.press("j", "enter", "s")
        await ui.until(lambda: "*other" not in ui.text(), "seen")
        tunectl = ui.app.tunectl = Typed(["since 10:00", "nothing happened"])
        await ui.press("a")
        await ui.until_text("nothing happened")
        assert tunectl.ran == [("summary",)]


async def test_values_are_read_from_a_chart(start_on_21: Any, fake: Any) -> None:
    from tuned.wire import MetricRow

    fake.points["digits", 21] = [
        MetricRow("digits", 21, step, name, value + (step % 2) / 2, 1000.0 + 60 * step, 1)
        for step in range(41)
        for name, value in (("val_loss", 1.0), ("acc", 5.0))
    ]
    async with start_on_21() as ui:
        await ui.press("2")
        await ui.until_text("#21 1 ")
        await ui.press("h")
        await ui.until_text("step 40")
        await ui.press("h")
        await ui.until_text("step 39")
        assert "#21 1.500 " in ui.text()
        await ui.press("right_curly_bracket")
        await ui.until_text("└20")
        await ui.press("left_curly_bracket", "escape")
        await ui.until_text("└0")
        await ui.press("tilde")
        await ui.until_text("smooth 0.6")
        await ui.press("tilde", "tilde", "at")
        await ui.until_text("─min─")
        assert "40\n" in ui.text() and "#21 1" in ui.text()
        await ui.press("at", "M")
        await ui.until_text("─ acc ─")
        assert "─ val_loss ─" in ui.text()


async def test_from_the_queue_to_the_studies_and_to_what_failed_in_the_study_under_the_cursor(
    start: Any, fake: Any
) -> None:
    others = fake.trials_of["other[bold]"]
    others[2], others[3] = (make_trial(n, state, "other[bold]") for n, state in ((2, "failed"), (3, "queued")))
    async with start() as ui:
        await ui.press("s")
        await ui.until_text("Studies")
        await ui.press("Q")
        await ui.until_text("Queue 5")
        await ui.press("j", "j", "j")
        await ui.until(lambda: ui.app.screen.cursor == ("other[bold]", 3), "the trial of another study")
        await ui.press("F")
        await ui.until_text("Failures of other[bold]")
        await ui.until_text("1 trial error  #2")
        await ui.press("enter")
        await ui.until(lambda: ui.store.study == "other[bold]" and ui.store.trials_loaded, "that study")
        # Its table, where the list of studies was shown before, with the trials of the cause marked.
        await ui.until_text("1 marked")
        assert "TRIAL STATE" in ui.text() and ui.app.context.rows.marks == {2}
        await ui.press("Q")
        await ui.until_text("Queue 5")
        await ui.press("s")
        await ui.until(lambda: ui.app.screen.scope == "main" and ui.app.screen.current == "studies", "the studies")
        await ui.press("Q", "g", "enter")
        await ui.until(lambda: ui.store.selected == 21 and ui.store.study == "digits", "the trial of the queue")
        await ui.until_text("TRIAL STATE")


async def test_the_estimates_of_the_queue_run_down_while_nothing_happens(start: Any, fake: Any, clock: Any) -> None:
    whole = fake.queue

    async def estimated() -> list[Any]:
        return [replace(row, starts_in_s=90.0 if row.number == 24 else None) for row in await whole()]

    fake.queue = estimated
    async with start() as ui:
        await ui.press("Q")
        await ui.until_text("in 1m 30s")
        clock.now += 30
        await ui.until_text("in 1m 00s")
        clock.now += 60
        await ui.until_text("soon")


async def test_an_analysis_that_takes_its_time_keeps_nothing_else_waiting(start: Any, fake: Any) -> None:
    whole, asked, answered = fake.send, [], asyncio.Event()

    async def slow(call: Any) -> Any:
        if call.path.rpartition("/")[2] in KINDS:
            asked.append(call.path)
            await answered.wait()
        return await whole(call)

    fake.send = slow
    async with start() as ui:
        await ui.press("i")
        await ui.until(lambda: len(asked) == len(KINDS), "all analyses under way")
        assert "no finished trial" not in ui.text()
        # Trials that end meanwhile ask for each of them again.
        for _ in range(3):
            for kind in KINDS:
                ui.store.need(kind, "digits")
            await ui.pilot.pause(0.05)
        await ui.press("escape", "slash", *"trial=7", "enter")
        await ui.until_text("Trials 1 of 24")
        await ui.until(lambda: "#7 " in ui.text() and "#21 " not in ui.text(), "the rows of the filter")
        assert len(asked) == len(KINDS), "nothing is computed twice at once"
        answered.set()
        await ui.press("i")
        await ui.until_text("Effect of lr")


async def test_a_best_value_is_whole_in_the_list_of_studies(start: Any, fake: Any) -> None:
    for number, values in ((19, 0.000533), (20, -1.234e-05)):
        fake.trials_of["digits"][number] = make_trial(number, values={"val_loss": values})
    fake.priorities["digits"] = -5
    for width in (60, 74, 75, 80, 100, 119):
        async with start(width, 24) as ui:
            await ui.press("0")
            await ui.until_text("Studies 2")
            assert "best -1.23e-05" in ui.text(), ui.text()
