"""One request to an engine that answers HTTP, on a connection of its own.

Owns the connection, its limits of time and size, the token, and the count of requests. Targets and the reading of
answers are the engine's module's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h11

from tuned.places.interface import Silent

WITHIN_S = 60.0
"""Seconds after which a request counts as unanswered."""
LARGEST = 1 << 26
"""Bytes of an answer that are read: a list of 30,000 jobs."""
_PIECE = 1 << 16
_TOKEN = re.compile(r"[!-~]{1,4096}")


@dataclass(frozen=True, slots=True)
class Reply:
    """The status and the body of an answer."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


class Requests:
    """Requests to one address.

    Args:
        address: `http://head:8265`, or with `https`; a path in front of all targets may follow.
        token: File that holds the token; empty: none is sent.
        ca: File with the certificates by which that of the address is judged; empty: the system's.

    Attributes:
        calls: How many requests were made.
    """

    def __init__(self, address: str, token: str, ca: str = "") -> None:
        url = urlsplit(address)
        self._address = address
        self._safe = url.scheme == "https"
        self._ca = ca
        self._context: ssl.SSLContext | None = None
        self.host = url.hostname or ""
        self._port = url.port or (443 if self._safe else 80)
        self._authority = url.netloc.rpartition("@")[2]
        self._before = url.path.rstrip("/")
        self._token = token
        self.calls = 0

    async def ask(self, method: str, target: str, body: Any = None, *, known: bool = True) -> Reply:
        """Send a request, and wait for all of its answer.

        Args:
            method: `GET`, `POST` or `DELETE`.
            target: Path and query, quoted.
            body: Plain data that is sent as JSON; None: nothing.
            known: Send the token, if there is one.

        Raises:
            Silent: Nothing answers there, or no HTTP, or not in time; or the token cannot be read.
        """
        self.calls += 1
        headers = {"Host": self._authority, "Accept": "application/json", "Connection": "close"}
        if known and self._token:
            headers["Authorization"] = f"Bearer {await asyncio.to_thread(self._read_token)}"
        payload = b"" if body is None else json.dumps(body).encode()
        if payload:
            headers |= {"Content-Type": "application/json"}
        if method == "POST":
            headers |= {"Content-Length": str(len(payload))}
        try:
            async with asyncio.timeout(WITHIN_S):
                return await self._exchange(method, self._before + target, headers, payload)
        except TimeoutError:
            raise Silent(f"did not answer within {WITHIN_S:.0f} s", where=self._address) from None
        except h11.ProtocolError as error:
            raise Silent(f"its answer cannot be read: {error}", where=self._address) from error
        except ssl.SSLCertVerificationError as error:
            self._context = None  # the file may be replaced
            hint = "name a file with the certificate of its authority: [place] ca"
            raise Silent(f"is not trusted: {error.verify_message}", where=self._address, hint=hint) from error
        except (OSError, EOFError) as error:
            said = getattr(error, "strerror", None) or str(error)
            raise Silent(f"cannot be reached: {said}", where=self._address, hint="is it up?") from error

    def _read_ca(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._ca or None)
        except OSError as error:
            raise Silent(f"no certificate can be read: {error.strerror or error}", where=self._ca) from error

    def _read_token(self) -> str:
        try:
            token = Path(self._token).read_text(errors="replace").strip()
        except OSError as error:
            raise Silent(f"the token cannot be read: {error.strerror}", where=self._token) from error
        if not _TOKEN.fullmatch(token):
            raise Silent("it holds no token", where=self._token)  # its content is in no message
        return token

    async def _exchange(self, method: str, target: str, headers: Mapping[str, str], payload: bytes) -> Reply:
        if self._safe and self._context is None:
            self._context = await asyncio.to_thread(self._read_ca)
        reader, writer = await asyncio.open_connection(self.host, self._port, ssl=self._context)
        try:
            connection = h11.Connection(h11.CLIENT)
            request = h11.Request(method=method, target=target, headers=[*headers.items()])
            writer.write(connection.send(request) or b"")
            if payload:
                writer.write(connection.send(h11.Data(payload)) or b"")
            writer.write(connection.send(h11.EndOfMessage()) or b"")
            await writer.drain()
            return await _answer(connection, reader)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader) -> Reply:
    status, pieces, size = 0, [], 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_PIECE))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            size += len(event.data)
            if size > LARGEST:
                raise EOFError(f"its answer is longer than {LARGEST >> 20} MB")
            pieces.append(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            return Reply(status, b"".join(pieces))
        elif isinstance(event, h11.ConnectionClosed):
            raise EOFError("it hung up")
