"""The blocking client: calls over the daemon's Unix socket, with the standard library alone.

Owns connections and time limits; what is sent and how replies read is `tuned.client.api`'s. One connection a call, so
that a daemon that was replaced in between is never met with a stale connection.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Any, TypeVar

from tuned.client.api import Call
from tuned.client.problems import DaemonEnded, NoDaemon, problem
from tuned.client.reply import BadReply, ReplyReader, request_bytes
from tuned.core.errors import Unavailable

T = TypeVar("T")
TIMEOUTS = (TimeoutError, socket.timeout)


class OpenReply:
    """A reply whose body is read as it comes.

    Args:
        path: Path of the daemon's socket.
        call: The request.
        headers: More request headers.
        limit: Seconds without a byte after which the daemon counts as stuck.

    Raises:
        NoDaemon: Nothing answers on the socket.
        Unavailable: The socket is another user's, or no answer came in time.
    """

    def __init__(self, path: str, call: Call[Any], headers: Mapping[str, str], limit: float) -> None:
        self._path = path
        self._limit = limit
        self._reader = ReplyReader()
        self._first = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._begin(request_bytes(call.method, call.target, headers, call.payload))
        except BaseException:
            self.close()
            raise

    def _begin(self, request: bytes) -> None:
        self._socket.settimeout(self._limit)
        try:
            self._socket.connect(self._path)
        except TIMEOUTS as error:
            raise late(self._limit) from error
        except PermissionError as error:
            raise Unavailable("this socket belongs to another user", where=self._path) from error
        except OSError as error:
            raise NoDaemon(self._path) from error
        try:
            self._socket.sendall(request)
        except TIMEOUTS as error:
            raise late(self._limit) from error
        except (BrokenPipeError, ConnectionResetError) as error:
            self._refused(error)
        except OSError as error:
            raise self._ended(error) from error
        while self._reader.status is None:
            self._first += self._receive()

    def _refused(self, error: OSError) -> None:
        """The daemon has hung up in the middle of the request: its refusal may be there all the same."""
        try:
            while self._reader.status is None:
                self._first += self._receive()
        except DaemonEnded:
            raise self._ended(error) from error

    def _ended(self, error: OSError) -> DaemonEnded:
        return DaemonEnded(self._path, f"the daemon ended without an answer ({error.strerror})")

    @property
    def status(self) -> int:
        """The reply's HTTP status."""
        assert self._reader.status is not None
        return self._reader.status

    def body(self) -> bytes:
        """All of the body.

        Raises:
            DaemonEnded: It broke off.
            Unavailable: It did not come in time.
        """
        pieces = [self._first]
        while not self._reader.ended:
            pieces.append(self._receive())
        return b"".join(pieces)

    def pieces(self, idle: Callable[[], float | None]) -> Iterator[bytes]:
        """The body as it comes; an empty piece when nothing came for as many seconds as `idle` says, asked each time.

        Raises:
            DaemonEnded: It broke off.
            Unavailable: Nothing came for longer than the limit.
        """
        if self._first:
            first, self._first = self._first, b""
            yield first
        heard = monotonic()
        while not self._reader.ended:
            left = self._limit - (monotonic() - heard)
            if left <= 0:
                raise late(self._limit)
            wanted = idle()
            self._socket.settimeout(left if wanted is None else max(0.001, min(wanted, left)))
            try:
                data = self._socket.recv(65536)
            except TIMEOUTS:
                yield b""
                continue
            except OSError as error:
                raise DaemonEnded(self._path, "the daemon hung up") from error
            heard = monotonic()
            piece = self._read(data)
            if piece:
                yield piece

    def _receive(self) -> bytes:
        try:
            data = self._socket.recv(65536)
        except TIMEOUTS as error:
            raise late(self._limit) from error
        except OSError as error:
            raise DaemonEnded(self._path, "the daemon ended while it answered") from error
        return self._read(data)

    def _read(self, data: bytes) -> bytes:
        try:
            return self._reader.feed(data)
        except BadReply as error:
            raise DaemonEnded(self._path, f"the daemon's answer cannot be read: {error}") from error

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


class Client:
    """Sends calls to one daemon and waits for the answers.

    Example::

        best = Client(resolve_home().socket).send(api.best("digits", top=3))

    Args:
        socket: Path of the daemon's socket.
        timeout: Seconds within which a call without a limit of its own must be answered.
        caller: The caller's name, where it is a program; None: as `TUNED_CALLER` says.
    """

    def __init__(self, socket: str | os.PathLike[str], timeout: float = 30.0, caller: str | None = None) -> None:
        self.socket = os.fspath(socket)
        self.timeout = timeout
        self.headers = caller_header(caller)

    def send(self, call: Call[T]) -> T:
        """The call's reply.

        Raises:
            NoDaemon: Nothing answers on the socket.
            DaemonEnded: The daemon went away before it had answered.
            TunedError: The daemon's refusal, as the class its status means.
            Unavailable: It did not answer in time, or not as expected.
        """
        reply = OpenReply(self.socket, call, self.headers, call.timeout or self.timeout)
        try:
            body = reply.body()
        finally:
            reply.close()
        if reply.status >= 400:
            raise problem(reply.status, body)
        return call.read(body)

    def open(self, call: Call[Any], headers: Mapping[str, str], silence: float) -> OpenReply:
        """Send the call and hand its body over as it comes.

        Args:
            call: The request.
            headers: More request headers.
            silence: Seconds without a byte after which the reply counts as broken.

        Raises:
            NoDaemon: Nothing answers on the socket.
            TunedError: The daemon's refusal.
        """
        reply = OpenReply(self.socket, call, {**self.headers, **headers}, silence)
        if reply.status >= 400:
            try:
                raise problem(reply.status, reply.body())
            finally:
                reply.close()
        return reply


def caller_header(caller: str | None) -> dict[str, str]:
    """The header that says who asks; none for a person.

    Raises:
        InvalidInput: It is no name.
    """
    name = os.environ.get("TUNED_CALLER", "") if caller is None else caller
    if not name:
        return {}
    from tuned.core.names import CALLER_HEADER, check_caller

    return {CALLER_HEADER: check_caller(name, "TUNED_CALLER" if caller is None else "caller")}


def late(limit: float) -> Unavailable:
    """The error of an answer that did not come."""
    return Unavailable(f"the daemon did not answer within {limit:g} s", hint="see: tunectl daemon logs")
