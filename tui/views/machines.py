"""The list of several machines: a line for each, and below it one for each of its studies, with the machine's name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tui import format as fmt
from tui.cells import Line, both_ends, clean, cut_line, fit, fit_line, line, line_width
from tui.glyphs import Glyphs, standing, study_state
from tui.machine import Machine
from tui.picture import is_command
from tui.slots import busy
from tuned.core import words
from tuned.wire import StudyRow

Entry = tuple[Machine, StudyRow | None]
"""A line: a machine, or a study of it."""

_SSH = re.compile(r"^ssh: connect to host \S+ port \d+: ")
NAME = 24
"""The most cells of a machine's name in front of each of its studies."""

_LEAST, _WORD, _PROGRESS, _BEST = 8, 11, 10, 16
"""Cells of a study's name where they are few, of the word of its state, of its progress, and of its best value."""


def entries(machines: Sequence[Machine], with_ended: bool) -> list[Entry]:
    """The lines of the list, from top to bottom."""
    return [entry for m in machines for entry in ((m, None), *((m, row) for row in m.listed(with_ended)))]


def machine_lines(
    listed: Sequence[Entry], cursor: int | None, top: int, width: int, height: int, glyphs: Glyphs
) -> list[Line]:
    """The visible part of the list, in `height` lines at most."""
    name = min(NAME, max(6, width // 4), max((len(m.endpoint.name) for m, _ in listed), default=6))
    return [
        _machine(m, place == cursor, width, glyphs)
        if row is None
        else _study(m, row, place == cursor, name, width, glyphs)
        for place, (m, row) in enumerate(listed[top : top + height], start=top)
    ]


def _machine(machine: Machine, here: bool, width: int, glyphs: Glyphs) -> Line:
    status = machine.status
    left = line(
        (glyphs.cursor if here else " ", "cursor"), (clean(machine.endpoint.name), "cursor" if here else "title")
    )
    if machine.away:
        known = f", shown as of {words.duration(machine.clock() - machine.since)} ago" if status is not None else ""
        told = f"  away{known}: {_SSH.sub('', clean(machine.away))}"
        return fit_line(cut_line((*left, (told, "bad")), width, glyphs.more), width)
    assert status is not None
    taken, slots, kind = busy(status.devices)
    parts = [
        fmt.studies(status.studies),
        f"{taken}/{slots} {kind} busy",
        f"{status.running} run {words.known(status.queued, 'wait')}",
    ]
    # The machine's name comes before its figures.
    ends = [line((f"  {f' {glyphs.dot} '.join(parts[first:])} ", "text")) for first in range(len(parts))]
    right = next((end for end in ends if line_width(left) + line_width(end) <= width), ())
    alarm = [(f"  {clean(text)}", "bad") for text in status.alarms[:1]]
    return both_ends((*left, *alarm), right, width, glyphs.more)


def _study(machine: Machine, row: StudyRow, here: bool, name: int, width: int, glyphs: Glyphs) -> Line:
    state, style = study_state(glyphs, standing(row))
    best = row.best.values.get(row.objective.metric) if row.best is not None and row.objective is not None else None
    told = f"$ {row.question}" if is_command(row) else f"best {fmt.number(best)}" if best is not None else ""
    eta = f"  ETA {words.duration(row.eta_s)}" if row.eta_s else ""
    # Nothing is cut: the best value is left out where it has no room as a whole, then the state's word.
    room = width - name - 6
    has_best, has_word = room >= _LEAST + _WORD + _PROGRESS + _BEST, room >= _LEAST + _WORD + _PROGRESS
    rest = (_WORD if has_word else 0) + _PROGRESS + (_BEST if has_best else 0)
    own = max(_LEAST, min(28, room - rest))
    return line(
        (glyphs.cursor if here else " ", "cursor"),
        ("  " + fit(clean(machine.endpoint.name), name, more=glyphs.more) + " ", "dim"),
        (fit(clean(row.name), own, more=glyphs.more), "cursor" if here else "text"),
        (" " + (fit(state, _WORD + 1) if has_word else state[:1]), "dim" if machine.away else style),
        (fit(row.progress, _PROGRESS, ">"), "text"),
        ("  " + fit(clean(told), _BEST - 2, more=glyphs.more) if has_best else "", "best"),
        (eta if has_best else "", "dim"),
        (f"  {clean(row.note)}" if row.note and has_best else "", "warn"),
    )
