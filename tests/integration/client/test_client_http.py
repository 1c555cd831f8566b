"""The blocking client against a real socket: what it sends, what it reads, how refusals arrive."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tuned.client import api
from tuned.client.http import Client
from tuned.client.problems import DaemonEnded, EventsGone, NoDaemon
from tuned.core.errors import Conflict, InvalidInput, NotFound, NotYet, Unavailable
from tuned.wire import BestRow, Enqueue, StudyRow


def refuse(status: int, **fields: Any) -> Any:
    return lambda request: (status, {"title": "X", "status": status, **fields})


def test_rows_arrive_as_nested_dataclasses(daemon: Any) -> None:
    daemon.routes["GET /v1/studies"][0] |= {"colour_of_a_newer_daemon": "red"}
    (row,) = Client(daemon.socket).send(api.studies())
    assert isinstance(row, StudyRow)
    assert row.best == BestRow(2, {"lr": 0.01}, {"val_loss": 0.25})
    assert row.objective is not None
    assert row.objective.direction == "minimize"


def test_a_missing_field_is_an_error_of_the_daemon_not_a_crash(daemon: Any) -> None:
    daemon.routes["GET /v1/status"] = {"pid": 1}
    with pytest.raises(Unavailable, match="another shape than DaemonStatus"):
        Client(daemon.socket).send(api.status())


def test_query_leaves_out_none_repeats_lists_and_quotes_names(daemon: Any) -> None:
    daemon.routes["GET /v1/studies/a%3Fb%20c/trials"] = []
    Client(daemon.socket).send(api.trials("a?b c", state=["running", "queued"], descending=True))
    (request,) = daemon.seen
    assert request.query == [("state", "running"), ("state", "queued"), ("descending", "true")]


def test_bodies_are_the_wire_dataclasses_fields_that_say_something(daemon: Any) -> None:
    daemon.routes["POST /v1/studies/digits/enqueue"] = {"trials": [4, 5]}
    enqueued = Client(daemon.socket).send(api.enqueue("digits", Enqueue([{"lr": 0.1}, {}], 3)))
    assert enqueued.trials == [4, 5]
    assert daemon.seen[0].body == {"points": [{"lr": 0.1}, {}], "priority": 3}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidInput),
        (404, NotFound),
        (409, Conflict),
        (410, EventsGone),
        (422, InvalidInput),
        (503, Unavailable),
        (500, Unavailable),
    ],
)
def test_refusals_keep_what_where_and_hint(daemon: Any, status: int, kind: type[Exception]) -> None:
    daemon.routes["POST /v1/pause"] = refuse(status, detail="it is so", where="digits", hint="do that")
    with pytest.raises(kind) as caught:
        Client(daemon.socket).send(api.act("pause", ["digits"]))
    assert type(caught.value) is kind
    assert str(caught.value) == "digits: it is so (do that)"


def test_not_yet_is_told_from_other_invalid_input(daemon: Any) -> None:
    daemon.routes["POST /v1/pause"] = lambda request: (400, {"title": "NotYet", "status": 400, "detail": "later"})
    with pytest.raises(NotYet):
        Client(daemon.socket).send(api.act("pause", ["digits"]))


def test_an_error_page_that_is_no_problem_document_names_the_log(daemon: Any) -> None:
    daemon.raw = b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\nConnection: close\r\n\r\nOops"
    with pytest.raises(Unavailable, match=r"HTTP status 500.*daemon logs"):
        Client(daemon.socket).send(api.status())


def test_no_socket_and_a_dead_socket_both_mean_no_daemon(tmp_path: Path) -> None:
    dead = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(dead))
    for path in (tmp_path / "none.sock", dead):
        with pytest.raises(NoDaemon, match="start one with: tunectl daemon start") as caught:
            Client(path).send(api.status())
        assert not isinstance(caught.value, DaemonEnded)


def test_a_daemon_that_dies_in_the_middle_is_told_apart(daemon: Any) -> None:
    daemon.raw = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"
    with pytest.raises(DaemonEnded):
        Client(daemon.socket).send(api.status())
    daemon.raw = b""
    with pytest.raises(DaemonEnded):
        Client(daemon.socket).send(api.status())


def test_an_answer_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "deaf.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(Unavailable, match="did not answer within"):
            Client(path, timeout=0.05).send(api.status())
