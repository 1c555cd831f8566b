"""The server of the read-only page: static files, and the daemon's JSON behind the guard."""

from __future__ import annotations

import json
import os
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tuned.client.api import Call
from tuned.client.http import Client
from tuned.core.errors import TunedError
from tuned.core.names import API
from tuned.web.guard import Guard

_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class WebServer(ThreadingHTTPServer):
    """Listens on the loopback interface.

    Args:
        socket: The daemon's socket.
        port: 0: any that is free.
        token: Asked of every reader.
    """

    daemon_threads = True

    def __init__(self, socket: str | os.PathLike[str], port: int, token: str) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.client = Client(socket)
        self.guard = Guard(self.server_address[1], token)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/#{token}"


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: WebServer
    server_version = "tunectl"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        """Answer a request that reads."""
        self._answer()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        refusal = self.server.guard.refusal(self.command, parts.path, headers)
        if refusal is not None:
            self._problem(*refusal)
        elif parts.path in _FILES:
            name, kind = _FILES[parts.path]
            self._send(HTTPStatus.OK, kind, files("tuned.web").joinpath("static", name).read_bytes())
        elif parts.path.startswith(f"{API}/"):
            self._pass_on(parts.path.removeprefix(API), parts.query)
        else:
            self._problem(HTTPStatus.NOT_FOUND, "there is nothing here")

    def _pass_on(self, path: str, query: str) -> None:
        asked: dict[str, list[str]] = {}
        for name, value in parse_qsl(query):
            asked.setdefault(name, []).append(value)
        try:
            found = self.server.client.send(Call[Any]("GET", path, query=asked))
        except TunedError as error:
            self._problem(HTTPStatus.BAD_GATEWAY, str(error))
        else:
            self._send(HTTPStatus.OK, "application/json", json.dumps(found).encode())

    def _problem(self, status: HTTPStatus, text: str) -> None:
        self._send(status, "application/json", json.dumps({"detail": text}).encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal shows the address."""
