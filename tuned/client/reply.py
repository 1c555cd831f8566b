"""HTTP on the wire, as far as one request on a connection of its own needs it: bytes out, bytes in, no I/O.

Owns the request's text and the reading of replies. Written out because the command line pays for every import on every
call: the libraries for this cost more CPU than all the rest of a verb. The peer is always our own daemon.
"""

from __future__ import annotations

from collections.abc import Mapping

LONGEST_HEAD = 1 << 16


class BadReply(Exception):
    """These bytes are no HTTP reply, or end in the middle of one."""


def request_bytes(method: str, target: str, headers: Mapping[str, str], payload: bytes | None) -> bytes:
    """The text of a request that asks to close the connection after its reply.

    Args:
        method: `GET`, `POST` or `DELETE`.
        target: Path and query, quoted.
        headers: Beside those that every request has.
        payload: JSON to send, or None.
    """
    every = {"Host": "tuned", "Accept": "*/*", "Connection": "close", **headers}
    if payload is not None:
        every |= {"Content-Type": "application/json", "Content-Length": str(len(payload))}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in every.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (payload or b"")


class ReplyReader:
    """Reads one reply out of pieces of any size.

    Attributes:
        status: HTTP status; None until the head has arrived.
        ended: Whether the reply is complete; what follows is ignored.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.ended = False
        self._rest = b""
        self._left: int | None = None
        self._chunked = False
        self._in_trailer = False

    def feed(self, data: bytes) -> bytes:
        """The part of this piece that belongs to the body.

        Args:
            data: Bytes as they came; empty when the peer has closed the connection.

        Raises:
            BadReply: It is no HTTP reply, or the connection was closed in the middle of it.
        """
        if not data:
            self._close()
            return b""
        self._rest += data
        if self.status is None and not self._read_head():
            return b""
        try:
            return self._read_chunks() if self._chunked else self._read_plain()
        except ValueError as error:
            raise BadReply("its chunks are malformed") from error

    def _close(self) -> None:
        if self.status is not None and self._left is None and not self._chunked:
            self.ended = True
        if not self.ended:
            raise BadReply("it broke off")

    def _read_head(self) -> bool:
        head, blank, rest = self._rest.partition(b"\r\n\r\n")
        if not blank:
            if len(self._rest) > LONGEST_HEAD:
                raise BadReply("its head does not end")
            return False
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, status = first.partition(" ")
        if not version.startswith("HTTP/1.") or not status[:3].isdigit():
            raise BadReply("it does not begin like one")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.status, self._rest = int(status[:3]), rest
        self._chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        length = headers.get("content-length")
        if not self._chunked and length is not None:
            if not length.isdigit():
                raise BadReply("its length is no number")
            self._left = int(length)
        return True

    def _read_plain(self) -> bytes:
        data, self._rest = self._rest, b""
        if self._left is None:
            return data
        data = data[: self._left]
        self._left -= len(data)
        self.ended = self._left == 0
        return data

    def _read_chunks(self) -> bytes:
        pieces: list[bytes] = []
        while not self.ended:
            if self._left is None or self._in_trailer:
                line, newline, rest = self._rest.partition(b"\r\n")
                if not newline:
                    break
                self._rest = rest
                self._read_chunk_line(line)
                continue
            piece = self._rest[: self._left]
            pieces.append(piece)
            self._left -= len(piece)
            self._rest = self._rest[len(piece) :]
            # The line break behind a chunk belongs to it.
            if self._left or len(self._rest) < 2:
                break
            if not self._rest.startswith(b"\r\n"):
                raise ValueError("no line break behind a chunk")
            self._rest, self._left = self._rest[2:], None
        return b"".join(pieces)

    def _read_chunk_line(self, line: bytes) -> None:
        if self._in_trailer:
            self.ended = not line
            return
        size = int(line.partition(b";")[0].strip(), 16)
        if size < 0:
            raise ValueError("a negative size")
        self._left = size
        self._in_trailer = size == 0
