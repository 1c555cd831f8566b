"""The list of several machines: a line for each, and below it one for each of its studies, with the machine's name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tui import format as fmt
from tui.cells import Line, both_ends, clean, cut_line, fit, fit_line, line
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
    parts = [f"{taken}/{slots} {kind} busy", f"{status.running} run {words.known(status.queued, 'wait')}"]
    right = line((f"{fmt.studies(status.studies)} {glyphs.dot} {f' {glyphs.dot} '.join(parts)} ", "text"))
    alarm = [(f"  {clean(text)}", "bad") for text in status.alarms[:1]]
    return both_ends((*left, *alarm), right, width, glyphs.more)


def _study(machine: Machine, row: StudyRow, here: bool, name: int, width: int, glyphs: Glyphs) -> Line:
    state, style = study_state(glyphs, standing(row))
    best = row.best.values.get(row.objective.metric) if row.best is not None and row.objective is not None else None
    told = f"$ {row.question}" if is_command(row) else f"best {fmt.number(best)}" if best is not None else ""
    eta = f"  ETA {words.duration(row.eta_s)}" if row.eta_s else ""
    own = max(8, min(28, width - name - 36))
    return fit_line(
        line(
            (glyphs.cursor if here else " ", "cursor"),
            ("  " + fit(clean(machine.endpoint.name), name, more=glyphs.more) + " ", "dim"),
            (fit(clean(row.name), own, more=glyphs.more), "cursor" if here else "text"),
            (" " + fit(state, 12), "dim" if machine.away else style),
            (fit(row.progress, 9, ">") + "  ", "text"),
            (fit(clean(told), 14, more=glyphs.more), "best"),
            (eta, "dim"),
            (f"  {clean(row.note)}" if row.note else "", "warn"),
        ),
        width,
    )
