"""The question to an analysis with its options. Owns the reading of options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tuned.analyses.study_data import StudyData
from tuned.core.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Question:
    """A study, the options as text, and other studies where a kind compares several."""

    study: StudyData
    options: Mapping[str, str] = field(default_factory=dict)
    others: tuple[StudyData, ...] = ()

    def names(self, option: str) -> tuple[str, ...]:
        """An option's comma-separated names; empty when it is not given."""
        return tuple(name.strip() for name in self.options.get(option, "").split(",") if name.strip())

    def number(self, option: str, default: float) -> float:
        """An option's number.

        Raises:
            InvalidInput: It is none.
        """
        text = self.options.get(option)
        if text is None:
            return default
        try:
            return float(text)
        except ValueError:
            raise InvalidInput(f"{text!r} is not a number", where=option) from None

    def allow(self, *known: str) -> None:
        """Refuse options that the kind does not have.

        Raises:
            InvalidInput: There is one.
        """
        for option in self.options:
            if option not in known:
                listed = ", ".join(known) or "none"
                raise InvalidInput("there is no such option", where=option, hint=f"options are {listed}")
