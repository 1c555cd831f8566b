"""The event stream's format and its blocking reader, which takes the stream up again where it broke off.

Owns server-sent events on the client's side; the asynchronous reader in `tuned.client.aio` shares the parser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from enum import Enum
from time import monotonic
from typing import TYPE_CHECKING

from tuned.client import api
from tuned.client.problems import StreamLost
from tuned.core.errors import Unavailable
from tuned.wire import EventRow

if TYPE_CHECKING:
    from tuned.client.http import Client, OpenReply

SILENCE = 60.0
"""Seconds without a byte, keep-alive comments included, after which a stream counts as broken."""

BRIEF, BARREN = 1.0, 3
"""A stream that ends within BRIEF seconds is a daemon on its way out: after BARREN in a row a reader gives up."""


class SseParser:
    """Bytes of `text/event-stream` to events.

    Attributes:
        last_id: The newest `id` seen, where a new connection takes up. A block with an `id` and no data moves it too.
    """

    def __init__(self, last_id: int | None = None) -> None:
        self.last_id = last_id
        self.restart()

    def restart(self) -> None:
        """Forget a half-received block: the connection is a new one."""
        self._rest = b""
        self._data: list[str] = []
        self._id: int | None = None

    def feed(self, piece: bytes) -> list[EventRow]:
        """The events that this piece completes, without those seen before."""
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()
        found = []
        for line in lines:
            event = self._line(line.rstrip(b"\r").decode("utf-8", "replace"))
            if event is not None:
                found.append(event)
        return found

    def _line(self, line: str) -> EventRow | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "data":
            self._data.append(value)
        elif name == "id" and value.isdigit():
            self._id = int(value)
        return None

    def _dispatch(self) -> EventRow | None:
        data, number = self._data, self._id
        self._data, self._id = [], None
        fresh = number is None or self.last_id is None or number > self.last_id
        if number is not None and fresh:
            self.last_id = number
        if not data or not fresh:
            return None
        return api.events().read("\n".join(data).encode())


class Pause(Enum):
    """A message to a follower that is no event.

    Attributes:
        OPENED: Connected (again): from now on nothing is missed, so this is when to look at the whole state.
        IDLE: Nothing came within the time that the follower wanted to hear of.
    """

    OPENED = "opened"
    IDLE = "idle"


def follow(
    client: Client,
    after: int | None = None,
    study: str | None = None,
    *,
    idle: Callable[[], float | None] = lambda: None,
) -> Iterator[EventRow | Pause]:
    """Events as they happen, for ever; a broken connection is taken up again where it broke off.

    Args:
        client: Connection to the daemon whose events are read.
        after: Number of the event to begin behind; None: from now.
        study: Only this study's events.
        idle: Asked before every wait: seconds after which `Pause.IDLE` is yielded when nothing came; None: no limit.

    Raises:
        NoDaemon: Nothing answers on the socket (any more).
        EventsGone: The events behind `after` are no longer kept.
        StreamLost: The daemon ends every stream at once.
    """
    parser, barren = SseParser(after), 0
    while barren < BARREN:
        parser.restart()
        begun = monotonic()
        headers = {} if parser.last_id is None else {"Last-Event-ID": str(parser.last_id)}
        with closing(client.open(api.events(study, parser.last_id), headers, SILENCE)) as reply:
            yield Pause.OPENED
            # A stream that breaks off is no error yet: the next connection shows whether the daemon lives.
            with suppress(Unavailable):
                yield from _events(reply, parser, idle)
        barren = barren + 1 if monotonic() - begun < BRIEF else 0
    raise StreamLost("the daemon keeps ending the event stream", hint="see: tunectl daemon logs")


def _events(reply: OpenReply, parser: SseParser, idle: Callable[[], float | None]) -> Iterator[EventRow | Pause]:
    for piece in reply.pieces(idle):
        if piece:
            yield from parser.feed(piece)
        else:
            yield Pause.IDLE
