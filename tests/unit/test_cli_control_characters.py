"""What a program puts into names and values reaches a terminal as text alone."""

from __future__ import annotations

from tuned.cli.table import show_table
from tuned.cli.verbs.events import line
from tuned.wire import EventRow

BAD = "loss\x1b]0;title\x07\x1b[2J\x08\x9b"


def test_tables_and_events_print_no_control_characters(capsys):
    show_table(["name", "value"], [[BAD, "1"]])
    data = {"last": {BAD: 1.0}, "step": 1, "text": BAD}
    for kind in ("trial.metrics", "study.note"):
        print(line(EventRow(1, 0.0, kind, BAD, 1, data)))
    printed = capsys.readouterr().out
    assert "loss" in printed
    assert all(c.isprintable() or c == "\n" for c in printed), ascii(printed)
