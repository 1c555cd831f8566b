"""Values as people read them."""

from __future__ import annotations

import time
from dataclasses import MISSING, fields, replace
from typing import Any

import pytest

from tuned.cli import render, standing, table
from tuned.cli.trial_page import show_trial
from tuned.cli.verbs.check import _Printed
from tuned.cli.verbs.studies import _stopping
from tuned.cli.verbs.trials import by_relevance, trials_table
from tuned.client.reasons import trial_reasons
from tuned.core.text import one_line
from tuned.wire import BestRow, DaemonStatus, StoppingRow, StudyRow, StudySummary, TrialDetail, TrialRow


def test_the_output_of_a_trial_is_printed_by_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    printed = _Printed(quiet=False)
    for piece in ("epoch 1", "\n", "epo", "ch 2\n\n10%\r20%", "\nno end"):
        printed(piece)
    printed.end()
    assert capsys.readouterr().out.splitlines() == [
        f"  | {line}" for line in ("epoch 1", "epoch 2", "", "20%", "no end")
    ]


def test_of_a_progress_bar_the_line_it_ends_as_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    printed = _Printed(quiet=False)
    for step in range(3):
        printed(f"\r[{'=' * step:<2}] {step}/2")
    for piece in ("\repoch 1/2 - loss: 0.4\n", "windows\r\n", "\r[==] 2/2", "\r", "\n", "\r[= ] 1/2"):
        printed(piece)
    printed.end()
    assert capsys.readouterr().out.splitlines() == [
        f"  | {line}" for line in ("epoch 1/2 - loss: 0.4", "windows", "[==] 2/2", "[= ] 1/2")
    ]


def test_points_read_as_they_are_typed() -> None:
    point = {"lr": 0.00123456, "act": "relu", "amp": True, "n": 3}
    assert render.point(point) == "lr=0.001235 act=relu amp=true n=3"
    assert render.point({}) == "-"
    assert render.best(BestRow(7, {"n": 3}, {"loss": 0.5})) == "loss=0.5 (trial 7: n=3)"
    assert render.best(None) == "-"
    chosen = BestRow(7, {"n": 3}, {"loss": 0.5}, of=9)
    assert render.best(chosen).endswith("; one run, the best of 9: not confirmed")
    assert render.best(replace(chosen, shrunk=0.6)).endswith("; without the luck of the best of 9, about 0.6")


def test_every_state_has_a_glyph() -> None:
    from tuned.core.states import StudyState, TrialState

    assert {str(state) for state in (*TrialState, *StudyState)} == set(render.GLYPHS)


def test_moments_show_the_date_only_when_it_is_another_day() -> None:
    now = time.time()
    assert len(render.moment(now)) == len("12:00:00")
    assert render.moment(now - 86400 * 2).startswith(time.strftime("%Y-%m-%d", time.localtime(now - 86400 * 2)))


def test_one_line_cuts_and_joins() -> None:
    assert one_line("a\n  b") == "a b"
    assert one_line("abcdef", 4) == "abc…"


def test_a_plain_table_aligns_wide_characters_and_drops_empty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    table.show_table(["study", "number", "reason", "note"], [["名前", "1", "-", "x"], ["ab", "12", "", "y"]])
    assert capsys.readouterr().out.splitlines() == [
        "study  number  note",
        "名前        1  x",
        "ab         12  y",
    ]


TRIALS = ["number", "state", "val_loss", "params", "origin", "attempt", "device", "duration", "reason"]
WIDTHS = [6, 11, 8, 70, 8, 7, 12, 8, 80]


@pytest.mark.parametrize("room", [60, 80, 120, 160, 300])
def test_number_state_and_value_stay_at_every_width(room: int) -> None:
    kept = table.fitted(TRIALS, WIDTHS, room)
    assert {i: kept[i] for i in (0, 1, 2)} == {0: 6, 1: 11, 2: 8}
    assert sum(kept.values()) + 2 * (len(kept) - 1) <= room


def test_the_text_of_parameters_shrinks_before_a_column_goes() -> None:
    kept = table.fitted(TRIALS, WIDTHS, 200)
    assert list(kept) == list(range(9))
    assert kept[3] < 70
    assert kept[8] == 80


def test_other_metrics_go_after_the_times_and_before_the_parameters() -> None:
    headings, widths = ["number", "state", "loss", "acc", "f1", "params", "duration"], [6, 11, 8, 8, 8, 70, 8]
    assert list(table.fitted(headings, widths, 80, spare=[3, 4])) == [0, 1, 2, 3, 4, 5]
    assert list(table.fitted(headings, widths, 66, spare=[3, 4])) == [0, 1, 2, 3, 5]
    assert list(table.fitted(headings, widths, 30, spare=[3, 4])) == [0, 1, 2]


