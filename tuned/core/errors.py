"""The error tree: everything that may be told to a person, as what, where and remedy.

Owns the classes and how they read in one line; knows neither HTTP nor exit codes::

    TunedError
    ├── InvalidInput      what was given is wrong; nothing has changed
    │   └── NotYet        a word the product reserves and does not offer yet
    ├── NotFound          the study or trial that was named does not exist
    ├── Conflict          it cannot be done in the present state
    └── Unavailable       something it needs cannot be used now (daemon, database, disk, advisor)
"""

from __future__ import annotations


class TunedError(Exception):
    """An error for a person: the fault, its place, and the remedy.

    Args:
        what: One sentence without a final stop.
        where: The place that caused it: a key's path (`space.lr.low`), a file, a target.
        hint: The remedy, as an instruction.
    """

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} ({self.hint})" if self.hint else text


class InvalidInput(TunedError):
    """The input is wrong. Nothing has changed."""


class NotYet(InvalidInput):
    """A word that is reserved for a coming version."""


class NotFound(TunedError):
    """The study or trial that was named does not exist."""


class Conflict(TunedError):
    """It exists, but its present state does not allow this."""


class Unavailable(TunedError):
    """Something that is needed cannot be used now."""
