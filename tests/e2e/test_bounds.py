"""What clients may ask of the daemon's memory and time, and that each bound answers in one line."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from pathlib import Path

from tests.e2e.conftest import DEADLINE_S, DaemonProcess, wait_until
from tuned.daemon.http import bounds


def connect(daemon: DaemonProcess) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(DEADLINE_S)
    connection.connect(daemon.socket)
    return connection


def answer(connection: socket.socket) -> tuple[int, dict[str, str]]:
    reply = http.client.HTTPResponse(connection)
    reply.begin()
    return reply.status, json.loads(reply.read())


def test_bodies_and_connections_are_bounded(daemon: DaemonProcess) -> None:
    daemon.start()
    before = daemon.get("/v1/status")["rss_bytes"]
    with connect(daemon) as large:
        large.sendall(b"POST /v1/studies HTTP/1.1\r\nhost: tuned\r\ncontent-length: 600000000\r\n\r\n{")
        status, problem = answer(large)
    assert (status, problem["detail"]) == (413, "the body is larger than 32 MiB")
    assert problem["hint"]
    with connect(daemon) as chunked:
        chunked.sendall(b"POST /v1/studies HTTP/1.1\r\nhost: tuned\r\ntransfer-encoding: chunked\r\n\r\n")
        piece = b"100000\r\n" + b"x" * 2**20 + b"\r\n"
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(80):
                chunked.sendall(piece)
        status, problem = answer(chunked)
    assert (status, problem["detail"], problem["hint"]) == (413, "the body is larger than 32 MiB", bounds.IN_PARTS)
    assert daemon.get("/v1/status")["rss_bytes"] < before + 200 * 2**20
    idle = [connect(daemon) for _ in range(bounds.MOST_CONNECTIONS)]
    wait_until(lambda: _crowded(daemon), "one too many is told")
    for connection in idle:
        connection.close()
    wait_until(lambda: not _crowded(daemon), "there is room")
    assert daemon.get("/v1/status")["pid"] == daemon.process.pid  # type: ignore[union-attr]


def _crowded(daemon: DaemonProcess) -> bool:
    with connect(daemon) as one:
        one.sendall(b"GET /v1/status HTTP/1.1\r\nhost: tuned\r\n\r\n")
        status, body = answer(one)
    if status == 503:
        assert "connections are open" in body["detail"] and body["hint"]
    return status == 503


def test_a_stop_finishes_what_is_being_answered_and_refuses_the_rest(daemon: DaemonProcess, tmp_path: Path) -> None:
    point = tmp_path / "window"
    (tmp_path / "armed").write_text(f"submit.committed=delay:{point}")
    daemon.start(TUNED_FAILPOINTS=f"@{tmp_path / 'armed'}")
    kept = connect(daemon)
    kept.sendall(b"GET /v1/status HTTP/1.1\r\nhost: tuned\r\n\r\n")
    assert answer(kept)[0] == 200
    study = {"name": "one", "run": {"command": ["true"]}, "search": {"trials": 1}, "space": {}}
    got: list[object] = []

    def submit() -> None:
        try:
            got.append(daemon.submit(study, tmp_path))
        except Exception as error:  # noqa: BLE001 - it is looked at below
            got.append(error)

    asking = threading.Thread(target=submit)
    asking.start()
    wait_until(point.exists, "it is in the middle")
    assert daemon.process is not None
    daemon.process.terminate()
    time.sleep(0.2)  # the signal is behind what the daemon stands in
    point.unlink()
    asking.join(DEADLINE_S)
    daemon.process.wait(DEADLINE_S)
    kept.close()
    assert "bug" not in daemon.log().lower(), daemon.log()
    assert isinstance(got[0], dict) and got[0]["study"] == "one", got


def test_without_inotify_the_slow_poll_serves_and_says_so(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "faults").write_text("open inotify EMFILE\n")  # taking all instances would disturb other daemons
    daemon.start(TUNED_FAULTS=str(tmp_path / "faults"))
    notes = daemon.get("/v1/status")["notes"]
    assert any("inotify" in note and "5 s" in note for note in notes)
    daemon.submit({"name": "one", "run": {"command": ["true"]}, "space": {}, "search": {"trials": 1}}, tmp_path)
    daemon.wait_ended("one")
    (tmp_path / "faults").write_text("")
    daemon.submit({"name": "two", "run": {"command": ["true"]}, "space": {}, "search": {"trials": 1}}, tmp_path)
    daemon.wait_ended("two")
    assert not any("inotify" in note for note in daemon.get("/v1/status")["notes"])


def test_a_bundle_that_was_removed_is_made_anew(daemon: DaemonProcess, tmp_path: Path) -> None:
    import shutil

    (tmp_path / "train.py").write_text("import tuned\ntuned.current_trial().report(loss=1.0)\n")
    daemon.start()
    study = {
        "run": {"script": "train.py", "preload": []},
        "space": {"x": {"type": "fixed", "value": 1}},
        "objective": {"metric": "loss", "direction": "minimize"},
        "search": {"trials": 1},
    }
    for name in ("before", "after"):
        daemon.submit({**study, "name": name}, tmp_path)
        daemon.wait_ended(name)
        assert daemon.study(name)["counts"] == {"completed": 1}, name
        shutil.rmtree(daemon.home / "bundles")


def test_a_long_log_is_cut_when_its_trial_has_ended(daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon.start()
    run = {"command": ["head", "-c", str(100 * 2**20), "/dev/zero"]}
    daemon.submit({"name": "one", "run": run, "space": {}, "search": {"trials": 1}}, tmp_path)
    daemon.wait_ended("one")
    log = daemon.home / "runs" / "one" / "1" / "1" / "output.log"
    assert log.stat().st_size == 100 * 2**20
    assert log.stat().st_blocks * 512 < 64 * 2**20
