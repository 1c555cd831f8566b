"""`enqueue` with products, seeds and likenesses, through the command line's way and a script's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

STUDY: dict[str, Any] = {
    "name": "own",
    "run": {"command": ["true", "{lr}", "{act}"]},
    "space": {"lr": {"type": "float", "low": 0.0, "high": 1.0}, "act": ["relu", "tanh"]},
    "objective": {"metric": "loss", "direction": "minimize"},
    "metrics": {"patterns": [r"(?P<loss>\d+)"]},
    "search": {"method": "sobol", "trials": 1},
}


def test_products_seeds_and_likeness(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    shared_daemon.submit(STUDY, tmp_path)
    shared_daemon.post("/v1/pause", {"targets": ["own"]})

    def enqueue(**body: Any) -> list[Any]:
        numbers = shared_daemon.post("/v1/studies/own/enqueue", {"points": [], **body})["trials"]
        return [shared_daemon.get(f"/v1/studies/own/trials/{n}")["trial"] for n in numbers]

    product = enqueue(points=[{"lr": [0.1, 0.2], "act": ["relu", "tanh"]}])
    assert [(t["params"]["lr"], t["params"]["act"]) for t in product] == [
        (0.1, "relu"), (0.1, "tanh"), (0.2, "relu"), (0.2, "tanh"),
    ]  # fmt: skip
    seeds = enqueue(points=[{"act": "tanh"}], seeds=3)
    assert len({t["params"]["lr"] for t in seeds}) == 1, "what is left open is chosen once"
    assert len({t["seed"] for t in seeds}) == 3
    assert [t["why"] for t in seeds] == [f"enqueued by you, seed {i} of 3" for i in (1, 2, 3)]
    first = product[0]["number"]
    (alike,) = enqueue(points=[{"lr": 0.7}], like=f"own/{first}")
    assert alike["params"] == {"lr": 0.7, "act": "relu"}
    assert alike["why"] == f"enqueued by you, like own/{first}"
    with pytest.raises(Exception, match="names no single trial"):
        enqueue(like="own/queued")
    before = len(shared_daemon.trials("own"))
    with pytest.raises(Exception, match="no point was given"):
        enqueue()
    with pytest.raises(Exception, match=r"space\.lr"):
        enqueue(points=[{"lr": [0.5, 2.0]}])
    assert len(shared_daemon.trials("own")) == before, "all or none"
