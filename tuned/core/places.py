"""Places as `config.toml` describes them: the engine of a cluster, and how trials are handed to it.

Owns the keys of `[place.NAME]`, and the names of a place's slots. Pure; engines are `tuned.places`'.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any
from urllib.parse import urlsplit

from tuned.core.allowed import AT_ONCE
from tuned.core.errors import InvalidInput
from tuned.core.names import nearest
from tuned.core.records import dataclass

ENGINES = ("slurm", "ray")
RAY_OPTIONS = ("entrypoint_label_selector", "entrypoint_memory", "entrypoint_resources")
"""Fields of a submission that a place on Ray may add, each as `NAME=JSON`; the rest of it is ours."""
SLOTS = 8
"""Trials at once in a place whose table does not say."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_DEVICE = re.compile(r"place:(?P<name>[a-z0-9-]+)/(?P<slot>[0-9]+)")


@dataclass(frozen=True, slots=True)
class Place:
    """One `[place.NAME]`.

    Attributes:
        engine: One of `ENGINES`.
        folder: Absolute path of a folder that both sides see under this name; run directories lie below it.
        address: Of Slurm the login node, as ssh takes it; empty: its commands are run here. Of Ray the URL of its head.
        python: Interpreter of supervisors and trials there; empty: the study's own.
        slots: How many trials are handed to the engine at once, waiting ones among them.
        sees: Further folders that are the same on both sides: code that is not copied, data.
        options: Passed to every submission: of Slurm as arguments, of Ray as fields.
        token: File that holds the token that Ray's head asks for; empty: none.
        ca: File with the certificates by which that of Ray's head is judged; empty: the system's.
    """

    name: str
    engine: str
    folder: str
    address: str = ""
    python: str = ""
    slots: int = SLOTS
    sees: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    token: str = ""
    ca: str = ""

    @property
    def fields(self) -> dict[str, Any]:
        """Options of the form `NAME=JSON`, as plain data."""
        return {name: json.loads(value) for name, _, value in (one.partition("=") for one in self.options)}

    def shows(self, path: str) -> bool:
        """Whether a path here is seen there as well."""
        return any(posixpath.commonpath((path, known)) == known for known in (self.folder, *self.sees))

    @property
    def devices(self) -> list[str]:
        """Names of its slots."""
        return [device_of(self.name, i) for i in range(1, self.slots + 1)]


def device_of(place: str, slot: int) -> str:
    """`place:lab/3`: a slot as rows and leases name it."""
    return f"place:{place}/{slot}"


def place_of(device: str) -> str:
    """The place that a device is of; empty for the machine's own."""
    found = _DEVICE.fullmatch(device)
    return found["name"] if found else ""


def is_card(device: str) -> bool:
    """Whether a device is a card of this machine, and no CPU slot or slot of a place."""
    return not device.startswith(("cpu:", "place:"))


def label_of(device: str) -> str:
    """A device's name for people: `lab/3` for `place:lab/3`, others as they are."""
    return device.removeprefix("place:") if place_of(device) else device


def places_of(table: Mapping[str, Any], where: str, expanded: Callable[[str], str]) -> dict[str, Place]:
    """The places of `[place]`.

    Args:
        table: Name -> its table.
        where: How refusals begin: `config.toml: place`.
        expanded: Gives a path with the `~` at its beginning replaced.

    Raises:
        InvalidInput: A key or value is wrong.
    """
    return {name: _place(name, entry, f"{where}.{name}", expanded) for name, entry in table.items()}


def _place(name: str, entry: Any, where: str, expanded: Callable[[str], str]) -> Place:
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} cannot name a place", where=where, hint="use a-z, 0-9 and '-'")
    if not isinstance(entry, Mapping):
        raise InvalidInput("is no table", where=where, hint=f'write [place.{name}], then engine = "slurm"')
    kinds: dict[str, Callable[[Any, str], Any]] = {
        "engine": _engine,
        "folder": lambda value, key: _folder(value, key, expanded),
        "address": _text,
        "python": lambda value, key: _folder(value, key, expanded),
        "slots": _slots,
        "sees": lambda value, key: tuple(_folder(one, key, expanded) for one in _texts(value, key)),
        "options": _texts,
        "environment": _environment,
        "token": lambda value, key: _folder(value, key, expanded),
        "ca": lambda value, key: _folder(value, key, expanded),
    }
    for key in entry:
        if key not in kinds:
            raise InvalidInput("is not a known key", where=f"{where}.{key}", hint=nearest(key, tuple(kinds)))
    for key, example in (("engine", 'engine = "slurm"'), ("folder", 'folder = "/shared/me/tuned"')):
        if key not in entry:
            raise InvalidInput(f"has no {key}", where=where, hint=f"add {example}")
    place = Place(name=name, **{key: kinds[key](value, f"{where}.{key}") for key, value in entry.items()})
    if place.engine == "ray":
        _check_ray(place, where)
    else:
        for key in ("token", "ca"):
            if getattr(place, key):
                raise InvalidInput("is Ray's alone", where=f"{where}.{key}", hint="remove it")
    return place


def _check_ray(place: Place, where: str) -> None:
    """Refuse what Ray's head could not be asked with."""
    try:
        url = urlsplit(place.address)
        sound = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        sound = sound and not (url.query or url.fragment or url.username or url.password)
    except ValueError:
        sound = False
    if not sound:
        raise InvalidInput(
            f"{place.address!r} is no address of a Ray head", where=f"{where}.address", hint='e.g. "http://head:8265"'
        )
    if place.environment:
        hint = "remove it; variables of trials are [run] env of the study file"
        raise InvalidInput("is Slurm's alone", where=f"{where}.environment", hint=hint)
    for option in place.options:
        key = option.partition("=")[0]
        if key not in RAY_OPTIONS:
            hint = f"NAME=JSON, with {', '.join(RAY_OPTIONS)}"
            raise InvalidInput(f"{option!r} is no option of Ray", where=f"{where}.options", hint=hint)
    try:
        place.fields  # noqa: B018 - whether it can be read
    except ValueError as error:
        hint = """e.g. 'entrypoint_resources={"a100": 1}'"""
        raise InvalidInput(f"is no JSON: {error}", where=f"{where}.options", hint=hint) from error


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value or value.startswith("-") or "\0" in value or "\n" in value:
        raise InvalidInput(f"{value!r} is no name", where=where, hint='e.g. "login.lab.example"')
    return value


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one and "\0" not in one for one in value):
        raise InvalidInput("must be a list of texts", where=where, hint='e.g. ["--partition=gpu", "--time=04:00:00"]')
    return tuple(value)


def _environment(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in value.values()):
        raise InvalidInput("must be a table of texts", where=where, hint='e.g. { SLURM_CONF = "/etc/lab/slurm.conf" }')
    return dict(value)


def _engine(value: Any, where: str) -> str:
    if value not in ENGINES:
        raise InvalidInput(f"{value!r} is no engine", where=where, hint=f"use {', '.join(ENGINES)}")
    return str(value)


def _folder(value: Any, where: str, expanded: Callable[[str], str]) -> str:
    if not isinstance(value, str) or "\0" in value or not (path := expanded(value)).startswith("/"):
        raise InvalidInput(f"{value!r} is no absolute path", where=where, hint='e.g. "/shared/me/tuned"')
    return posixpath.normpath(path)


def _slots(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not AT_ONCE[0] <= value <= AT_ONCE[1]:
        raise InvalidInput(f"{value!r} is no number of slots", where=where, hint=f"{AT_ONCE[0]} to {AT_ONCE[1]}")
    return value
