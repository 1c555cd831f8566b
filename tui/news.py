"""The studies in which something happened that was not looked at yet. Pure.

Owns what counts as news: a new best, a failure, an end; and those of the last summary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tui.actions import BY_ID
from tuned.core import events as ev
from tuned.core import words
from tuned.core.states import STUDY_ENDED, WASTED
from tuned.wire import EventRow, StudyRow, Summary

BEST, FAILED, DONE = KINDS = ("best", "failed", "done")


@dataclass(slots=True)
class News:
    """Study -> what happened there last, in words.

    Attributes:
        key: The key that shows the summary.
        told: (kind, words) of what has happened since this was last emptied, for the bell.
    """

    marked: dict[str, str] = field(default_factory=dict)
    key: str = BY_ID["news"].keys[0]
    told: list[tuple[str, str]] = field(default_factory=list)

    def begin(self, summary: Summary) -> str:
        """Take the summary of the time before; it in one line, empty at the first look and where nothing happened."""
        for study in summary.studies:
            if study.ended or study.submitted or study.failures or study.best_is_new:
                self.marked[study.name] = "since you last looked"
        if summary.since is None or not self.marked:
            return ""
        ago = words.duration(summary.until - summary.since)
        return f"{words.count(len(self.marked), 'study')} with news since you last looked, {ago} ago: press {self.key}"

    def event(self, row: EventRow, shown: str | None) -> None:
        """Take an event of the stream; what happens in the shown study is seen, and heard all the same."""
        to = str(row.data.get("to", ""))
        if row.type == ev.TRIAL_MOVED and to in WASTED:
            self._add(FAILED, row.study, f"#{row.number} {to}", shown)
        elif row.type == ev.STUDY_MOVED and to in STUDY_ENDED:
            self._add(DONE, row.study, to, shown)

    def bests(self, before: Mapping[str, StudyRow], after: Iterable[StudyRow], shown: str | None) -> None:
        """Compare the best trials of two lists of studies."""
        for row in after:
            old = before.get(row.name)
            if old is not None and row.best is not None and not row.best.cut and _number(old) != row.best.number:
                self._add(BEST, row.name, f"best #{row.best.number}", shown)

    def _add(self, kind: str, study: str, text: str, shown: str | None) -> None:
        self.told.append((kind, f"{study}: {text}"))
        if study != shown:
            self.marked[study] = text


def _number(row: StudyRow) -> int | None:
    return row.best.number if row.best is not None else None
