"""The application as its screens know it: data, the client, orders. `tui.app.TunedApp` is the one that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tui.acting import Order, Step
    from tui.command_line import Command
    from tui.config import OwnCommand
    from tui.context import Context
    from tui.link import Link
    from tui.tunectl import Tunectl
    from tuned.client.aio import AsyncClient
    from tuned.wire import SpaceChange, TrialRow


class Host(Protocol):
    """The part of the application that screens use; screens do not import the application, which imports them."""

    context: Context
    client: AsyncClient
    link: Link
    tunectl: Tunectl
    undos: list[tuple[str, tuple[Step, ...]]]

    def open(self, name: str) -> None:
        """Show a screen of `App.SCREENS` on top."""

    def carry_out(self, order: Order) -> Any:
        """Send an order and show its outcome."""

    def change_space(self, study: str, change: SpaceChange) -> Any:
        """Edit the search space and show the outcome."""

    def find_in_log(self, text: str, offset: int, up: bool, lead: int) -> Any:
        """Show the next line of the log with a text."""

    def run_command(self, command: Command) -> Any:
        """Run a verb of `tunectl` and show what it prints."""

    def run_own(self, command: OwnCommand, row: TrialRow) -> Any:
        """Run a program of the user's own on a trial and show what it prints."""

    def mark(self, low: int, high: int) -> Any:
        """Mark rows, some of which are on no known page."""

    def redraw(self) -> None:
        """Draw all of the screen again, whatever the terminal shows."""

    def undo(self) -> None:
        """Take back the last order that can be taken back."""
