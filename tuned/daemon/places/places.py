"""The configured places: their stations, their free slots, and what a study must bring along to run there.

Owns reading `[place]` of `config.toml`, and the loop of looks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tuned.core.errors import InvalidInput, TunedError, Unavailable
from tuned.core.names import nearest
from tuned.core.places import Place, places_of
from tuned.core.study import StudySpec
from tuned.core.study_file.run_files import within
from tuned.daemon import failpoints
from tuned.daemon.files import placed
from tuned.daemon.places.probing import probe
from tuned.daemon.places.station import Station
from tuned.launch.bundle import make_bundle
from tuned.places.interface import Engine
from tuned.places.ray_jobs import RayJobs
from tuned.places.slurm import Slurm
from tuned.wire import PlaceRow

log = logging.getLogger(__name__)

_WHERE = "config.toml: place"
_FREE_BYTES = 2**30
"""Free in a place's folder, below which nothing is started there."""
_CONFIG_S = 2.0
"""How old what was read of `config.toml` may be."""
_ENGINES: Mapping[str, Callable[[Place], Engine]] = {"slurm": Slurm, "ray": RayJobs}


class Places:
    """All places.

    Args:
        settings: Reads `[place]` of `config.toml`.
        runs: Folder of the run directories.
        news: Wakes the scheduler.
    """

    def __init__(self, settings: Callable[[], Mapping[str, Any]], runs: Path, news: Callable[[], None]) -> None:
        self._settings = settings
        self._runs = runs
        self._news = news
        self._stations: dict[str, Station] = {}
        self._read_at = -_CONFIG_S
        self._known: dict[str, Place] = {}
        self._changed = asyncio.Event()
        self.trouble = ""

    def station(self, name: str) -> Station:
        """The station of a place, also of one that `config.toml` does not name any more: its trials wait then."""
        self._read()
        if name not in self._stations:
            lost = self._new(Place(name, "", ""))
            lost.silence = self.trouble or f"{_WHERE}.{name}: there is no such table any more (put it back)"
        return self._stations[name]

    def _new(self, place: Place) -> Station:
        station = Station(place, None, self._news, partial(self._root, place.name))
        station.changed = self._changed
        self._stations[place.name] = station
        return station

    def _read(self) -> None:
        """Take note of what `config.toml` says, at most every two seconds."""
        if time.monotonic() < self._read_at + _CONFIG_S:
            return
        self._read_at = time.monotonic()
        try:
            self._known = places_of(self._settings(), _WHERE, lambda path: str(Path(path).expanduser()))
            self.trouble = ""
        except (InvalidInput, RuntimeError) as error:
            if not self.trouble:
                log.warning("%s", error)
            self.trouble = str(error)
            return
        for name, place in self._known.items():
            station = self._stations.get(name) or self._new(place)
            if station.engine is None or station.place != place:
                station.become(place, _ENGINES[place.engine](place))

    @property
    def slots(self) -> int:
        """Slots of all places."""
        self._read()
        return sum(place.slots for place in self._known.values())

    def capacity(self, name: str) -> int:
        """Slots of one place; 0 where it is not known."""
        self._read()
        place = self._known.get(name)
        return place.slots if place else 0

    def free(self, held: Mapping[str, object]) -> dict[str, list[str]]:
        """Place -> its free slots; none where its engine does not answer, or its folder cannot take more.

        Args:
            held: Devices that are leased.
        """
        self._read()
        return {
            name: [] if self.waits(name) else [device for device in place.devices if device not in held]
            for name, place in self._known.items()
        }

    def waits(self, name: str) -> str:
        """Why nothing starts in a place, for people; empty when there is no reason."""
        self._read()
        if name not in self._known:
            return self.trouble or f"{_WHERE}.{name}: there is no such table (tunectl doctor lists the places)"
        return self._stations[name].trouble

    @property
    def notes(self) -> list[str]:
        """Faults of the table, and places where nothing can start; one line each."""
        troubles = [station.trouble for station in self._stations.values() if station.trouble]
        return list(dict.fromkeys([*([self.trouble] if self.trouble else []), *troubles]))

    def admit(self, spec: StudySpec) -> StudySpec:
        """The specification as it runs in its place. Touches the place's folder: call it in a thread.

        Raises:
            InvalidInput: There is no such place, or it would not see what the study needs.
            Unavailable: Its folder cannot be used.
        """
        name = spec.run.place
        self._read_at = -_CONFIG_S
        self._read()
        place = self._known.get(name)
        if place is None:
            if self.trouble:
                raise InvalidInput(self.trouble, where="run.place", hint="correct it, and submit again")
            known = nearest(name, tuple(self._known)) if self._known else f"write [place.{name}], see docs/places.md"
            raise InvalidInput(f"there is no place {name!r} in config.toml", where="run.place", hint=known)
        _refuse_unseen(spec, place)
        placed.prepare(place.folder, self._runs)
        run = spec.run
        if place.python:
            run = replace(run, python=place.python, python_why=f"[place.{name}] python")
        return replace(spec, run=replace(run, start="cold", preload=()))

    def settle(self, spec: StudySpec, name: str) -> Path:
        """Have the folder of a study of this name lie in the place of this specification. Blocks."""
        return placed.settle(self._runs, name, self.station(spec.run.place).place.folder)

    def home(self, name: str) -> Path:
        """The folder of a place that takes snapshots while they are made. Blocks."""
        return placed.prepare(self.station(name).place.folder, self._runs) / placed.RUNS

    def bundle(self, name: str) -> Path:
        """Our part of a trial's process, in the place's folder. Blocks.

        Raises:
            Unavailable: The folder cannot be used, or has too little room.
        """
        return Path(make_bundle(str(self._root(name) / placed.BUNDLES)))

    def _root(self, name: str) -> Path:
        """Our part of a place's folder, which can take more. Blocks."""
        folder = self.station(name).place.folder
        root = placed.prepare(folder, self._runs)
        if shutil.disk_usage(root).free < _FREE_BYTES:
            raise Unavailable(
                "less than 1 GB is free", where=folder, hint="make room there; tunectl gc lists what would go"
            )
        return root

    async def watch(self) -> None:
        """Look at each engine that is waited for, until cancelled."""
        while True:
            failpoints.reach("loop.places")
            self._changed.clear()
            waiting = [station for station in self._stations.values() if station.following]
            due = [station for station in waiting if station.due_in <= 0.0]
            if due:
                await asyncio.gather(*(station.look() for station in due))
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min((station.due_in for station in waiting), default=None)):
                    await self._changed.wait()

    async def probe(self) -> list[PlaceRow]:
        """Every place, asked now, with a job that reads what is written here.

        Raises:
            InvalidInput: `config.toml` is wrong.
        """
        self._read_at = -_CONFIG_S
        self._read()
        if self.trouble:
            raise InvalidInput(self.trouble)
        rows = []
        for row in self.rows({}):
            station = self._stations[row.name]
            if station.engine is None:
                rows.append(row)
                continue
            try:
                root = await asyncio.to_thread(self._root, row.name)
                seen = await station.engine.probe()
                row = replace(row, says=seen.engine, nodes=seen.nodes, kinds=list(seen.kinds), trouble="")
                rows.append(replace(row, answer=await probe(station.place, station.engine, root)))
            except TunedError as error:
                rows.append(replace(row, trouble=str(error)))
        return rows

    def rows(self, held: Mapping[str, str]) -> list[PlaceRow]:
        """Every place as it was seen last.

        Args:
            held: Device -> who holds it.
        """
        self._read()
        rows = []
        for name, place in self._known.items():
            station = self._stations[name]
            waiting, running = station.states()
            rows.append(
                PlaceRow(
                    name=name,
                    engine=place.engine,
                    folder=place.folder,
                    address=place.address,
                    slots=place.slots,
                    held=sum(device in held for device in place.devices),
                    waiting=waiting,
                    running=running,
                    trouble=station.trouble,
                    calls={
                        "looks": station.counts.looks,
                        "submits": station.counts.submits,
                        "stops": station.counts.stops,
                        "failures": station.counts.failures,
                    },
                )
            )
        return rows


def _refuse_unseen(spec: StudySpec, place: Place) -> None:
    """Refuse paths of a study that cannot be seen there; those that a snapshot copies can."""
    run = spec.run
    copied = run.tree if run.code == "snapshot" else ""
    named = [("run.cwd", run.cwd), ("run.script", run.script or "")]
    if not place.python and run.kind != "command":
        named.append(("run.python", run.python))
    for key, path in named:
        if not path or (copied and within(path, copied)) or place.shows(path):
            continue
        raise InvalidInput(f"{path} is not seen from place {place.name}", where=key, hint=_remedy(key, path, place))
    for data in run.data:
        path = str((Path(run.tree) / data).resolve())
        if not place.shows(path):
            raise InvalidInput(f"{path} is not seen from place {place.name}", where="run.data", hint=_sees(path, place))


def _remedy(key: str, path: str, place: Place) -> str:
    if key == "run.python":
        return f'add python = "/path/there/bin/python" to [place.{place.name}], or {_sees(path, place)}'
    return f'set run.code = "snapshot", or {_sees(path, place)}'


def _sees(path: str, place: Place) -> str:
    folder = path if Path(path).is_dir() else str(Path(path).parent)
    return f'if it is shared, add sees = ["{folder}"] to [place.{place.name}]'
