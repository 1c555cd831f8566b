"""`ui` and `top`: the terminal UI, imported only now."""

from __future__ import annotations

from tuned.cli.exits import Failed
from tuned.cli.session import Session, verb


@verb()
def ui(session: Session) -> None:
    """Open the terminal UI."""
    if session.json:
        session.ensure_daemon()
        session.emit({"socket": str(session.home.socket)}, lambda: None)
        return
    session.ensure_daemon()
    from tui.cli import run

    code = run(session.home)
    if code:
        raise Failed("", code)


top = ui
