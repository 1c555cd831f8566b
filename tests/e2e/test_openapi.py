"""Whatever a client sends, the daemon answers with a refusal and never with a failure of its own (5xx).

Requests are generated from the daemon's own OpenAPI document, such as it allows and such as it refuses, and some of
them are aimed at what is there.
"""

from __future__ import annotations

import http.client
import json
import socket
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from tests.e2e.conftest import DaemonProcess
from tests.patience import DEADLINE_S
from tuned.daemon.api import make_api

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis import GenerationMode

pytestmark = pytest.mark.e2e

LEFT_OUT = {"/v1/stop"}
"""It would end the daemon, as it should."""

EXAMPLES = 12
STUDY = {
    "name": "quad",
    "run": {"script": "train.py"},
    "objective": {"metric": "loss", "direction": "minimize"},
    "space": {"x": {"type": "float", "low": 0.0, "high": 5.0}},
    "search": {"method": "sobol", "trials": 3, "parallel": 1},
}
TARGETS = ["quad", "quad/1", "quad/1-3", "quad/best", "quad/running", "quad/99", "none/1", "quad/", "/", "quad/x", "é"]
UNAVAILABLE = 503


def document() -> dict[str, Any]:
    """The document without a daemon: it depends on the routes alone."""
    return make_api(None).openapi()  # type: ignore[arg-type]


def operations() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schema = schemathesis.openapi.from_dict(document())
        found = [result.ok() for result in schema.get_all_operations()]
    return [operation for operation in found if operation.path not in LEFT_OUT]


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A daemon that has run a study."""
    folder = tmp_path_factory.mktemp("openapi")
    (folder / "train.py").write_text("import tuned\nt = tuned.current_trial()\nt.report(loss=t.params['x'])\n")
    process = DaemonProcess(folder / "home")
    try:
        process.start()
        process.submit(STUDY, folder)
        process.wait_ended("quad")
        yield process
    finally:
        process.end_everything()


def send(path: str, request: requests.PreparedRequest) -> tuple[int, bytes]:
    """One request over the socket; of an endless reply the head alone."""
    connection = http.client.HTTPConnection("tuned", timeout=DEADLINE_S)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(DEADLINE_S)
    try:
        connection.sock.connect(path)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
        connection.request(request.method or "GET", request.path_url, request.body, {**headers, "Connection": "close"})
        reply = connection.getresponse()
        endless = reply.getheader("Content-Type", "").startswith("text/event-stream")
        return reply.status, b"" if endless else reply.read()
    finally:
        connection.close()


def aim(case: Any, data: st.DataObject) -> None:
    """Have the request meet something that is there, now and then: random names never would."""
    if case.method.upper() == "DELETE":
        return
    if "name" in case.path_parameters and data.draw(st.booleans()):
        case.path_parameters["name"] = "quad"
    if "number" in case.path_parameters and data.draw(st.booleans()):
        case.path_parameters["number"] = data.draw(st.integers(1, 4))
    if isinstance(case.body, dict) and "targets" in case.body and data.draw(st.booleans()):
        case.body["targets"] = data.draw(st.lists(st.sampled_from(TARGETS), max_size=3))
    if case.query and "target" in case.query and data.draw(st.booleans()):
        case.query["target"] = data.draw(st.sampled_from(TARGETS))


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "refused"])
@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.label)
def test_no_request_makes_the_daemon_fail(used: DaemonProcess, operation: Any, mode: GenerationMode) -> None:
    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def attack(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        aim(case, data)
        request = requests.Request(**case.as_transport_kwargs(base_url="http://tuned")).prepare()
        status, body = send(used.socket, request)
        shown = f"{request.method} {request.path_url} {request.body!r}: {status} {body[:500]!r}"
        assert status < 500 or status == UNAVAILABLE, f"{shown}\n{used.log()[-3000:]}"
        if status >= 400:
            problem = json.loads(body)
            assert problem["status"] == status, shown
            assert problem["detail"], shown
            assert "Traceback" not in problem["detail"], shown

    try:
        attack()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE
        pytest.skip("nothing of it can be wrong")


def test_the_daemon_is_well_after_all_that(used: DaemonProcess) -> None:
    assert used.process is not None
    assert used.get("/v1/status")["pid"] == used.process.pid
    assert used.study("quad")["counts"]["completed"] >= 3
    assert "this is a bug" not in used.log()


def test_the_document_that_was_tried_is_the_one_that_is_served(used: DaemonProcess) -> None:
    assert used.get("/openapi.json") == document()
    assert len(operations()) > 15
