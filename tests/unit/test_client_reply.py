"""The reply reader against bytes that a real HTTP library wrote, cut anywhere, and against damaged ones."""

from __future__ import annotations

from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuned.client.reply import BadReply, ReplyReader, request_bytes


def written(status: int, pieces: list[bytes], *, chunked: bool) -> bytes:
    server = h11.Connection(h11.SERVER)
    server.receive_data(request_bytes("GET", "/v1/x", {}, None))
    assert isinstance(server.next_event(), h11.Request)
    assert isinstance(server.next_event(), h11.EndOfMessage)
    framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(sum(map(len, pieces))))
    head = h11.Response(status_code=status, reason=b"So it is", headers=[("X-Other", "a: b"), framing])
    events = [head, *(h11.Data(data=piece) for piece in pieces), h11.EndOfMessage()]
    return b"".join(server.send(event) or b"" for event in events)


def read(data: bytes, cuts: list[int]) -> tuple[ReplyReader, bytes]:
    reader, body, places = ReplyReader(), b"", sorted({0, len(data), *(c % (len(data) + 1) for c in cuts)})
    for start, end in pairwise(places):
        body += reader.feed(data[start:end])
    return reader, body


@given(
    st.integers(200, 599).filter(lambda status: status not in (204, 304)),
    st.lists(st.binary(min_size=1, max_size=50)),
    st.booleans(),
    st.lists(st.integers(0, 2000)),
)
def test_any_reply_is_read_however_it_is_cut(status: int, pieces: list[bytes], chunked: bool, cuts: list[int]) -> None:
    reader, body = read(written(status, pieces, chunked=chunked), cuts)
    assert reader.status == status
    assert body == b"".join(pieces)
    if pieces or chunked:
        assert reader.ended


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1), st.booleans(), st.integers(0, 10_000))
def test_a_reply_that_breaks_off_is_an_error(pieces: list[bytes], chunked: bool, cut: int) -> None:
    data = written(200, pieces, chunked=chunked)
    reader = ReplyReader()
    part = data[: cut % len(data)]
    if part:
        reader.feed(part)
    with pytest.raises(BadReply, match="broke off"):
        reader.feed(b"")


def test_a_reply_without_a_length_ends_with_the_connection() -> None:
    reader = ReplyReader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\n\r\nab") + reader.feed(b"c") == b"abc"
    assert not reader.ended
    reader.feed(b"")
    assert reader.ended


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        b"x" * 70_000,
    ],
)
def test_what_is_no_reply_is_refused(data: bytes) -> None:
    with pytest.raises(BadReply):
        ReplyReader().feed(data)


def test_a_request_is_read_by_a_real_http_library() -> None:
    server = h11.Connection(h11.SERVER)
    server.receive_data(request_bytes("POST", "/v1/x?a=1", {"Last-Event-ID": "3"}, b"{}"))
    request, data, end = server.next_event(), server.next_event(), server.next_event()
    assert isinstance(request, h11.Request)
    assert (request.method, request.target) == (b"POST", b"/v1/x?a=1")
    assert (b"last-event-id", b"3") in list(request.headers)
    assert isinstance(data, h11.Data)
    assert bytes(data.data) == b"{}"
    assert isinstance(end, h11.EndOfMessage)
