"""The blocking client: HTTP over the daemon's Unix socket, with the standard library alone.

Owns connections and time limits; what is sent and how replies read is `tuned.client.api`'s. One connection a call, so
that a daemon that was replaced in between is never met with a stale connection.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
from collections.abc import Mapping
from typing import Any, TypeVar

from tuned.client.api import Call
from tuned.client.problems import DaemonEnded, NoDaemon, problem
from tuned.core.errors import Unavailable

T = TypeVar("T")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("tuned", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(self.path)
        except OSError:
            self.close()
            raise


class OpenReply:
    """A successful reply whose body is read as it comes.

    Args:
        connection: The connection that carries it; closed together with it.
        response: Status and headers have been read.
    """

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self._socket = connection.sock

    def read_some(self) -> bytes:
        """The next piece of the body, as soon as there is one; empty at its end.

        Raises:
            Unavailable: The connection broke, or stayed silent for longer than the call's time limit.
        """
        try:
            return self._response.read1(65536)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable(f"the connection to the daemon broke: {error}") from error

    def close(self) -> None:
        """Hang up; a reader in another thread returns."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._connection.close()


class Client:
    """Sends calls to one daemon and waits for the answers.

    Args:
        socket: Path of the daemon's socket.
        timeout: Seconds within which a call without a limit of its own must be answered.
    """

    def __init__(self, socket: str | os.PathLike[str], timeout: float = 30.0) -> None:
        self.socket = os.fspath(socket)
        self.timeout = timeout

    def send(self, call: Call[T]) -> T:
        """The call's reply.

        Raises:
            NoDaemon: Nothing answers on the socket.
            TunedError: The daemon's refusal, as the class its status means.
            Unavailable: It did not answer in time, or not as expected.
        """
        limit = call.timeout or self.timeout
        connection, response = self._request(call, {}, limit)
        try:
            body = response.read()
        except TimeoutError as error:
            raise _late(limit) from error
        except (OSError, http.client.HTTPException) as error:
            raise DaemonEnded(self.socket, "the daemon ended while it answered") from error
        finally:
            connection.close()
        if response.status >= 400:
            raise problem(response.status, body)
        return call.read(body)

    def open(self, call: Call[Any], headers: Mapping[str, str], silence: float) -> OpenReply:
        """Send the call and hand its body over as it comes.

        Args:
            call: What to send.
            headers: More request headers.
            silence: Seconds without a byte after which the reply counts as broken.

        Raises:
            NoDaemon: Nothing answers on the socket.
            TunedError: The daemon's refusal.
        """
        connection, response = self._request(call, headers, silence)
        if response.status >= 400:
            body = response.read()
            connection.close()
            raise problem(response.status, body)
        return OpenReply(connection, response)

    def _request(
        self, call: Call[Any], headers: Mapping[str, str], limit: float
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = _UnixConnection(self.socket, limit)
        payload = call.payload
        every = {"Accept": "*/*", "Connection": "close", **headers}
        if payload is not None:
            every["Content-Type"] = "application/json"
        try:
            connection.request(call.method, call.target, payload, every)
            return connection, connection.getresponse()
        except TimeoutError as error:
            connection.close()
            raise _late(limit) from error
        except (ConnectionRefusedError, FileNotFoundError, NotADirectoryError) as error:
            raise NoDaemon(self.socket) from error
        except PermissionError as error:
            raise Unavailable("this socket belongs to another user", where=self.socket) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise DaemonEnded(self.socket, f"the daemon ended without an answer ({error})") from error


def _late(limit: float) -> Unavailable:
    return Unavailable(f"the daemon did not answer within {limit:g} s", hint="see: tunectl daemon logs")
