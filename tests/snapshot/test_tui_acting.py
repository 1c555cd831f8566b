"""Keys that act: what is sent to the daemon, what is asked first, what can be undone."""

from __future__ import annotations

from typing import Any

import pytest
from fake_client import make_trial

from tuned.core.errors import Conflict


def sent(ui: Any) -> list[tuple[object, ...]]:
    """Every order that reached the daemon."""
    return [call for call in ui.fake.calls if call[0] != "trials"]


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


async def test_what_is_copied_is_shown(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("y")
        await ui.until_text("Copy from #21")
        await ui.press("enter")
        await ui.until_text("copied: digits/21")
        assert ui.app.clipboard == "digits/21"


async def test_the_form_of_a_new_trial_shows_what_is_meant(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("n", *"#21 lr*=2 @4")
        await ui.until_text("priority   4")
        row = ui.store.trials[21]
        assert f"{row.params['lr'] * 2:.6g}" in ui.text()
        await ui.press(*" nope=1")
        await ui.until_text("no such parameter")
        await ui.press("escape")


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


async def test_with_too_few_trials_for_a_model_the_means_say_what_matters(start_on_21: Any, fake: Any) -> None:
    fake.few = True
    async with start_on_21() as ui:
        await ui.press("i")
        await ui.until_text("spread of means")
        await ui.until_text("Effect of batch")


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


@pytest.mark.parametrize(("width", "height"), [(40, 12), (80, 24), (160, 45)])
async def test_trouble_of_the_daemon_is_in_the_first_line(start: Any, fake: Any, width: int, height: int) -> None:
    async with start(width, height) as ui:
        fake.alarms = ["disk full: 0.2 GB left"]
        assert any(need.kind == "status" for need in ui.store.needs.waiting())
        ui.store.put_status(await fake.status())
        await ui.until_text("disk full")
        assert "disk full" in ui.text().splitlines()[0]
        fake.alarms, fake.advisor = [], "advisor died; next try in 8 s"
        ui.store.put_status(await fake.status())
        await ui.until_text("advisor died")
        assert "advisor died" in ui.text().splitlines()[0]
        fake.advisor = "ready"
        ui.store.put_status(await fake.status())
        await ui.until(lambda: "advisor" not in ui.text().splitlines()[0].replace("advisor ready", ""), "calm")


async def test_a_dialog_leaves_the_table_in_sight(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("x")
        await ui.until_text("Prune #21?")
        assert "TRIAL STATE" in ui.text() and "#19 ✓ DONE" in ui.text()


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


class Typed:
    """A `tunectl` that notes what it is told to run, and prints lines."""

    def __init__(self, lines: list[str], code: int = 0) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.lines, self.code = lines, code

    async def run(self, arguments: Any, _width: int, told: Any) -> int:
        self.ran.append(tuple(arguments))
        for text in self.lines:
            told(text)
        return self.code

    async def complete(self, text: str) -> list[str]:
        return ["search.trials=", "search.parallel="] if text.endswith("search.") else ["search.trials="]


async def test_any_verb_is_typed_completed_and_remembered(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        tunectl = ui.app.tunectl = Typed(["digits: search.trials 40 -> 80"])
        await ui.press("colon", *"se", "down", "up", *"t dig")
        await ui.until_text("Change a study while it runs")
        await ui.press("down", "enter", "space", *"search.", "tab")
        await ui.until_text("search.parallel=")
        await ui.press("enter", *"+40", "enter")
        await ui.until_text("search.trials 40 -> 80")
        assert tunectl.ran == [("set", "digits", "search.trials=+40")]
        tunectl.lines = ["one", "[two]", "three"]
        await ui.press("colon", "up", "enter")
        await ui.until_text("[two]")
        await ui.press("escape")
        assert len(tunectl.ran) == 2 and "Trials 24" in ui.text()


async def test_a_typed_verb_that_loses_something_asks(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        tunectl = ui.app.tunectl = Typed(["deleted"])
        await ui.press("colon", *"delete digits", "enter")
        await ui.until_text("delete digits?")
        await ui.press("enter")
        assert tunectl.ran == []
        await ui.press("colon", *"delete digits", "enter", "y")
        await ui.until(lambda: tunectl.ran == [("delete", "digits", "--yes")], "deleted")


async def test_a_command_that_goes_on_is_ended_with_its_page(start_on_21: Any) -> None:
    import asyncio

    class Endless(Typed):
        async def run(self, arguments: Any, _width: int, told: Any) -> int:
            told("first line")
            try:
                await asyncio.Event().wait()
            finally:
                self.ran.append(("ended",))
            return 0

    async with start_on_21() as ui:
        tunectl = ui.app.tunectl = Endless([])
        await ui.press("colon", *"logs -f digits/21", "enter")
        await ui.until_text("first line")
        await ui.press("escape")
        await ui.until(lambda: tunectl.ran == [("ended",)], "ended")
        await ui.until_text("Trials 24")


@pytest.mark.parametrize(
    ("text", "shows"),
    [("other", "Trials 1"), ("digits/19", "› #19"), ("sort lr", "lr ▲"), ("filter state:run", "Trials 2 of 24"),
     ("filter nope<1", "trials have no"), ("theme nord", "Trials 24"), ("prune 'x", "no closing quotation"),
     ("ui ", "needs a terminal of its own")],
)  # fmt: skip
async def test_a_typed_line_goes_places(start_on_21: Any, text: str, shows: str) -> None:
    async with start_on_21() as ui:
        await ui.press("colon", *text, "enter")
        await ui.until_text(shows)


async def test_a_read_only_ui_runs_no_verb_that_changes_anything(start_on_21: Any) -> None:
    async with start_on_21(read_only=True) as ui:
        tunectl = ui.app.tunectl = Typed(["ok"])
        await ui.press("colon", *"set digits search.trials=9", "enter")
        await ui.until_text("read-only")
        await ui.press("colon", *"why digits", "enter")
        await ui.until(lambda: tunectl.ran == [("why", "digits")], "a reading verb")


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


async def test_failures_are_told_by_cause_and_one_cause_is_repeated(start: Any, fake: Any) -> None:
    from dataclasses import replace

    oom = {"failure": "oom", "reason": "CUDA out of memory: tried 12 MiB", "state": "failed"}
    for number in (1, 2):
        row = fake.trials_of["digits"][number]
        fake.trials_of["digits"][number] = replace(row, **{**oom, "reason": f"{oom['reason']} {number}"})
    async with start(130, 36) as ui:
        await ui.press("slash", *"trial=1", "enter")
        await ui.until_text("✗ OOM")
        await ui.press("escape", "F")
        await ui.until_text("2 trials oom  #2, #1")
        await ui.until_text("3 trials error")
        await ui.press("j", "j", "R")
        await ui.until(lambda: ("retry", ("digits/2", "digits/1")) in sent(ui), "repeated")
        await ui.press("F", "G", "k", "enter")
        await ui.until_text("marked: R repeats them")
        assert len(ui.app.context.rows.marks) > 1


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


async def test_any_metric_is_a_column_and_follows_its_trial(start_on_21: Any, fake: Any) -> None:
    from dataclasses import replace

    async with start_on_21(130, 36) as ui:
        await ui.press("c", "G")
        await ui.until_text("train_loss")
        for number, row in fake.trials_of["digits"].items():
            fake.trials_of["digits"][number] = replace(row, metrics={"train_loss": number / 1000})
        await ui.press("enter", "escape")
        await ui.until_text("0.0210")
        ui.fake.push(
            "trial.metrics", number=21, points=1, last={"train_loss": 0.777}, step=12, values={"val_loss": 0.3}
        )
        await ui.until_text("0.7770")


async def test_several_objectives_show_the_front_and_broken_bounds(start: Any, fake: Any) -> None:
    from dataclasses import replace

    from tuned.wire import ConstraintRow, ObjectiveRow

    whole = fake._study
    goals = [ObjectiveRow("val_loss", "minimize", None), ObjectiveRow("size", "minimize", None)]
    bounds = [ConstraintRow("mb", 5.0, None)]
    fake._study = lambda name: replace(whole(name), objectives=goals, constraints=bounds)
    for number, row in fake.trials_of["digits"].items():
        mb = 9.0 if number == 17 else 1.0
        fake.trials_of["digits"][number] = replace(row, values={**row.values, "size": 100.0 + number, "mb": mb})
    fake.front = [16, 19]
    async with start(130, 36) as ui:
        await ui.until(lambda: ui.store.front == {16, 19}, "the front")
        # A study in which nothing happens any more is asked as well.
        ui.store.select_study("other[bold]")
        ui.store.select_study("digits")
        await ui.until(lambda: ui.store.front == {16, 19}, "the front again")
        await ui.until_text("FRONT")
        lines = {number: next(row for row in ui.text().splitlines() if f"#{number} " in row) for number in (16, 17)}
        assert " front " in lines[16] and "116" in lines[16] and " mb " in lines[17]


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


async def test_the_configuration_gives_keys_filters_columns_a_view_and_commands(start: Any) -> None:
    from tui.config import read_config

    config = read_config(
        {
            "view": "log",
            "keys": {"prune": "f6"},
            "filters": {"live": "state:run"},
            "commands": {"say": {"key": "f5", "run": ["echo", "{target}", "{folder}; rm"]}},
            "bell": ["failed"],
        }
    )
    async with start(130, 36, config=config) as ui:
        await ui.until(lambda: ui.app.screen.current == "log", "the first view")
        await ui.press("1", "x")
        assert "Prune #" not in ui.text()
        await ui.press("f6")
        await ui.until_text("Prune #22?")
        await ui.press("escape", "colon", *"filter li", "down", "enter")
        await ui.until_text("Trials 2 of 24")
        await ui.press("f5")
        await ui.until_text("press it once more")
        await ui.idle()
        await ui.until(lambda: ui.store.detail is not None, "its folder")
        await ui.press("f5")
        await ui.until_text("digits/22 /fake/runs/digits/22/1; rm")
        rung: list[bool] = []
        ui.app.bell = lambda: rung.append(True)
        ui.fake.move(21, "failed")
        await ui.until(lambda: rung == [True], "the bell")


async def test_a_read_only_ui_runs_no_command_of_ones_own(start: Any) -> None:
    from tui.config import read_config

    config = read_config({"commands": {"say": {"key": "f5", "run": ["echo", "ran"]}}})
    async with start(config=config, read_only=True) as ui:
        await ui.press("f5")
        await ui.until_text("read-only (leave")
