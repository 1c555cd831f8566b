"""Reading a log: moving in it, following its end, searching all of it, keeping it in a file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tui.screens.board import Board
from tuned.client import api
from tuned.core import words
from tuned.core.errors import InvalidInput
from tuned.core.trials.last_words import TRACEBACK

FAR = 10**8
"""Steps that mean: to the first or the last line."""
END = 2**62 - 1
_SAVED_AT_ONCE = 2**21


class LogKeys(Board):
    """A screen that may show a log."""

    def _room(self) -> int:
        pane = self.panes.get("log")
        return max(1, pane.rect.height - 1) if pane is not None and pane.rect is not None else 20

    def scroll_log(self, by: int) -> None:
        """Move in the log, down for positive `by`; far up and far down mean its first and its last line."""
        window, store, room = self.context.store.log, self.context.store, self._room()
        if window is None:
            return
        if by >= FAR:
            store.follow_log()
        elif by <= -FAR and window.begin:
            store.show_log_at(0)
        else:
            window.scroll(by, room)
            store.want_log(*window.wants(room))

    def do_follow(self) -> None:
        """Follow the log's end, or hold the text where it is."""
        store, window = self.context.store, self.context.store.log
        self.context.log.search = ""
        if window is not None and window.top is None:
            window.scroll(0, self._room())
            self.context.say("the log stands still; f follows its end", "dim")
        else:
            store.follow_log()

    def do_wrap(self) -> None:
        """Wrap long lines of the log, or cut them."""
        self.context.log.wrap = not self.context.log.wrap

    def do_search(self) -> None:
        """Search the log; with a search under way, go to the next match further up."""
        view = self.context.log
        if self.context.store.log is None or self.current != "log":
            self.context.say("show the log first", "warn")
        elif view.search:
            self._find_up()
        else:
            from tui.screens.prompt import Prompt

            async def submit(text: str) -> str:
                view.search, view.found = text.strip(), END
                return text.strip()

            more, end = self.context.key("search"), self.context.key("back")
            help_ = (
                "All of the log is searched, from its end upwards; capital and small letters are alike.",
                f"{more} goes to the next match further up; {end} ends the search.",
            )
            self.app.push_screen(Prompt(self.context, "Search the log", help_, submit), self._searched)

    def _searched(self, text: str | None) -> None:
        if text:
            self._find_up()
        self.sync()

    def _find_up(self) -> None:
        view = self.context.log
        self.tuned.find_in_log(view.search, view.found, True, self._room() // 3)

    def do_traceback(self) -> None:
        """Go to the first traceback of the log."""
        if self.context.store.log is None or "log" not in self.shown():
            self.context.say("show the log first", "warn")
        else:
            self.tuned.find_in_log(TRACEBACK, 0, False, 1)

    def do_save_log(self) -> None:
        """Keep the whole log in a file."""
        from tui.screens.prompt import Prompt

        store = self.context.store
        study, number = store.study, store.selected
        if study is None or number is None:
            return

        async def submit(text: str) -> str:
            path, offset, attempt = _path(text), 0, None
            try:
                with path.open("x", encoding="utf-8", newline="") as file, _whole_or_none(path):
                    while True:
                        call = api.log(study, number, offset=offset, limit=_SAVED_AT_ONCE, attempt=attempt)
                        chunk = await self.tuned.client.send(call)
                        if not chunk.text:
                            break
                        file.write(chunk.text)
                        offset, attempt = chunk.next_offset, chunk.attempt
                    file.flush()
            except FileExistsError:
                raise InvalidInput("is there already; nothing was written", where=str(path)) from None
            except OSError as error:
                raise InvalidInput(f"cannot be written: {error.strerror}", where=str(path)) from None
            return f"{words.size(path.stat().st_size)} in {path.absolute()}"

        help_ = ("The file that the whole log is written to; one that is there already is left alone.",)
        name = f"{study}-{number}.log"
        self.app.push_screen(Prompt(self.context, f"Save the log of #{number}", help_, submit, name), self._saved)

    def _saved(self, message: str | None) -> None:
        if message is not None:
            self.context.say(message)
        self.sync()

    def wheel(self, part: str, by: int) -> None:
        """The wheel scrolls the log."""
        if part == "log":
            self.scroll_log(by)


@contextlib.contextmanager
def _whole_or_none(path: Path) -> Iterator[None]:
    """Leave no part of a file behind whose rest did not come: the next time it would be in the way."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _path(text: str) -> Path:
    return Path(text.strip()).expanduser()
