"""By hand: what 64 running trials and 1,000 queued ones on a Slurm cluster cost the daemon.

`python -m tests.places.scale [SECONDS]` prints CPU seconds and calls of the engine a minute, once all slots run.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.e2e.conftest import wait_until
from tests.places.cluster import Cluster, missing
from tests.places.lab import PlacedLab

RUNNING, TRIALS = 64, 1064


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has taken, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def figures(lab: PlacedLab) -> dict[str, Any]:
    assert lab.daemon.process is not None
    status = lab.daemon.get("/v1/status")
    [place] = status["places"]
    return {"at": time.monotonic(), "cpu": cpu_s(lab.daemon.process.pid), "rss": status["rss_bytes"], **place["calls"]}


def main(seconds: float) -> None:
    """Measure, and print one line of JSON."""
    folder = Path(tempfile.mkdtemp(prefix="tuned-scale-"))
    with Cluster(cpus=RUNNING // 2) as cluster:
        lab = PlacedLab(folder, cluster, slots=RUNNING)
        try:
            lab.start()
            lab.content = {
                "name": "many",
                "run": {"command": ["sh", "-c", "sleep 3600 # {x}"], "place": "lab"},
                "objective": {"metric": "loss", "direction": "minimize"},
                "space": {"x": {"type": "int", "low": 1, "high": 10_000_000}},
                "search": {"method": "random", "trials": TRIALS, "seed": 1},
            }
            lab.send()
            lab.daemon.post("/v1/studies/many/enqueue", {"points": [{"x": i} for i in range(1, TRIALS)]})
            wait_until(lambda: lab.daemon.study("many")["counts"].get("running", 0) >= RUNNING, "all slots run", 900)
            time.sleep(15)
            first = figures(lab)
            time.sleep(seconds)
            last = figures(lab)
            minutes = (last["at"] - first["at"]) / 60
            calls = {name: round((last[name] - first[name]) / minutes, 1) for name in ("looks", "submits", "stops")}
            print(
                json.dumps(
                    {
                        "counts": lab.daemon.study("many")["counts"],
                        "cpu_s_a_minute": round((last["cpu"] - first["cpu"]) / minutes, 2),
                        "cpu_s_until_then": round(first["cpu"], 1),
                        "submits_until_then": first["submits"],
                        "looks_until_then": first["looks"],
                        "rss_mb": round(last["rss"] / 2**20),
                        "calls_a_minute": calls,
                    }
                )
            )
        except BaseException:
            print(lab.daemon.log()[-3000:])
            raise
        finally:
            lab.daemon.stop()
            lab.close()


if __name__ == "__main__":
    why = missing()
    if why:
        sys.exit(why)
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 120.0)
