"""The engine for Ray against a head on loopback: tokens, an open head, taken names, and what is no answer."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import DEADLINE_S, wait_until
from tests.places.fake_ray import FakeRay
from tuned.core.places import Place
from tuned.places.interface import Refused, Silent, Stage, Submission, Why, by_name
from tuned.places.ray_jobs import RayJobs

SLEEP = Submission("tuned-x", ("/bin/sh", "-c", "echo hello; exec sleep 60"), "", 1, 0, 5)


def engine(address: str, token: str = "") -> RayJobs:
    return RayJobs(Place("lab", "ray", "/shared", address, token=token))


def elsewhere(head: FakeRay) -> str:
    """Its address by a name that is no loopback's, and leads there all the same."""
    return head.address.replace("127.0.0.1", "0.0.0.0")


async def reached(ray: RayJobs, name: str, stage: Stage) -> None:
    end = time.monotonic() + DEADLINE_S
    while (job := by_name(await ray.list()).get(name)) is None or job.stage is not stage:
        assert time.monotonic() < end, f"it stays {job}"


async def test_a_submission_is_taken_once_and_ends_as_it_is_told(tmp_path: Path) -> None:
    with FakeRay(tmp_path) as head:
        ray = engine(head.address)
        assert await ray.submit(SLEEP) == await ray.submit(SLEEP) == "tuned-x"
        await reached(ray, "tuned-x", Stage.RUNNING)
        await ray.stop(["tuned-x"])
        assert head.asked.stops == [], "a supervisor looks by itself"
        await ray.kill(["tuned-x", "tuned-never"])
        await reached(ray, "tuned-x", Stage.ENDED)
        assert by_name(await ray.list())["tuned-x"].why is Why.CANCELLED
        assert (await ray.engine_log("tuned-x", "")).strip() == "hello"
        await ray.forget(["tuned-x", "tuned-never"])
        assert await ray.list() == []


async def test_one_that_waits_counts_as_ended_once_it_is_told(tmp_path: Path) -> None:
    with FakeRay(tmp_path, cpus=0) as head:
        ray = engine(head.address)
        await ray.submit(SLEEP)
        await ray.stop(["tuned-x"])
        [job] = await ray.list()
        assert (job.stage, job.why, head.asked.stops) == (Stage.ENDED, Why.CANCELLED, ["tuned-x"])
        head.cpus = 1
        wait_until(lambda: head.jobs["tuned-x"].status == "STOPPED", "it ends as it begins")


async def test_a_token_is_sent_from_its_file_and_asked_for(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("abc\n")
    with FakeRay(tmp_path, token="abc") as head:
        assert (await engine(head.address, str(token)).probe()).engine == "ray 2.60.0"
        with pytest.raises(Silent, match="its head asks for a token"):
            await engine(head.address).list()
        token.write_text("abd")
        with pytest.raises(Silent, match="the token is refused"):
            await engine(head.address, str(token)).submit(SLEEP)
        token.write_text("two words")
        with pytest.raises(Silent, match="it holds no token") as refused:
            await engine(head.address, str(token)).list()
        assert "words" not in str(refused.value)
        token.unlink()
        with pytest.raises(Silent, match="the token cannot be read"):
            await engine(head.address, str(token)).list()
        assert head.jobs == {}


async def test_an_open_head_on_a_network_is_refused(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("abc")
    with FakeRay(tmp_path) as head:
        with pytest.raises(Refused, match="asks for no token: whoever reaches") as refused:
            await engine(elsewhere(head), str(token)).probe()
        assert "RAY_AUTH_MODE=token" in (refused.value.hint or "")
    with FakeRay(tmp_path, token="abc") as head:
        assert (await engine(elsewhere(head), str(token)).probe()).nodes == 1


async def test_what_is_no_answer_is_silence(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(Silent, match="cannot be reached"):
            await engine(address).submit(SLEEP)
    with FakeRay(tmp_path) as head:
        with pytest.raises(Silent, match="not found"):
            await engine(f"{head.address}/elsewhere").list()
        head.silent = True
        with pytest.raises(Silent, match="127"):
            await engine(head.address).list()
