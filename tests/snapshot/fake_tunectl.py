"""A stand-in for `tunectl` behind the UI's `:`: it prints what a test says."""

from __future__ import annotations

from typing import Any


class Typed:
    """A `tunectl` that notes what it is told to run, and prints lines."""

    def __init__(self, lines: list[str], code: int = 0) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.lines, self.code = lines, code

    async def run(self, arguments: Any, _width: int, told: Any) -> int:
        self.ran.append(tuple(arguments))
        for text in self.lines:
            told(text)
        return self.code

    async def complete(self, text: str) -> list[str]:
        return ["search.trials=", "search.parallel="] if text.endswith("search.") else ["search.trials="]
