"""A lab whose trials run on a Slurm cluster: the daemon is told of it by a `config.toml` of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.crash.lab import Lab
from tests.places.cluster import Cluster

RETRIES = {"lost": 2}


class PlacedLab(Lab):
    """A lab on a cluster."""

    def __init__(self, folder: Path, cluster: Cluster, slots: int = 4, options: tuple[str, ...] = ()) -> None:
        super().__init__(folder)
        self.cluster = cluster
        self.shared = folder / "shared"
        self.shared.mkdir()
        self.config = folder / "config"
        self.configure(slots=slots, options=list(options))

    def configure(self, **over: Any) -> None:
        """Write `config.toml`, with other keys of the place."""
        keys = {
            "engine": "slurm",
            "folder": str(self.shared),
            "python": sys.executable,
            "sees": [str(self.base)],
            **over,
        }
        environment = ", ".join(f"{name} = {json.dumps(value)}" for name, value in self.cluster.environment.items())
        lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        target = self.config / "tuned-hpo" / "config.toml"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join(["[place.lab]", *lines, f"environment = {{ {environment} }}", ""]))

    def _armed_environment(self) -> dict[str, str]:
        return {**super()._armed_environment(), "XDG_CONFIG_HOME": str(self.config)}

    def study(self, name: str | None = None, *, hold: bool = False, **over: Any) -> str:
        run = {"script": "train.py", "retries": RETRIES, "grace": "5s", "place": "lab", **over.pop("run", {})}
        return super().study(name, hold=hold, run=run, **over)

    def jobs(self) -> list[str]:
        """`STATE NAME` of every job that the engine remembers."""
        return self.cluster.run("squeue", "-h", "-t", "all", "-o", "%T %j").splitlines()

    def begun(self) -> int:
        """How many attempts have begun, by their own word."""
        return self.journal.read_text().count("begin") if self.journal.exists() else 0

    def number_of(self, name: str, number: int) -> str:
        """The engine's number of a trial's job that lives."""
        attempt = self.daemon.get(f"/v1/studies/{name}/trials/{number}")["attempts"][-1]["attempt_id"]
        found = self.cluster.run("squeue", "-h", "-o", "%i %j").splitlines()
        return next(line.split()[0] for line in found if line.endswith(attempt))

    def close(self) -> None:
        super().close()
        self.cluster.clear()
