"""The asynchronous client, for programs that run an event loop of their own.

Owns its connections, one a call and one a stream; what is sent and how replies read is `tuned.client.api`'s, the event
format is `tuned.client.stream`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from time import monotonic
from typing import Any, Self, TypeVar

from tuned.client import api
from tuned.client.api import Call
from tuned.client.http import caller_header, late
from tuned.client.problems import DaemonEnded, NoDaemon, StreamLost, problem
from tuned.client.reply import BadReply, ReplyReader, request_bytes
from tuned.client.stream import BARREN, BRIEF, SILENCE, SseParser
from tuned.core.errors import Unavailable
from tuned.wire import (
    EventRow,
)

T = TypeVar("T")


class AsyncClient:
    """Sends calls to one daemon.

    Example::

        async with AsyncClient(resolve_home().socket) as client:
            rows = await client.send(api.trials("digits", state=["running"]))

    Args:
        socket: Path of the daemon's socket.
        timeout: Seconds within which a call without a limit of its own must be answered.
    """

    def __init__(self, socket: str | os.PathLike[str], timeout: float = 30.0) -> None:
        self.socket = os.fspath(socket)
        self.timeout = timeout
        self.headers = caller_header(None)
        self._open: set[_Exchange] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up every call that is still open and end every stream."""
        self._closed = True
        for exchange in list(self._open):
            await exchange.close()

    async def send(self, call: Call[T]) -> T:
        """The call's reply.

        Raises:
            NoDaemon: Nothing answers on the socket, or the daemon ended while it answered.
            TunedError: The daemon's refusal, as the class its status means.
            Unavailable: It did not answer in time, or not as expected.
        """
        limit = call.timeout or self.timeout
        exchange = _Exchange(self.socket)
        self._open.add(exchange)
        try:
            async with asyncio.timeout(limit):
                status = await exchange.begin(call, self.headers)
                body = b"".join([piece async for piece in exchange.body()])
        except TimeoutError as error:
            raise late(limit) from error
        finally:
            self._open.discard(exchange)
            await exchange.close()
        if status >= 400:
            raise problem(status, body)
        return call.read(body)

    async def events(
        self, after: int | None = None, study: str | None = None, *, opened: Callable[[], None] | None = None
    ) -> AsyncGenerator[EventRow]:
        """Events as they happen until `close`; a broken connection is taken up again where it broke off.

        Args:
            after: Number of the event to begin behind; None: from now.
            study: Only this study's events.
            opened: Called after every connecting: from then on nothing is missed, so this is when to take a snapshot.

        Raises:
            NoDaemon: Nothing answers on the socket (any more).
            EventsGone: The events behind `after` are no longer kept.
            StreamLost: The daemon ends every stream at once.
        """
        parser, barren = SseParser(after), 0
        while barren < BARREN:
            parser.restart()
            begun = monotonic()
            async with contextlib.aclosing(self._stream(api.events(study, parser.last_id), parser, opened)) as pieces:
                async for piece in pieces:
                    for event in parser.feed(piece):
                        yield event
            if self._closed:
                return
            barren = barren + 1 if monotonic() - begun < BRIEF else 0
        raise StreamLost("the daemon keeps ending the event stream", hint="see: tunectl daemon logs")

    async def _stream(
        self, call: Call[EventRow], parser: SseParser, opened: Callable[[], None] | None
    ) -> AsyncGenerator[bytes]:
        exchange = _Exchange(self.socket)
        self._open.add(exchange)
        headers = {} if parser.last_id is None else {"Last-Event-ID": str(parser.last_id)}
        try:
            status = await exchange.begin(call, headers)
            if status >= 400:
                raise problem(status, b"".join([piece async for piece in exchange.body()]))
            if opened is not None:
                opened()
            try:
                async for piece in exchange.body(SILENCE):
                    yield piece
            except (NoDaemon, TimeoutError):
                return
        finally:
            self._open.discard(exchange)
            await exchange.close()


class _Exchange:
    """One request and its reply on a connection of their own."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._reply = ReplyReader()
        self._first = b""
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def begin(self, call: Call[Any], headers: Mapping[str, str]) -> int:
        """Send the call; the reply's status."""
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(self._socket)
        except PermissionError as error:
            raise Unavailable("this socket belongs to another user", where=self._socket) from error
        except OSError as error:
            raise NoDaemon(self._socket) from error
        self._writer.write(request_bytes(call.method, call.target, headers, call.payload))
        while self._reply.status is None:
            self._first += await self._next(None)
        return self._reply.status

    async def body(self, silence: float | None = None) -> AsyncGenerator[bytes]:
        """The reply's body as it comes; TimeoutError after `silence` seconds without a byte."""
        if self._first:
            yield self._first
        while not self._reply.ended:
            piece = await self._next(silence)
            if piece:
                yield piece

    async def _next(self, silence: float | None) -> bytes:
        assert self._reader is not None
        try:
            async with asyncio.timeout(silence):
                return self._reply.feed(await self._reader.read(65536))
        except BadReply as error:
            raise DaemonEnded(self._socket, f"the daemon's answer cannot be read: {error}") from error
        except ConnectionError as error:
            raise DaemonEnded(self._socket, "the daemon ended while it answered") from error

    async def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()
