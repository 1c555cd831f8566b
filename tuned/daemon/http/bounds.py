"""Limits on the daemon's memory and time for a client: the size of a body, connections, silence, and a stop.

Owns these bounds. A request over them gets one answer in the form of every other problem, with a remedy.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException

LARGEST_BODY = 32 * 2**20
"""Bytes: points for a hundred thousand trials. A body is held in memory several times over while it is read."""
MOST_CONNECTIONS = 256
"""At once, event streams among them; a process has 1,024 descriptors where nothing else is set."""
LARGEST_HEAD = 16 * 2**10
"""Bytes of a request's line and headers."""
STOP_S = 3.0
"""Seconds that a stop gives to what is being answered."""
LINGER_S = 1.0
"""Seconds in which somebody who is turned away may read the answer before the connection is cut."""
SILENCE_S = 60.0
"""Seconds without a byte of a request that has been begun, or without any request."""

_TOO_LARGE = f"the body is larger than {LARGEST_BODY // 2**20} MiB"
IN_PARTS = "send it in parts, such as points.jsonl in several files"
UNREADABLE = (
    f"the request cannot be read, or its headers are larger than {LARGEST_HEAD // 2**10} KiB",
    "send HTTP/1.1, and what is long in the body",
)
STOPPING = ("the daemon is stopping", "ask once more when it has: tunectl starts it anew")
CROWDED = (f"{MOST_CONNECTIONS} connections are open", "close some: event streams, charts, scripts that keep theirs")

Send = Callable[[dict[str, Any]], Awaitable[None]]


def problem(status: int, detail: str, hint: str) -> bytes:
    """The body of a problem."""
    title = "Unavailable" if status == 503 else "InvalidInput"
    return json.dumps({"title": title, "status": status, "detail": detail, "hint": hint, "where": None}).encode()


def refusal(status: int, detail: str, hint: str) -> bytes:
    """A whole answer of HTTP/1.1, for a connection that is closed behind it."""
    body = problem(status, detail, hint)
    line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    head = f"{line}\r\ncontent-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}connection: close\r\n\r\n".encode() + body


class Bounded:
    """An application whose requests are bounded.

    Attributes:
        stopping: No further request is begun, and one that is cut off is told why.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self.stopping = False

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self.stopping:
            await _answer(send, 503, *STOPPING)
            return
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if int(length) > LARGEST_BODY:  # the parser has let nothing but digits through
            await _answer(send, 413, _TOO_LARGE, IN_PARTS)
            return
        begun = seen = 0

        async def counted() -> Any:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > LARGEST_BODY:
                raise HTTPException(413, _TOO_LARGE)
            return message

        async def noted(message: dict[str, Any]) -> None:
            nonlocal begun
            begun += 1
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except asyncio.CancelledError:
            if begun or not self._stops():
                raise
            await _answer(send, 503, *STOPPING)

    def _stops(self) -> bool:
        return self.stopping


async def _answer(send: Send, status: int, detail: str, hint: str) -> None:
    body = problem(status, detail, hint)
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
