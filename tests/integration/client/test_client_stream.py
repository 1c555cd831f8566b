"""The event stream on a real socket: pieces, resumption, ends; blocking and asynchronous."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.patience import DEADLINE_S
from tuned.client import api
from tuned.client.aio import AsyncClient
from tuned.client.http import Client
from tuned.client.problems import EventsGone, NoDaemon, StreamLost
from tuned.client.stream import Pause, SseParser, follow
from tuned.core.errors import NotFound
from tuned.wire import EventRow


def take(client: Client, count: int, **options: Any) -> list[Any]:
    found = []
    stream = follow(client, **options)
    for item in stream:
        found.append(item)
        if sum(isinstance(one, EventRow) for one in found) == count:
            break
    stream.close()
    return found


def test_parser_joins_pieces_of_any_size_and_skips_comments(daemon: Any) -> None:
    text = ": hello\n\n" + daemon.sse(1) + "id: 2\r\ndata: " + daemon.sse(2).split("data: ")[1].replace("\n", "\r\n")
    for size in (1, 2, 7, 1000):
        parser = SseParser()
        pieces = [text.encode()[i : i + size] for i in range(0, len(text), size)]
        assert [e.seq for piece in pieces for e in parser.feed(piece)] == [1, 2]
        assert parser.last_id == 2


def test_parser_takes_the_place_from_a_block_without_data_and_drops_what_it_has_seen(daemon: Any) -> None:
    parser = SseParser()
    assert parser.feed(b"id: 41\n\n") == []
    assert parser.last_id == 41
    assert parser.feed((daemon.sse(41) + daemon.sse(42)).encode()) == [EventRow(**daemon.event(42))]


def test_a_broken_stream_is_taken_up_where_it_broke_off(daemon: Any) -> None:
    half = daemon.sse(3)[:20]
    daemon.streams = [[daemon.sse(1), daemon.sse(2), half, daemon.hang_up], [daemon.sse(3), daemon.sse(4)]]
    found = take(Client(daemon.socket), 4, after=0, study="digits")
    assert [item.seq for item in found if isinstance(item, EventRow)] == [1, 2, 3, 4]
    assert found.count(Pause.OPENED) == 2
    first, second = daemon.asked("/v1/events")
    assert dict(first.query) == {"study": "digits", "after": "0"}
    assert second.headers["last-event-id"] == "2"


def test_silence_is_told_while_the_stream_stays_open(daemon: Any) -> None:
    daemon.streams = [[daemon.sse(1)]]
    found = []
    stream = follow(Client(daemon.socket), idle=lambda: 0.01)
    for item in stream:
        found.append(item)
        if item is Pause.IDLE and any(isinstance(one, EventRow) for one in found):
            break
    stream.close()
    assert found[0] is Pause.OPENED
    assert len(daemon.asked("/v1/events")) == 1


def test_a_daemon_that_ends_every_stream_is_given_up(daemon: Any) -> None:
    daemon.streams = [[daemon.hang_up]]
    with pytest.raises(StreamLost):
        take(Client(daemon.socket), 1)
    assert len(daemon.asked("/v1/events")) == 3


def test_events_that_are_no_longer_kept_are_refused(daemon: Any) -> None:
    daemon.routes["GET /v1/events"] = lambda request: (410, {"title": "HTTP", "status": 410, "detail": "too old"})
    with pytest.raises(EventsGone):
        take(Client(daemon.socket), 1, after=1)


async def test_async_stream_resumes_and_says_when_it_is_open(daemon: Any) -> None:
    daemon.streams = [[daemon.sse(1), daemon.hang_up], [daemon.sse(2)]]
    opened: list[int] = []
    async with AsyncClient(daemon.socket) as client:
        seen: list[int] = []
        async for row in client.events(0, opened=lambda: opened.append(len(seen))):
            seen.append(row.seq)
            if len(seen) == 2:
                break
    assert seen == [1, 2]
    assert opened == [0, 1]
    assert daemon.asked("/v1/events")[1].headers["last-event-id"] == "1"


async def test_closing_the_client_ends_its_streams(daemon: Any) -> None:
    daemon.streams = [[daemon.sse(1)]]
    client = AsyncClient(daemon.socket)
    first = asyncio.Event()

    async def read() -> list[int]:
        seen = []
        async for row in client.events(0):
            seen.append(row.seq)
            first.set()
        return seen

    task = asyncio.create_task(read())
    async with asyncio.timeout(DEADLINE_S):
        await first.wait()
        await client.close()
        assert await task == [1]


async def test_async_calls_decode_and_refuse_like_the_blocking_ones(daemon: Any, tmp_path: Any) -> None:
    async with AsyncClient(daemon.socket) as client:
        (study,), status, (trial,) = await asyncio.gather(
            client.send(api.studies()), client.send(api.status()), client.send(api.trials("digits"))
        )
        assert (study.name, status.slots, trial.values) == ("digits", 2, {"val_loss": 0.5})
        assert (await client.send(api.study("digits").undecoded()))["study"]["name"] == "digits"
        with pytest.raises(NotFound):
            await client.send(api.study("nothing"))
        daemon.routes["POST /v1/prune"] = {"changed": ["digits/1"]}
        assert (await client.send(api.act("prune", ["digits/1"]))).changed == ["digits/1"]
        assert daemon.asked("/v1/prune")[0].body == {"targets": ["digits/1"]}
    with pytest.raises(NoDaemon):
        await AsyncClient(tmp_path / "none.sock").send(api.status())
