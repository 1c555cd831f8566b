"""Connections on which nobody speaks are closed; what is being answered is not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tuned.daemon.http import bounds
from tuned.daemon.http.server import Listener

REQUEST = b"GET / HTTP/1.1\r\nhost: tuned\r\n\r\n"


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers at once, or on `/slow` after more than the silence that is borne."""
    while (await receive()).get("more_body"):
        continue
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    if scope["path"] == "/slow":
        await asyncio.sleep(0.8)
    await send({"type": "http.response.body", "body": b"ok"})


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
    listener = Listener(tmp_path / "s", app)
    serving = asyncio.create_task(listener.serve())
    async with asyncio.timeout(10):
        for _ in range(900):
            if listener.started:  # uvicorn has no event for it
                break
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
        writer.write(sent)
        got = await reader.read()  # to the end of the connection
        assert got.startswith(begins)
        assert got.endswith(b"ok") if begins else not got.startswith(b"HTTP/1.1 200")
        writer.close()
        listener.close()
        await serving
