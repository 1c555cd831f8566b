"""The checks of every request of the web page. Pure, so that each attack is a line in a test.

Owns them all: the machine's name in `Host`, where the page came from, the token, and the list of what is passed on.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from http import HTTPStatus

from tuned.core.names import API, STUDY

_PASSED = re.compile(
    rf"{API}/(?:status|studies|queue|metrics|studies/{STUDY}(?:/trials|/trial-numbers|/best-so-far|/trends)?)"
)
"""Requests that are passed on to the daemon, all of them reads."""


class Guard:
    """The rules of one server.

    Args:
        port: Where it listens on the loopback interface.
        token: Asked of every reader.
    """

    def __init__(self, port: int, token: str) -> None:
        self.hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        self.token = token

    def refusal(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[HTTPStatus, str] | None:
        """Why a request is refused, or None.

        Args:
            method: Of the request.
            path: Without its query.
            headers: By their names in small letters.
        """
        if headers.get("host", "") not in self.hosts:
            # A page that has its own name point here reaches the socket, but not past this.
            return HTTPStatus.MISDIRECTED_REQUEST, "this server answers to 127.0.0.1 and localhost alone"
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self.hosts:
            return HTTPStatus.FORBIDDEN, "another page asked"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return HTTPStatus.FORBIDDEN, "another page asked"
        if method not in ("GET", "HEAD"):
            return HTTPStatus.METHOD_NOT_ALLOWED, "this page only reads; to act, use tunectl"
        if path.startswith(f"{API}/"):
            scheme, _, given = headers.get("authorization", "").partition(" ")
            if scheme != "Bearer" or not hmac.compare_digest(given.encode(), self.token.encode()):
                return HTTPStatus.UNAUTHORIZED, "open the address that tunectl web printed"
            if _PASSED.fullmatch(path) is None or ".." in path:
                return HTTPStatus.NOT_FOUND, "there is nothing here"
        return None
