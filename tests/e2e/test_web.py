"""`tunectl web`: what the page reads, and what it refuses."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.patience import DEADLINE_S
from tuned.web.guard import Guard

GOOD = {"host": "127.0.0.1:8000", "authorization": "Bearer secret"}


@pytest.mark.parametrize(
    ("method", "path", "changes", "status"),
    [
        ("GET", "/v1/studies", {}, None),
        ("GET", "/v1/studies/a.b-c/trials", {"origin": "http://localhost:8000", "host": "localhost:8000"}, None),
        ("GET", "/", {"authorization": ""}, None),
        ("GET", "/v1/studies", {"authorization": ""}, 401),
        ("GET", "/v1/studies", {"authorization": "Bearer secrex"}, 401),
        ("GET", "/v1/studies", {"authorization": "Basic secret"}, 401),
        ("GET", "/v1/studies", {"host": "evil.example:8000"}, 421),
        ("GET", "/", {"host": "evil.example:8000"}, 421),
        ("GET", "/v1/studies", {"host": "127.0.0.1:8001"}, 421),
        ("GET", "/v1/studies", {"origin": "http://evil.example"}, 403),
        ("GET", "/v1/studies", {"origin": "null"}, 403),
        ("GET", "/v1/studies", {"sec-fetch-site": "cross-site"}, 403),
        ("POST", "/v1/pause", {}, 405),
        ("OPTIONS", "/v1/studies", {}, 405),
        ("GET", "/v1/studies/../stop", {}, 404),
        ("GET", "/v1/studies/a..b", {}, 404),
        ("GET", "/v1/studies/a/trials/1/log", {}, 404),
        ("GET", "/v1/events", {}, 404),
    ],
)
def test_the_guard(method: str, path: str, changes: dict[str, str], status: int | None) -> None:
    refusal = Guard(8000, "secret").refusal(method, path, {**GOOD, **changes})
    assert (refusal and refusal[0]) == status


@pytest.fixture
def page(shared_daemon: Any) -> Iterator[tuple[int, str]]:
    """Port and token of a running `tunectl web`."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("TUNED_")}
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "tuned.cli", "web"],
        env={**env, "TUNED_HOME": str(shared_daemon.home)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = urlsplit(process.stdout.readline().strip())
        assert url.hostname == "127.0.0.1" and url.port is not None
        yield url.port, url.fragment
    finally:
        process.terminate()
        process.communicate(timeout=DEADLINE_S)


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request(method, path, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read(), reply.headers
    finally:
        connection.close()


def test_the_page_reads_and_never_writes(page: tuple[int, str], shared_daemon: Any, tmp_path: Any) -> None:
    port, token = page
    shared_daemon.submit({"run": {"command": ["true"]}, "name": "on-the-web", "search": {"trials": 1}}, tmp_path)
    key = {"Authorization": f"Bearer {token}"}
    status, body, headers = ask(port, "/")
    assert status == 200 and b"page.js" in body and token.encode() not in body
    assert "default-src 'none'" in headers["Content-Security-Policy"] and "Set-Cookie" not in headers
    assert all(ask(port, path)[0] == 200 for path in ("/page.js", "/page.css"))
    status, body, _ = ask(port, "/v1/studies", **key)
    assert status == 200 and "on-the-web" in [study["name"] for study in json.loads(body)]
    status, body, _ = ask(port, "/v1/studies/on-the-web/trials?filter=trial%3D1&limit=5&descending=true", **key)
    assert status == 200 and [trial["number"] for trial in json.loads(body)] == [1]
    assert ask(port, "/v1/studies")[0] == 401
    assert ask(port, "/v1/pause", "POST", **key)[0] == 405
    assert ask(port, "/v1/studies", **key, Host="evil.example")[0] == 421
    status, body, _ = ask(port, "/v1/studies/nowhere", **key)
    assert status == 502 and "nowhere" in json.loads(body)["detail"]
