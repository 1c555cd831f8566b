"""The key map as a Markdown table: `python -m tui.keymap docs/terminal-ui.md` renews it in the documentation."""

from __future__ import annotations

import sys
from pathlib import Path

from tui.actions import ACTIONS, Danger, shown

BEGIN, END = "<!-- keys: begin -->", "<!-- keys: end -->"
_NOTES = {Danger.NONE: "", Danger.REVERSIBLE: "at once", Danger.ASKS: "asks first"}


def table() -> str:
    """One row an action: keys, effect, screens, whether it asks."""
    lines = ["| key | does | on | |", "|---|---|---|---|"]
    for action in ACTIONS:
        keys = " ".join(f"`{shown(key)}`" for key in action.keys)
        where = ", ".join(action.scopes) or "all"
        lines.append(f"| {keys} | {action.help} | {where} | {_NOTES[action.danger]} |")
    return "\n".join(lines)


def renewed(page: str) -> str:
    """The page with the present table between its two marks.

    Raises:
        ValueError: The page has no such marks.
    """
    before, found, rest = page.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> None:
    """Renew the table in the page that is named."""
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text()))


if __name__ == "__main__":
    main()
