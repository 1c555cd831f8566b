"""Several machines in one list; choosing one, or a study of it, is what the list is for.

Owns the application around the list, its keys, and the change between it and a machine's UI. The words of a line are
`tui.views.machines`'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.geometry import Size

from tui.cells import Line, line
from tui.glyphs import ASCII, UNICODE
from tui.layout import Rect
from tui.machine import Endpoint, Machine
from tui.screens.dialog import with_keys
from tui.themed import Themed
from tui.views.frame import filled, pane_title
from tui.views.machines import Entry, entries, machine_lines
from tui.widgets.pane import Pane

Choice = tuple[int, str | None]
"""Which machine, and which study of it."""


class Machines(Themed[Choice]):
    """The list.

    Args:
        machines: Followed while it is shown.
        begin: The machine under the cursor at first, and its study.
        ascii: Draw with ASCII characters only.
    """

    BINDINGS: ClassVar = [
        Binding("q,ctrl+c,escape", "leave", show=False),
        Binding("j,down", "move(1)", show=False),
        Binding("k,up", "move(-1)", show=False),
        Binding("pagedown,ctrl+d", "move(10)", show=False),
        Binding("pageup,ctrl+u", "move(-10)", show=False),
        Binding("g,home", "move(-100000)", show=False),
        Binding("G,end", "move(100000)", show=False),
        Binding("enter,l,right", "choose", show=False),
        Binding("d", "ended", show=False),
    ]

    def __init__(self, machines: Sequence[Machine], begin: Choice = (0, None), *, ascii: bool = False) -> None:
        super().__init__()
        self.machines = machines
        self.glyphs = ASCII if ascii else UNICODE
        self.with_ended = True
        self.top = 0
        self.pane = Pane("machines", self._build)
        self._at: tuple[Machine, str | None] = (machines[begin[0]], begin[1])

    def compose(self) -> ComposeResult:
        """One pane, the whole screen."""
        yield self.pane

    def on_mount(self) -> None:
        """Follow every machine."""
        self._fill(self.size)
        for machine in self.machines:
            machine.changed = self.pane.sync
            self.run_worker(machine.follow(), group="machines", exit_on_error=True)
        self.set_interval(1.0, self.pane.sync)  # the ages of those that are away

    def on_resize(self, event: events.Resize) -> None:
        """Fill the screen again: its new size is the event's, and not yet the application's own."""
        self._fill(event.size)

    def _fill(self, size: Size) -> None:
        self.pane.place(Rect(0, 0, size.width, max(1, size.height)))

    def _entries(self) -> tuple[list[Entry], int]:
        """The lines, and the place of the cursor among them; a study that is gone leaves it to its machine."""
        listed = entries(self.machines, self.with_ended)
        named = [(machine, None if row is None else row.name) for machine, row in listed]
        return listed, named.index(self._at if self._at in named else (self._at[0], None))

    def _build(self, width: int, height: int) -> list[Line]:
        listed, place = self._entries()
        room = max(1, height - 2)
        self.top = max(0, min(self.top, place, len(listed) - 1), place - room + 1)
        away = sum(1 for machine in self.machines if machine.away)
        extra = "" if self.with_ended else "d shows ended"
        title = f"Machines {len(self.machines)}" + (f", {away} away" if away else "")
        lines = [pane_title(title, extra, width, self.glyphs, True)]
        lines += machine_lines(listed, place, self.top, width, room, self.glyphs)
        if not any(row for _, row in listed):
            lines += [(), line(("   no studies yet", "dim"))]
        keys = {"enter": "Open", "j k": "Move", "d": "Ended", "q": "Quit"}
        return with_keys(filled(lines, width, height - 1), keys, width, height)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        listed, place = self._entries()
        machine, row = listed[max(0, min(place + by, len(listed) - 1))]
        self._at = machine, None if row is None else row.name
        self.pane.sync()

    def action_ended(self) -> None:
        """Hide the studies that have ended, or show them."""
        self.with_ended = not self.with_ended
        self.pane.sync()

    def action_choose(self) -> None:
        """Open the machine under the cursor."""
        listed, place = self._entries()
        machine, row = listed[place]
        self.exit((self.machines.index(machine), None if row is None else row.name))

    def action_leave(self) -> None:
        """Leave; the daemons go on."""
        self.exit(None)

    def on_pane_clicked(self, message: Pane.Clicked) -> None:
        """Put the cursor there; on the line under the cursor, open it."""
        listed, place = self._entries()
        clicked = self.top + message.y - 1
        if message.y and clicked == place:
            self.action_choose()
        elif message.y and clicked < len(listed):
            self.action_move(clicked - place)

    def on_pane_wheel(self, message: Pane.Wheel) -> None:
        """Move the cursor."""
        self.action_move(message.by)


def turn(
    endpoints: Sequence[Endpoint],
    choose: Callable[[Machines], Choice | None],
    show: Callable[[Endpoint, str | None], int],
    *,
    ascii: bool = False,
) -> int:
    """Show the list, then the machine that is chosen, then the list again, until the list is left; the exit code.

    Args:
        endpoints: The machines.
        choose: Runs the list; None: it was left.
        show: Shows a machine until its UI is left; another code than 0 ends everything.
        ascii: Draw with ASCII characters only.
    """
    at: Choice = (0, None)
    while True:
        chosen = choose(Machines([Machine(endpoint) for endpoint in endpoints], at, ascii=ascii))
        if chosen is None:
            return 0
        at = chosen
        if code := show(endpoints[at[0]], at[1]):
            return code
