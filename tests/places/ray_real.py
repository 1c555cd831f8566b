"""By hand, `make places-ray`: trials on a real Ray cluster. Prints a line for each thing that was seen, with figures.

Owns the order of what is tried; the checks are those that `test_ray` makes against recorded answers.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.conftest import wait_until
from tests.places.lab import RayLab
from tests.places.ray_cluster import RayCluster

ONE = {"search": {"method": "sobol", "trials": 1, "seed": 1}}
CARD = {"resources": {"gpus": 1}}


def probe(lab: RayLab, cluster: RayCluster) -> dict[str, Any]:
    """`doctor`'s question, and a head that is asked without its token."""
    [row] = lab.daemon.post("/v1/places/probe", None)
    assert "read and answered within" in row["answer"], row
    assert (row["says"], row["nodes"], row["kinds"], row["trouble"]) == ("ray 2.60.0", 2, ["gpu:1"], ""), row
    wrong = cluster.folder / "wrong"
    wrong.write_text("0" * 64)
    lab.configure(token=str(wrong))
    [refused] = lab.daemon.post("/v1/places/probe", None)
    assert "the token is refused" in refused["trouble"], refused
    lab.configure()
    processes, size = cluster.memory
    return {"answer": row["answer"], "processes": processes, "resident_mb": round(size / 2**20)}


def twelve_trials_and_a_killed_daemon(lab: RayLab, cluster: RayCluster) -> dict[str, Any]:
    """The same study file here and there."""
    twelve = {"search": {"method": "sobol", "trials": 12, "parallel": 4, "seed": 1}}
    began = time.monotonic()
    there = lab.submit("there", **twelve)
    wait_until(lambda: lab.daemon.study(there)["counts"].get("running", 0) >= 1, "the first runs")
    first = time.monotonic() - began
    wait_until(lambda: lab.daemon.study(there)["counts"].get("completed", 0) >= 3, "three are done")
    lab.kill("daemon")
    lab.restart()
    lab.wait_at_rest(there)
    seconds = time.monotonic() - began
    here = lab.submit("here", **twelve, run={"place": "", "start": "cold"})
    lab.wait_at_rest(here)
    both = [lab.daemon.study(name) for name in (here, there)]
    assert [study["counts"] for study in both] == [{"completed": 12}] * 2, both
    assert both[0]["best"]["values"] == both[1]["best"]["values"]
    words = [line.split() for line in lab.journal.read_text().splitlines()]
    begun = Counter(attempt for word, attempt, _ in words if word == "begin")
    assert len(begun) == 24, "a trial ran in two attempts"
    assert set(begun.values()) == {1}, "an attempt ran twice"
    return {"first_runs_after_s": round(first, 1), "seconds": round(seconds), "best": both[1]["best"]["values"]}


def a_pause(lab: RayLab, cluster: RayCluster) -> dict[str, Any]:
    """It leaves the trial its grace."""
    name = lab.submit(hold=True, run=CARD, **ONE)
    lab.daemon.wait_state(name, 1, "running")
    start = json.loads((lab.home / f"runs/{name}/1/1/start.json").read_text())
    environment = Path(f"/proc/{start['pid']}/environ").read_bytes().split(b"\0")
    [cards] = [one.decode() for one in environment if one.startswith(b"CUDA_VISIBLE_DEVICES=")]
    asked = time.monotonic()
    lab.daemon.post("/v1/pause", {"targets": [f"{name}/1"], "level": "restart"})
    lab.daemon.wait_state(name, 1, "paused")
    seconds = time.monotonic() - asked
    record = json.loads((lab.home / f"runs/{name}/1/1/exit.json").read_text())
    assert (record["code"], record["signal"]) == (0, None), record
    lab.release(name)
    lab.daemon.post("/v1/resume", {"targets": [f"{name}/1"]})
    lab.wait_at_rest(name)
    assert lab.daemon.trials(name)[0]["state"] == "completed"
    return {"paused_after_s": round(seconds, 1), "cards": cards}


def a_full_cluster(lab: RayLab, cluster: RayCluster) -> dict[str, Any]:
    """A trial that waits for a card says so, and never begins once it is cancelled."""
    name = lab.submit(hold=True, run=CARD, search={"method": "sobol", "trials": 3, "parallel": 3, "seed": 1})

    def waiting() -> list[dict[str, Any]]:
        rows = lab.daemon.trials(name)
        return [row for row in rows if "waits there" in row["waits_for"]] if running(rows) == 2 else []

    [row] = wait_until(waiting, "one of them waits for a card")
    number, asked = row["number"], time.monotonic()
    attempt = lab.attempt_of(name, number)
    lab.daemon.post("/v1/cancel", {"targets": [f"{name}/{number}"]})
    lab.daemon.wait_state(name, number, "cancelled")
    seconds = time.monotonic() - asked
    lab.release(name)
    lab.wait_at_rest(name)
    time.sleep(30)
    assert attempt not in lab.journal.read_text(), "the cancelled one has begun"
    return {"waits_for": row["waits_for"], "cancelled_after_s": round(seconds, 1)}


def running(rows: list[dict[str, Any]]) -> int:
    """How many of these trials run."""
    return sum(row["state"] == "running" for row in rows)


def a_killed_raylet(lab: RayLab, cluster: RayCluster) -> dict[str, Any]:
    """Its trial runs again on the other, and the two never at a time."""
    name = lab.submit(hold=True, run=CARD, search={"method": "sobol", "trials": 2, "parallel": 2, "seed": 1})
    wait_until(lambda: running(lab.daemon.trials(name)) == 2, "both run, on a card each")
    killed = time.monotonic()
    cluster.kill_second()
    [number] = wait_until(
        lambda: [row["number"] for row in lab.daemon.trials(name) if row["attempt"] == 2], "one of them begins again"
    )
    seconds = time.monotonic() - killed
    cluster.end("second")
    cluster.start_second()
    lab.release(name)
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 2}
    reason = lab.daemon.get(f"/v1/studies/{name}/trials/{number}")["attempts"][0]["reason"]
    assert "lost its node" in reason, reason
    return {"begun_again_after_s": round(seconds, 1), "reason": reason}


STEPS: tuple[Callable[[RayLab, RayCluster], dict[str, Any]], ...] = (
    probe,
    twelve_trials_and_a_killed_daemon,
    a_pause,
    a_full_cluster,
    a_killed_raylet,
)


def main(program: str) -> None:
    """Try everything, and end what was started."""
    began = time.monotonic()
    with RayCluster(Path(program)) as cluster:
        print(json.dumps({"two_raylets_after_s": round(time.monotonic() - began)}), flush=True)
        lab = RayLab(Path(tempfile.mkdtemp(prefix="tuned-places-ray-")), cluster.address, token=str(cluster.token))
        try:
            lab.start()
            for step in STEPS:
                print(json.dumps({step.__name__: step(lab, cluster)}), flush=True)
            lab.invariants.check(at_rest=True)
        except BaseException:
            print(lab.daemon.log()[-3000:])
            raise
        finally:
            lab.daemon.stop()
            lab.close()


if __name__ == "__main__":
    main(sys.argv[1])