def test_metrics_of_the_objective_s_kind_are_kept_longest() -> None:
    needed = {f.name: None for f in fields(TrialRow) if f.default is f.default_factory is MISSING}
    names = ["epoch", "grad_norm", "train_acc", "train_loss", "valTime", "val_acc"]
    rows = [TrialRow(**needed, metrics={name: float(k) for name in names} | {"epoch": 3.0}) for k in range(2)]
    assert by_relevance(names, ["val_loss"], rows) == [
        "val_acc", "train_loss", "valTime", "train_acc", "grad_norm", "epoch",
    ]  # fmt: skip


@pytest.mark.parametrize(("running", "told"), [(0, ("· queued", "waits for a slot")), (1, ("● running", ""))])
def test_a_study_whose_trials_all_wait_is_not_called_running(running: int, told: tuple[str, str]) -> None:
    needed = {f.name: None for f in fields(StudySummary) if f.default is f.default_factory is MISSING}
    row = StudySummary(**needed | {"state": "running", "reason": "", "running": running, "queued": 2})
    assert (standing.state(row), standing.reason(row)) == told


def _trial(number: int, **told: Any) -> TrialRow:
    given = {"study": "odd", "number": number, "state": "completed", "params": {}, "values": {"loss": 0.5}}
    needed = {f.name: None for f in fields(TrialRow) if f.default is f.default_factory is MISSING}
    return TrialRow(**{**needed, **given, "attempt": 1, "reason": "", "device": "", "origin": "sobol", **told})


def test_metrics_left_out_of_a_table_are_counted_in_the_trial_that_has_most_of_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    many = {f"m{i:03}": float(i) for i in range(200)}
    trials_table([_trial(1, metrics={"loss": 0.5, "m000": 1.0}), _trial(7, metrics=many, metrics_left=801)])
    assert capsys.readouterr().out.splitlines()[-1] == "989 more metrics: tunectl show odd/7"
    trials_table([_trial(1, metrics={"loss": 0.5, "m000": 1.0})])
    assert "more" not in capsys.readouterr().out


def test_a_metric_s_name_is_one_word_of_the_head_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    trials_table([_trial(1, metrics={"evil\x1b[31mred\x07\nnl\u202e": 1.0, "next": 2.0})])
    head, row = capsys.readouterr().out.splitlines()
    assert head.isprintable() and head.split()[2:6] == ["loss", "evilred", "nl", "next"]
    assert row.split()[3:6] == ["0.5", "1", "2"]


def test_a_parameter_s_value_is_shown_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [_trial(number, params={"net": "\x1b[31mred\x07\u202e", "x": number}) for number in (1, 2)]
    trials_table(rows)
    show_trial(TrialDetail(rows[0], None, "", [], "", 0), [])
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())


def test_a_table_without_free_columns_is_never_cut() -> None:
    assert table.fitted(["trial", "name", "value"], [30, 30, 10], 40) == {0: 30, 1: 30, 2: 10}


def test_a_trial_says_which_constraint_it_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    given = {"number": 7, "state": "completed", "params": {}, "values": {"loss": 0.7}, "attempt": 1, "reason": ""}
    needed = {f.name: None for f in fields(TrialRow) if f.default is f.default_factory is MISSING}
    row = TrialRow(**needed | given | {"study": "s", "origin": "sobol", "breaks": ["size <= 60 (70)"]})
    trials_table([row])
    assert capsys.readouterr().out.splitlines()[1].rstrip().endswith("breaks size <= 60 (70)")
    detail = TrialDetail(row, None, "", [], "", 0)
    show_trial(detail, [])
    assert "  breaks      size <= 60 (70)" in capsys.readouterr().out.splitlines()
    study = StudyRow(**{f.name: None for f in fields(StudyRow)})
    daemon = DaemonStatus(**{f.name: None for f in fields(DaemonStatus)})
    ended = trial_reasons(detail, study, [], daemon)[-1]
    assert "it has no rank: it breaks size <= 60 (70)" in ended.evidence


def test_a_trial_that_is_told_to_end_says_what_it_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    given = {"number": 7, "state": "running", "params": {}, "values": {}, "attempt": 1, "reason": "", "device": ""}
    told = {"origin": "sobol", "stop_reason": "cancel", "waits_for": "told to end"}
    needed = {f.name: None for f in fields(TrialRow) if f.default is f.default_factory is MISSING}
    row = TrialRow(**needed | given | told)
    trials_table([row])
    assert capsys.readouterr().out.splitlines()[1].rstrip().endswith("told to end")
    detail = TrialDetail(row, None, "", [], "", 0, waits_for=row.waits_for)
    show_trial(detail, [])
    assert "  waits for   told to end" in capsys.readouterr().out.splitlines()


def test_what_early_stopping_did_is_told_by_the_rules_that_stopped() -> None:
    patience = StoppingRow("none", 24, 0, 0, 0, 0, None)
    assert _stopping(patience, {"early_stopping": {"patience": 3.0}}) == "patience: 24 stopped, 0 paused at a rung"
    asha = StoppingRow("asha", 10, 0, 11, 11, 8, 8 / 11)
    assert _stopping(asha, {"early_stopping": {"patience": None}}) == (
        "asha: 10 stopped, 0 paused at a rung; wrong about 8 of 11 that ran on to measure it (73%)"
    )
