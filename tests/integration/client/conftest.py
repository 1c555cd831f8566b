"""A small HTTP server on a Unix socket that speaks the daemon's side of `/v1` as a test scripts it."""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import h11
import pytest

from tests.patience import DEADLINE_S

HANG_UP = object()
"""Put into a stream: ends it as a daemon that goes away would."""

STUDY = {
    "name": "digits",
    "state": "running",
    "priority": 0,
    "question": "Which optimiser?",
    "counts": {"completed": 2, "running": 1},
    "best": {"number": 2, "params": {"lr": 0.01}, "values": {"val_loss": 0.25}},
    "created_at": 1.7e9,
    "reason": "",
    "ended_at": None,
    "trials": 10,
    "started": 3,
    "method": "auto",
    "parallel": 2,
    "objective": {"metric": "val_loss", "direction": "minimize", "train": "train_loss"},
    "parameters": ["lr"],
    "eta_s": 30.0,
    "note": "",
}
TRIAL = {
    "study": "digits",
    "number": 1,
    "state": "completed",
    "params": {"lr": 0.1},
    "values": {"val_loss": 0.5},
    "priority": 0,
    "origin": "sobol",
    "attempt": 1,
    "reason": "",
    "failure": None,
    "device": "cpu:0",
    "seed": 7,
    "stage": "search",
    "created_at": 1.7e9,
    "started_at": 1.7e9,
    "ended_at": 1.7e9 + 5,
    "why": "",
    "stop_reason": None,
    "last_step": 3,
    "retry_of": None,
}
SPEC = {
    "name": "digits",
    "space": {
        "parameters": [
            {"name": "lr", "kind": "float", "low": 1e-5, "high": 0.1, "log": True, "values": [], "ordered": False,
             "when": [], "role": "nuisance"},
            {"name": "width", "kind": "int", "low": 1, "high": 64, "log": False, "values": [], "ordered": False,
             "when": [], "role": "nuisance"},
        ]
    },
}  # fmt: skip
STATUS = {
    "pid": 1,
    "socket": "s",
    "home": "h",
    "version": "0",
    "uptime_s": 1.0,
    "rss_bytes": 1,
    "slots": 2,
    "devices": [
        {"id": "cpu:0", "kind": "cpu", "name": "CPU", "index": 0, "memory_total": None, "memory_used": None,
         "utilisation": None, "held_by": "", "blocked": ""}
    ],
    "studies": 1,
    "running": 0,
    "queued": 0,
    "advisor": "idle",
    "notes": [],
}  # fmt: skip


def event(seq: int, kind: str = "trial.moved", number: int | None = 1, **data: Any) -> dict[str, Any]:
    return {"seq": seq, "at": 1.7e9, "type": kind, "study": "digits", "number": number, "data": data}


def sse(row: dict[str, Any]) -> str:
    return f"id: {row['seq']}\nevent: {row['type']}\ndata: {json.dumps(row)}\n\n"


