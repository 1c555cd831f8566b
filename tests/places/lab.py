"""Labs whose trials run in a place: the daemon is told of it by a `config.toml` of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.crash.lab import Lab
from tests.places.cluster import Cluster

RETRIES = {"lost": 2}


class AnyPlacedLab(Lab):
    """A lab whose place is described by keys."""

    def __init__(self, folder: Path, keys: dict[str, Any]) -> None:
        super().__init__(folder)
        self.shared = folder / "shared"
        self.shared.mkdir()
        self.config = folder / "config"
        self._keys = keys
        self.configure()

    def configure(self, **over: Any) -> None:
        """Write `config.toml`, with other keys of the place."""
        keys = {
            "folder": str(self.shared),
            "python": sys.executable,
            "sees": [str(self.base)],
            **self._keys,
            **over,
        }
        lines = [f"{key} = {_toml(value)}" for key, value in keys.items()]
        target = self.config / "tuned-hpo" / "config.toml"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join(["[place.lab]", *lines, ""]))

    def _armed_environment(self) -> dict[str, str]:
        return {**super()._armed_environment(), "XDG_CONFIG_HOME": str(self.config)}

    def study(self, name: str | None = None, *, hold: bool = False, **over: Any) -> str:
        run = {"script": "train.py", "retries": RETRIES, "grace": "5s", "place": "lab", **over.pop("run", {})}
        return super().study(name, hold=hold, run=run, **over)

    def begun(self) -> int:
        """How many attempts have begun, by their own word."""
        return self.journal.read_text().count("begin") if self.journal.exists() else 0

    def attempt_of(self, name: str, number: int) -> str:
        """The id of a trial's last attempt."""
        return str(self.daemon.get(f"/v1/studies/{name}/trials/{number}")["attempts"][-1]["attempt_id"])

    def name_of(self, name: str, number: int) -> str:
        """The name by which the engine knows a trial's last attempt."""
        return f"tuned-{self.attempt_of(name, number)}"


class PlacedLab(AnyPlacedLab):
    """A lab on a Slurm cluster."""

    def __init__(self, folder: Path, cluster: Cluster, slots: int = 4, options: tuple[str, ...] = ()) -> None:
        self.cluster = cluster
        keys = {"engine": "slurm", "slots": slots, "options": [*options], "environment": cluster.environment}
        super().__init__(folder, keys)

    def jobs(self) -> list[str]:
        """The name of every job that the engine remembers."""
        lines = self.cluster.run("squeue", "-h", "-t", "all", "-o", "%i %j").splitlines()
        return [line.split()[1] for line in lines]

    def number_of(self, name: str, number: int) -> str:
        """The engine's number of a trial's job that lives."""
        attempt = self.attempt_of(name, number)
        found = self.cluster.run("squeue", "-h", "-o", "%i %j").splitlines()
        return next(line.split()[0] for line in found if line.endswith(attempt))

    def close(self) -> None:
        super().close()
        self.cluster.clear()


class RayLab(AnyPlacedLab):
    """A lab on a Ray cluster, of which the address is all that is known."""

    def __init__(self, folder: Path, address: str, **keys: Any) -> None:
        super().__init__(folder, {"engine": "ray", "address": address, "slots": 4, **keys})


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + " }"
    return json.dumps(value)
