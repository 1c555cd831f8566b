"""Whatever a client sends, the daemon answers with a refusal and never with a failure of its own (5xx).

Requests are generated from the daemon's own OpenAPI document, valid and invalid ones.
"""

from __future__ import annotations

import http.client
import json
import socket
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

LEFT_OUT = {"/v1/stop", "/v1/events", "/v1/gc"}
"""What ends the daemon, what never ends, and what removes files."""

EXAMPLES = 12
STUDY = {
    "name": "s",
    "run": {"command": ["true", "{x}"]},
    "metrics": {"patterns": ["(?P<loss>x)"]},
    "objective": {"metric": "loss", "direction": "minimize"},
    "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
    "search": {"method": "sobol", "trials": 2},
}


def send(path: str, case: Any) -> tuple[int, bytes]:
    """One generated request over the socket."""
    parts = {name: quote(str(value), safe="") for name, value in (case.path_parameters or {}).items()}
    target = case.path.format(**parts)
    query = {k: v for k, v in (case.query or {}).items() if v is not None}
    if query:
        target += "?" + urlencode(query, doseq=True)
    body = None if type(case.body).__name__ == "NotSet" else json.dumps(case.body).encode()
    connection = http.client.HTTPConnection("tuned", timeout=30)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(30)
    connection.sock.connect(path)
    try:
        connection.request(case.method, target, body, {"Content-Type": "application/json", "Connection": "close"})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def test_no_request_makes_the_daemon_fail(daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon.start()
    daemon.submit(STUDY, tmp_path)
    document = daemon.get("/openapi.json")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schema = schemathesis.openapi.from_dict(document)
        operations = [found.ok() for found in schema.get_all_operations()]
    tried = [operation for operation in operations if operation.path not in LEFT_OUT]
    assert len(tried) > 15
    for operation in tried:
        _try(daemon, operation)
    assert daemon.get("/v1/status")["studies"] >= 0
    assert "this is a bug" not in daemon.log()


def _try(daemon: DaemonProcess, operation: Any) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        try:
            status, body = send(daemon.socket, case)
        except (UnicodeEncodeError, ValueError, http.client.InvalidURL):
            return  # nothing that can be written into a request line
        assert status < 500, f"{case.method} {case.path}: {status} {body[:500]!r}\n{daemon.log()[-3000:]}"

    check()