@dataclass
class Seen:
    """One request as the server got it."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: Any


Reply = tuple[int, Any]
Handler = Callable[[Seen], Reply]


@dataclass
class ScriptedDaemon:
    """Routes answered as told; every request is kept.

    Attributes:
        routes: `"METHOD /path"` -> JSON to answer with, or a function of the request that gives status and JSON.
        streams: One list of blocks a connection to `/v1/events`: text, HANG_UP, or a step to call (and await). After
            its last block it stays open.
    """

    socket: str
    routes: dict[str, Any] = field(default_factory=dict)
    streams: list[list[Any]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    raw: bytes | None = None
    hang_up: object = HANG_UP

    @staticmethod
    def event(seq: int, kind: str = "trial.moved", number: int | None = 1, **data: Any) -> dict[str, Any]:
        return event(seq, kind, number, **data)

    @staticmethod
    def sse(seq: int, kind: str = "trial.moved", number: int | None = 1, **data: Any) -> str:
        return sse(event(seq, kind, number, **data))

    def until_asked(self, path: str, times: int) -> Callable[[], Any]:
        """A step of a stream: goes on once `path` has been asked for so often."""

        async def wait() -> None:
            while len(self.asked(path)) < times:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

        return wait

    def asked(self, path: str) -> list[Seen]:
        return [request for request in self.seen if request.path == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (ConnectionError, h11.RemoteProtocolError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = h11.Connection(h11.SERVER)
        request, body = None, b""
        while True:
            got = protocol.next_event()
            if got is h11.NEED_DATA:
                protocol.receive_data(await reader.read(65536))
            elif isinstance(got, h11.Request):
                request = got
            elif isinstance(got, h11.Data):
                body += bytes(got.data)
            elif isinstance(got, h11.EndOfMessage):
                break
            else:
                return
        assert request is not None
        parts = urlsplit(request.target.decode())
        headers = {name.decode(): value.decode() for name, value in request.headers}
        found = Seen(
            request.method.decode(), parts.path, parse_qsl(parts.query), headers, json.loads(body) if body else None
        )
        self.seen.append(found)
        if self.raw is not None:
            writer.write(self.raw)
            await writer.drain()
        elif parts.path == "/v1/events" and self.streams:
            await self._stream(protocol, reader, writer)
        else:
            status, document = self._answer(found)
            data = json.dumps(document).encode()
            kind = "application/json" if status < 400 else "application/problem+json"
            fields = [("Content-Type", kind), ("Content-Length", str(len(data)))]
            for piece in (h11.Response(status_code=status, headers=fields), h11.Data(data=data), h11.EndOfMessage()):
                writer.write(protocol.send(piece) or b"")
            await writer.drain()

    def _answer(self, request: Seen) -> Reply:
        known = self.routes.get(f"{request.method} {request.path}")
        if known is None:
            return 404, {"title": "NotFound", "status": 404, "detail": "there is no such study", "where": request.path}
        return known(request) if callable(known) else (200, known)

    async def _stream(
        self, protocol: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        blocks = self.streams.pop(0) if len(self.streams) > 1 else self.streams[0]
        fields = [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")]
        writer.write(protocol.send(h11.Response(status_code=200, headers=fields)) or b"")
        for block in blocks:
            if block is HANG_UP:
                return
            if callable(block):
                step = block()
                if asyncio.iscoroutine(step):
                    await step
                continue
            for half in (block[: len(block) // 2], block[len(block) // 2 :]):
                writer.write(protocol.send(h11.Data(data=half.encode())) or b"")
                await writer.drain()
        await reader.read()


@pytest.fixture
def home() -> Iterator[Path]:
    """A state folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="tuned-") as folder:
        yield Path(folder)


@pytest.fixture
def daemon(home: Path) -> Iterator[ScriptedDaemon]:
    """A scripted daemon that listens in a thread of its own, on the socket of `home`."""
    scripted = ScriptedDaemon(str(home / "tuned.sock"))
    scripted.routes |= {
        "GET /v1/status": deepcopy(STATUS),
        "GET /v1/studies": [deepcopy(STUDY)],
        "GET /v1/studies/digits": {"study": deepcopy(STUDY), "spec": deepcopy(SPEC)},
        "GET /v1/studies/digits/trials": [deepcopy(TRIAL)],
    }
    ready = threading.Event()
    handles: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def listen() -> None:
        stopping = asyncio.Event()
        handles.append((asyncio.get_running_loop(), stopping))
        server = await asyncio.start_unix_server(scripted.serve, scripted.socket)
        ready.set()
        await stopping.wait()
        server.close()

    # asyncio.run cancels the connections that a test has left open.
    thread = threading.Thread(target=asyncio.run, args=[listen()])
    thread.start()
    assert ready.wait(DEADLINE_S)
    yield scripted
    loop, stopping = handles[0]
    loop.call_soon_threadsafe(stopping.set)
    thread.join(DEADLINE_S)


@dataclass(frozen=True)
class Ran:
    """What one command line gave."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout; fails when there is more or less."""
        return json.loads(self.out)


@pytest.fixture
def tunectl(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs `tunectl` in this process on the state folder `home`; it starts no daemon."""
    from tuned.cli.run import run

    monkeypatch.setenv("TUNED_HOME", str(home))
    monkeypatch.delenv("TUNED_ATTEMPT", raising=False)

    def call(*arguments: str, start: bool = False) -> Ran:
        capsys.readouterr()
        groups = ("daemon",)
        words = list(arguments)
        if not start and words and not words[0].startswith("-"):
            words.insert(2 if words[0] in groups else 1, "--no-start")
        code = run(words)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return call
