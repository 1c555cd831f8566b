"""The bounds of the daemon's server: silence, heads, connections, a stop; each ends with an answer, or with an end."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.patience import DEADLINE_S
from tuned.client.api import Call
from tuned.client.http import Client
from tuned.core.errors import TunedError
from tuned.daemon.http import bounds
from tuned.daemon.http.server import Listener

REQUEST = b"GET / HTTP/1.1\r\nhost: tuned\r\n\r\n"


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers at once; on `/slow` after more than the silence that is borne, on `/never` not at all."""
    while (await receive()).get("more_body"):
        continue
    if scope["path"] == "/never":
        await asyncio.Event().wait()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    if scope["path"] == "/slow":
        await asyncio.sleep(0.8)
    await send({"type": "http.response.body", "body": b"ok"})


async def until(ask: Callable[[], Awaitable[Any]], enough: Callable[[Any], bool]) -> None:
    """Ask until the answer is right; the time is limited by `served`."""
    for _ in range(1900):
        if enough(await ask()):
            return
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def served(path: Path) -> AsyncIterator[Listener]:
    listener = Listener(path, app)
    serving = asyncio.create_task(listener.serve())
    async with asyncio.timeout(DEADLINE_S):
        await until(lambda: asyncio.sleep(0, listener.started), bool)  # uvicorn has no event for it
        yield listener
        listener.close()
        await serving


async def asked(path: Path, sent: bytes) -> bytes:
    """All that comes back on a connection of its own, to its end."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(sent)
    got = await reader.read()
    writer.close()
    return got


def problem(answer: bytes) -> tuple[int, str]:
    """Its status and detail; a remedy is there."""
    head, _, body = answer.partition(b"\r\n\r\n")
    told = json.loads(body)
    assert told["hint"] and head.startswith(b"HTTP/1.1 %d " % told["status"])
    assert b"application/problem+json" in head
    return told["status"], told["detail"]


@pytest.mark.parametrize(
    ("sent", "begins"),
    [
        (b"", b""),
        (REQUEST[:10], b""),
        (b"POST / HTTP/1.1\r\nhost: tuned\r\ncontent-length: 5\r\n\r\nab", b""),
        (REQUEST, b"HTTP/1.1 200"),
        (REQUEST.replace(b"GET /", b"GET /slow"), b"HTTP/1.1 200"),
    ],
)
async def test_silence_ends_a_connection(tmp_path: Path, monkeypatch: Any, sent: bytes, begins: bytes) -> None:
    monkeypatch.setattr(bounds, "SILENCE_S", 0.2)
    async with served(tmp_path / "s"):
        got = await asked(tmp_path / "s", sent)
    assert got.startswith(begins)
    assert got.endswith(b"ok") if begins else not got.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nx: " + b"a" * 2 * bounds.LARGEST_HEAD, b"good morning\r\n\r\n"])
async def test_what_is_no_request_or_has_too_large_a_head_is_refused(tmp_path: Path, sent: bytes) -> None:
    async with served(tmp_path / "s"):
        status, detail = problem(await asked(tmp_path / "s", sent))
        assert status == 400 and "its headers are larger than 16 KiB" in detail
        large = REQUEST.replace(b"\r\n\r\n", b"\r\nconnection: close\r\nx: " + b"a" * 15_000 + b"\r\n\r\n")
        assert (await asked(tmp_path / "s", large)).startswith(b"HTTP/1.1 200")


async def test_one_connection_too_many_is_told_so_even_while_it_writes(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(bounds, "MOST_CONNECTIONS", 2)
    path = tmp_path / "s"
    async with served(path):
        kept = [await asyncio.open_unix_connection(str(path)) for _ in range(2)]
        for reader, writer in kept:
            writer.write(REQUEST)
            await reader.readuntil(b"ok")
        status, detail = problem(await asked(path, REQUEST + b"x" * 100_000))
        assert status == 503 and "connections are open" in detail
        reader, writer = await asyncio.open_unix_connection(str(path))
        await reader.read()  # the answer
        with pytest.raises(OSError):
            for _ in range(1000):  # who does not go is cut off
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        for _, writer in kept:
            writer.close()
        last = REQUEST.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
        await until(lambda: asked(path, last), lambda answer: answer.startswith(b"HTTP/1.1 200"))


async def test_the_client_reads_a_refusal_that_comes_while_it_writes(tmp_path: Path) -> None:
    call: Call[Any] = Call("POST", "/", body={"text": "x" * (bounds.LARGEST_BODY + 2**20)})
    async with served(tmp_path / "s"):
        with pytest.raises(TunedError, match="the body is larger than 32 MiB") as refusal:
            await asyncio.to_thread(Client(tmp_path / "s").send, call)
    assert refusal.value.hint


async def test_a_stop_refuses_what_cannot_be_finished_and_what_comes_later(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(bounds, "STOP_S", 0.2)
    async with served(tmp_path / "s") as listener:
        never = asyncio.create_task(asked(tmp_path / "s", REQUEST.replace(b"GET /", b"GET /never")))
        slow = asyncio.create_task(asked(tmp_path / "s", REQUEST.replace(b"GET /", b"GET /slow")))
        await until(lambda: asyncio.sleep(0, listener._server.server_state.tasks), lambda tasks: len(tasks) == 2)
    assert problem(await never) == (503, bounds.STOPPING[0])
    assert (await slow).startswith(b"HTTP/1.1 200")
    late: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        late.append(message)

    await listener._app({"type": "http", "path": "/", "headers": []}, receive, send)
    assert late[0]["status"] == 503
    assert json.loads(late[1]["body"])["detail"] == bounds.STOPPING[0]
