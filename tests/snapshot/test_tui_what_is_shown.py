"""What the tables say of trials: failures by cause, metrics as columns, several objectives, trouble, what is copied."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.snapshot.fake_client import sent
from tui.views.forms import reach


async def test_what_is_copied_is_shown(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("y")
        await ui.until_text("Copy from #21")
        await ui.press("enter")
        await ui.until_text("copied: digits/21")
        assert ui.app.clipboard == "digits/21"


async def test_with_too_few_trials_for_a_model_the_means_say_what_matters(start_on_21: Any, fake: Any) -> None:
    fake.few = True
    async with start_on_21() as ui:
        await ui.press("i")
        await ui.until_text("spread of means")
        await ui.until_text("Effect of batch")


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


async def test_only_a_trial_whose_curve_is_drawn_has_its_sign(start: Any) -> None:
    async with start(130, 36) as ui:

        def signs(number: int) -> list[bool]:
            """Whether the sign stands before the trial's number, for each place where it does."""
            parts = [line.partition(f"#{number} ")[0] for line in ui.text().splitlines() if f"#{number} " in line]
            return ["━" in part for part in parts]

        ui.store.select_trial(23)
        await ui.until_text("it has not started")
        assert not any(signs(23)) and any(signs(19)), "only the best one has a curve"
        ui.app.context.rows.marks = {21, 23}
        await ui.press("C")
        await ui.until_text("━ #21")
        assert "━ #23" not in ui.text() and "  #23" in ui.text()
        await ui.press("escape", "enter")
        await ui.until_text("Why this point")
        assert signs(23) and not any(signs(23))
        await ui.press("escape")
        ui.store.select_trial(21)
        await ui.until(lambda: any(signs(21)), "the sign of a drawn curve")


async def test_all_of_a_trials_facts_and_its_past_can_be_read_at_any_size(start_on_21: Any, fake: Any) -> None:
    more = {f"p{number}": "word " * 9 + f"end{number}" for number in range(9)}
    row = fake.trials_of["digits"][21]
    fake.trials_of["digits"][21] = replace(
        row, params={**row.params, **more}, reason="a long reason that is folded here"
    )
    for size in ((40, 12), (80, 24), (160, 45)):
        async with start_on_21(*size) as ui:
            await ui.press("enter", "2")
            await ui.until_text("Parameters")
            seen = ui.text()
            for _ in range(200):
                before = ui.text()
                await ui.press("j")
                seen += ui.text()
                if ui.text() == before:
                    break
            assert all(f"end{number}" in seen for number in range(9)) and "here" in seen, seen
            assert "folder" in ui.text() and ui.store.selected == 21
            await ui.press("g")
            assert "lr" in ui.text() and "folder" not in ui.text()


async def test_the_text_beside_a_curve_names_its_trial_and_says_no_other_value_of_it(start_on_21: Any) -> None:
    async with start_on_21(160, 45) as ui:
        await ui.press("b")
        await ui.until_text("#19 (best) ")
        assert "#19 best" not in ui.text().replace("best 0.2548 #19", "")


def test_a_form_shows_values_as_they_are_typed() -> None:
    known = {"kind": "choice", "values": ["", "two\nlines", "1", "plain"]}
    assert reach(known) == '"", "two\\nlines", "1", plain'


async def test_the_pane_of_a_study_counts_its_trials_as_the_head_does(start: Any) -> None:
    async with start(160, 45) as ui:
        assert "18/40" in ui.text().splitlines()[0]
        assert re.search(r"trials +18 of 40 ", ui.text())
