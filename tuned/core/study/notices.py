"""Notices that people get without asking: `[notify]` of a study, its occasions and how often one may ring.

Owns the words, the placeholders and the rate. The command is run by `tuned.daemon.notices.notifier`. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

NoticeKind = Literal["done", "best", "failing", "stuck", "disk"]
KINDS: tuple[NoticeKind, ...] = get_args(NoticeKind)
"""Occasions: the study has ended; there is a new best trial; its trials fail and it was paused; nothing moves; the
disk is nearly full."""

EVERY_S = {"best": 300.0}
"""Between two notices of one kind about one study; `best` comes often, and only the latest matters."""
EVERY_OTHER_S = 60.0
MOST_AN_HOUR = 30
"""Notices of one study, whatever they are about."""

QUIET_S = 900.0
"""A trial is never called stuck before it has been silent for so long."""
UNKNOWN_S = 4 * 3600.0
"""The same for a trial of which nothing is known to compare with."""


@dataclass(frozen=True, slots=True)
class Notify:
    """`[notify]`: one command, placeholders unrendered, and the occasions on which it is run."""

    command: tuple[str, ...]
    on: tuple[str, ...] = KINDS


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell: a title of a few words, and a text of one or a few lines."""

    study: str
    kind: str
    title: str
    text: str


def parse_command(value: object) -> tuple[str, ...]:
    """The argument list of a command.

    Raises:
        ValueError: It is no list of texts, or its program is empty.
    """
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise ValueError("is not a list of texts")
    if not value or not value[0].strip():
        raise ValueError("begins with no program")
    if any("\0" in word for word in value):
        raise ValueError("text cannot hold a NUL")
    return tuple(value)


def render(command: Sequence[str], notice: Notice) -> list[str]:
    """The argument list for a notice. Braces that name nothing stay: they may be the JSON that a web hook wants."""
    words = {"title": notice.title, "text": notice.text, "study": notice.study, "kind": notice.kind}
    return [_fill(word, words) for word in command]


def _fill(template: str, words: dict[str, str]) -> str:
    """One pass, so that a text which holds `{title}` is left as it is."""
    found, rest = [], template
    while rest:
        start = rest.find("{")
        end = rest.find("}", start)
        if start < 0 or end < 0:
            break
        name = rest[start + 1 : end]
        if name in words:
            found += [rest[:start], words[name]]
            rest = rest[end + 1 :]
        else:
            found.append(rest[: start + 1])
            rest = rest[start + 1 :]
    return "".join(found) + rest


@dataclass(slots=True)
class Rate:
    """Which notices may go out now. Held-back ones are kept, the latest of each kind, until their time comes.

    All times are seconds of one clock.
    """

    _last: dict[tuple[str, str], float] = field(default_factory=dict)
    _sent: dict[str, list[float]] = field(default_factory=dict)
    _held: dict[tuple[str, str], Notice] = field(default_factory=dict)

    def offer(self, notice: Notice, now: float) -> bool:
        """Whether it goes out now; otherwise it waits for `due`, in the place of an earlier one of its kind."""
        key = (notice.study, notice.kind)
        sent = [at for at in self._sent.get(notice.study, ()) if now - at < 3600.0]
        if now < self._last.get(key, -1e18) + EVERY_S.get(notice.kind, EVERY_OTHER_S) or len(sent) >= MOST_AN_HOUR:
            self._held[key] = notice
            return False
        self._held.pop(key, None)
        self._last[key] = now
        self._sent[notice.study] = [*sent, now]
        return True

    def due(self, now: float) -> list[Notice]:
        """Those held back whose time has come; they count as sent."""
        return [notice for notice in list(self._held.values()) if self.offer(notice, now)]

    def forget(self, study: str) -> None:
        """The study is gone."""
        self._sent.pop(study, None)
        for key in [key for key in (*self._last, *self._held) if key[0] == study]:
            self._last.pop(key, None)
            self._held.pop(key, None)


def is_stuck(silent_s: float, before_s: float, reports: int, typical_s: float | None) -> bool:
    """Whether a trial that has said nothing for a while has probably stopped working.

    Args:
        silent_s: Seconds since it last wrote a line or a metric.
        before_s: Seconds that it had run until then.
        reports: Steps that it reported.
        typical_s: How long the study's trials run; None before one has ended.
    """
    if reports > 0:
        return silent_s > max(QUIET_S, 10.0 * before_s / reports)
    return silent_s > (UNKNOWN_S if typical_s is None else max(QUIET_S, 3.0 * typical_s))
