"""Keys that act: what is sent to the daemon, what is asked first, what can be undone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.snapshot.fake_client import sent
from tests.snapshot.fake_rows import make_trial
from tests.snapshot.fake_tunectl import Typed
from tuned.core.errors import Conflict


async def test_pause_acts_at_once_and_undo_resumes(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        assert ui.store.selected == 21
        await ui.press("p")
        await ui.until(lambda: ui.store.trials[21].state == "paused", "#21 paused")
        await ui.until_text("║ PAUSED")
        await ui.press("u")
        await ui.until(lambda: ui.store.trials[21].state == "queued", "#21 queued again")
        assert sent(ui) == [("pause", ("digits/21",)), ("resume", ("digits/21",))]


async def test_pause_resumes_what_is_paused(start_on_21: Any, fake: Any) -> None:
    fake.move(21, "paused")
    async with start_on_21() as ui:
        ui.store.select_trial(21)
        await ui.press("p")
        await ui.until(lambda: sent(ui), "an order")
        assert sent(ui) == [("resume", ("digits/21",))]


@pytest.mark.parametrize(("key", "verb"), [("x", "prune"), ("X", "cancel"), ("K", "kill")])
async def test_what_loses_something_asks_and_enter_does_not_confirm(start_on_21: Any, key: str, verb: str) -> None:
    async with start_on_21() as ui:
        for refusing in ("enter", "escape", "n", "q"):
            await ui.press(key)
            await ui.until_text("#21 (")
            await ui.press(refusing)
            await ui.until_text("Trials 24")
        assert sent(ui) == []
        await ui.press(key)
        await ui.press("y")
        await ui.until(lambda: sent(ui), "an order")
        assert sent(ui) == [(verb, ("digits/21",))]


async def test_marked_trials_are_meant_together_and_named(start: Any) -> None:
    async with start() as ui:
        await ui.press("slash", *"state:run", "enter", "space", "space", "x")
        await ui.until_text("Prune 2 trials?")
        assert "#21" in ui.text() and "#22" in ui.text()
        await ui.press("y")
        await ui.until(lambda: sent(ui), "an order")
        assert sent(ui) == [("prune", ("digits/21", "digits/22"))]


async def test_the_dialog_says_when_the_best_trial_is_among_them(start: Any, fake: Any) -> None:
    fake.move(22, "paused")
    fake.trials_of["digits"] = {22: fake.trials_of["digits"][22]}
    study = fake._study
    fake._study = lambda name: study(name) if name != "digits" else _with_best(study(name), fake)
    async with start() as ui:
        await ui.press("x")
        await ui.until_text("This includes the current best trial.")


def _with_best(row: Any, fake: Any) -> Any:
    from dataclasses import replace

    from tuned.wire import BestRow

    return replace(row, best=BestRow(22, {}, fake.trials_of["digits"][22].values))


async def test_an_order_that_fits_no_trial_says_so_and_sends_nothing(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("b", "p")
        await ui.until_text("#19 is DONE")
        assert sent(ui) == []


async def test_priority_up_down_reset_and_undo(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        ui.store.select_trial(23)
        await ui.press("plus")
        await ui.until(lambda: ui.store.trials[23].priority == 3, "raised")
        await ui.press("minus", "minus")
        await ui.until(lambda: ui.store.trials[23].priority == 1, "lowered")
        await ui.press("equals_sign")
        await ui.until(lambda: ui.store.trials[23].priority == 0, "reset")
        await ui.press("u")
        await ui.until(lambda: ui.store.trials[23].priority == 1, "undone once")
        await ui.press("u", "u", "u")
        await ui.until(lambda: ui.store.trials[23].priority == 2, "undone")
        await ui.press("u")
        await ui.until_text("nothing to undo")


async def test_a_study_is_paused_from_the_list_of_studies(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("s", "p")
        await ui.until(lambda: ui.store.studies["digits"].state == "paused", "the study paused")
        assert sent(ui) == [("pause", ("digits",))]
        await ui.press("x")
        await ui.until_text("works on trials")


async def test_cancelling_a_study_asks(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("s", "X")
        await ui.until_text("Cancel the study digits?")
        assert sent(ui) == []
        await ui.press("y")
        await ui.until(lambda: sent(ui), "an order")
        assert sent(ui) == [("cancel", ("digits",))]


async def test_a_refusal_is_shown_in_one_line(start_on_21: Any, fake: Any) -> None:
    fake.refusal = Conflict("the trial ended meanwhile", where="digits/21")
    async with start_on_21() as ui:
        await ui.press("p")
        await ui.until_text("digits/21: the trial ended meanwhile")
        await ui.press("u")
        await ui.until_text("nothing to undo")


async def test_read_only_offers_and_does_nothing(start_on_21: Any) -> None:
    async with start_on_21(160, 45, read_only=True) as ui:
        await ui.press("p", "x", "X", "K", "plus", "minus", "R", "t", "u")
        assert "Trials 24" in ui.text() and "Prune" not in ui.text() and "read-only" in ui.text()
        assert sent(ui) == []


async def test_acting_from_the_queue_and_from_a_trials_own_page(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("Q")
        await ui.until_text("Queue 4")
        await ui.press("G", "plus")
        await ui.until(lambda: ui.fake.trials_of["digits"][24].priority == 1, "raised")
        await ui.press("escape", "enter")
        await ui.until_text("Parameters")
        await ui.press("p")
        await ui.until(lambda: ("pause", ("digits/21",)) in sent(ui), "paused")


async def test_a_command_can_be_chosen_by_name(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("colon", *"pause", "enter")
        await ui.until(lambda: sent(ui), "an order")
        assert sent(ui) == [("pause", ("digits/21",))]


async def test_a_click_on_the_key_bar_runs_the_action(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.pilot.click(offset=(ui.text().splitlines()[-1].index("Pause"), 23))
        await ui.until(lambda: sent(ui), "an order")
        assert sent(ui) == [("pause", ("digits/21",))]


async def test_a_trial_of_ones_own_is_corrected_and_queued(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("n", *"width=1", "enter")
        await ui.until_text("space.width: there is no such parameter")
        await ui.press("escape", "n", *"lr=0.1", "enter")
        await ui.until_text("queued #25")
        await ui.press("u")
        await ui.until(lambda: ui.store.trials.get(25) and ui.store.trials[25].state == "cancelled", "taken back")
        assert ("enqueue", "digits", [{"lr": 0.1}]) in sent(ui)


async def test_a_copy_of_a_trial_begins_with_its_values(start_on_21: Any) -> None:
    async with start_on_21(160, 45) as ui:
        await ui.press("e")
        await ui.until_text("Re-run #21 with changes")
        await ui.press("enter")
        await ui.until_text("queued #25")
        assert ui.fake.trials_of["digits"][25].params == ui.fake.trials_of["digits"][21].params


async def test_a_study_is_deleted_only_by_its_name(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("D")
        await ui.until_text("Delete digits?")
        await ui.press("enter")
        await ui.until_text("that is not its name")
        await ui.press(*"digits", "enter")
        await ui.until(lambda: ("delete", "digits") in sent(ui), "deleted")
        await ui.until_text("other[bold]")


async def test_the_form_of_a_new_trial_shows_what_is_meant(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("n", *"#21 lr*=2 @4")
        await ui.until_text("priority   4")
        row = ui.store.trials[21]
        assert f"{row.params['lr'] * 2:.6g}" in ui.text()
        await ui.press(*" nope=1")
        await ui.until_text("no such parameter")
        await ui.press("escape")


async def test_where_there_is_no_room_the_meaning_of_a_new_trial_stands_before_its_help(start_on_21: Any) -> None:
    async with start_on_21(40, 12) as ui:
        await ui.press("n")
        await ui.until_text("name=value")
        await ui.press(*"batch=32,64 @7")
        await ui.until_text("32, 64")
        assert "trials" in ui.text() and "priority   7" in ui.text()
        await ui.press(*" nope=1")
        await ui.until_text("no such parameter")


async def test_a_priority_is_typed_and_taken_back(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("slash", *"state:wait", "enter", "P", *"+x", "enter")
        await ui.until_text("is no priority")
        await ui.press(*["backspace"] * 2, *"7", "enter")
        number = ui.store.selected
        await ui.until(lambda: ui.store.trials[number].priority == 7, "the new priority")
        await ui.press("u")
        await ui.until(lambda: ui.store.trials[number].priority != 7, "the old priority")


async def test_the_space_is_edited_after_a_look_at_what_that_does(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("S")
        await ui.until_text("Space v1")
        await ui.press("e", *"lrr.high=1", "enter")
        await ui.until_text("there is no such parameter")
        await ui.press(*["backspace"] * 10, *"lr.high=0.01", "enter")
        await ui.until_text("lr.high: 0.1 -> 0.01")
        assert "made anew: #24" in ui.text()
        await ui.press("enter")
        assert ui.fake.lr_high == 0.1, "Enter must not confirm"
        await ui.press("e", *"lr.high=0.01", "enter")
        await ui.until_text("Change the space")
        await ui.press("y")
        await ui.until_text("Space v2")
        assert ui.fake.lr_high == 0.01


async def test_undo_takes_back_what_waits_and_never_reaches_past_what_is_lost(start_on_21: Any) -> None:
    async with start_on_21(160, 45) as ui:
        await ui.press("n", *"lr=0.001", "enter")
        await ui.until_text("queued #25")
        await ui.until_text("u Undo new")
        ui.fake.move(25, "running")
        await ui.press("u")
        await ui.until_text("undo new: nothing changed: digits/25 is running (tunectl cancel digits/25)")
        assert sent(ui)[-1] == ("undo enqueue", ("digits/25",))
        await ui.press("plus", "x", "y")
        await ui.until(lambda: ui.store.trials[21].state == "pruned", "#21 pruned")
        before = len(sent(ui))
        await ui.press("u")
        await ui.until_text("nothing to undo")
        assert len(sent(ui)) == before


async def test_trials_of_several_studies_are_named_with_their_study(start: Any) -> None:
    async with start() as ui:
        ui.fake.trials_of["other[bold]"][2] = make_trial(2, "running", "other[bold]")
        ui.fake.trials_of["other[bold]"][21] = make_trial(21, "running", "other[bold]")
        await ui.press("Q", "asterisk", "K")
        await ui.until_text("Kill 4 trials?")
        assert "#21 (" in ui.text() and "other[bold]/21 (" in ui.text() and "esc Keep" in ui.text()


async def test_marks_that_a_filter_hides_are_left_alone(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("space", "slash", *"state:wait", "enter")
        await ui.until_text("Trials 2 of 24")
        await ui.press("g", "plus")
        await ui.until(lambda: sent(ui), "an order")
        assert sent(ui) == [("priority", ("digits/24",), 1, True)]
        await ui.press("s", "space")
        assert ui.app.context.rows.marks == {21} and ui.app.context.studies == {"digits"}


async def test_the_ways_to_pause_are_offered_with_their_costs(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("H")
        await ui.until_text("Pause how?")
        assert "stay taken" in ui.text() and "begins anew" in ui.text()
        await ui.press("j", "enter")
        await ui.until(lambda: sent(ui), "an order")
        assert sent(ui) == [("pause", ("digits/21",))]


async def test_the_command_of_an_advice_is_run_after_a_question(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        tunectl = ui.app.tunectl = Typed(["digits: space v2"])
        await ui.press("i")
        await ui.until_text("near-bound")
        await ui.press("3", "y")
        assert ui.app.clipboard == "tunectl space digits --set lr.low=1e-6"
        await ui.press("enter")
        await ui.until_text("tunectl space digits --set lr.low=1e-6?")
        await ui.press("enter")
        assert tunectl.ran == []
        await ui.press("enter", "y")
        await ui.until(lambda: tunectl.ran == [("space", "digits", "--set", "lr.low=1e-6")], "run")
