"""`[place.NAME]` of config.toml, and the names of a place's slots."""

from __future__ import annotations

from typing import Any

import pytest

from tuned.core.errors import InvalidInput
from tuned.core.places import Place, is_card, label_of, place_of, places_of

RAY = {"engine": "ray", "folder": "/x", "address": "http://head:8265"}


def read(table: dict[str, Any]) -> dict[str, Place]:
    return places_of(table, "config.toml: place", lambda path: path.replace("~", "/home/me"))


def test_a_place_is_read_with_its_defaults() -> None:
    lab = read({"lab": {"engine": "slurm", "folder": "~/tuned/"}})["lab"]
    assert (lab.name, lab.engine, lab.folder, lab.slots, lab.python) == ("lab", "slurm", "/home/me/tuned", 8, "")
    assert lab.devices[0] == "place:lab/1"
    assert len(lab.devices) == 8


def test_a_place_on_ray_has_a_head_a_token_and_fields() -> None:
    table = {**RAY, "token": "~/.ray/auth_token", "options": ['entrypoint_resources={"a100": 1}']}
    lab = read({"lab": table})["lab"]
    assert (lab.address, lab.token) == ("http://head:8265", "/home/me/.ray/auth_token")
    assert lab.fields == {"entrypoint_resources": {"a100": 1}}


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ({"lab": 3}, "place.lab"),
        ({"La b": {"engine": "slurm", "folder": "/x"}}, "place.La b"),
        ({"lab": {"folder": "/x"}}, "place.lab"),
        ({"lab": {"engine": "slurm"}}, "place.lab"),
        ({"lab": {"engine": "pbs", "folder": "/x"}}, "place.lab.engine"),
        ({"lab": {"engine": "slurm", "folder": "x"}}, "place.lab.folder"),
        ({"lab": {"engine": "slurm", "folder": "/x", "slots": 0}}, "place.lab.slots"),
        ({"lab": {"engine": "slurm", "folder": "/x", "slots": True}}, "place.lab.slots"),
        ({"lab": {"engine": "slurm", "folder": "/x", "slot": 3}}, "place.lab.slot"),
        ({"lab": {"engine": "slurm", "folder": "/x", "options": "--x"}}, "place.lab.options"),
        ({"lab": {"engine": "slurm", "folder": "/x", "address": "-oProxyCommand=x"}}, "place.lab.address"),
        ({"lab": {"engine": "slurm", "folder": "/x", "sees": ["y"]}}, "place.lab.sees"),
        ({"lab": {"engine": "slurm", "folder": "/x", "environment": {"A": 1}}}, "place.lab.environment"),
        ({"lab": {"engine": "slurm", "folder": "/x", "token": "/t"}}, "place.lab.token"),
        ({"lab": {"engine": "slurm", "folder": "/x", "ca": "/t"}}, "place.lab.ca"),
        ({"lab": {"engine": "ray", "folder": "/x"}}, "place.lab.address"),
        ({"lab": {"engine": "ray", "folder": "/x", "address": "head:8265"}}, "place.lab.address"),
        ({"lab": {"engine": "ray", "folder": "/x", "address": "http://a:b@head"}}, "place.lab.address"),
        ({"lab": {"engine": "ray", "folder": "/x", "address": "http://head:x"}}, "place.lab.address"),
        ({"lab": RAY | {"environment": {"A": "1"}}}, "place.lab.environment"),
        ({"lab": RAY | {"options": ["--gpus=1"]}}, "place.lab.options"),
        ({"lab": RAY | {"options": ["runtime_env={}"]}}, "place.lab.options"),
        ({"lab": RAY | {"options": ["entrypoint_resources={"]}}, "place.lab.options"),
    ],
)
def test_what_is_wrong_is_named_with_a_remedy(table: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(table)
    assert refused.value.where == f"config.toml: {where}"
    assert refused.value.hint


def test_a_path_is_seen_below_the_folders_that_both_sides_have() -> None:
    lab = read({"lab": {"engine": "slurm", "folder": "/s/t", "sees": ["/data"]}})["lab"]
    assert [lab.shows(path) for path in ("/s/t/x", "/s/tx", "/data", "/home")] == [True, False, True, False]


def test_devices_of_places_are_told_from_the_machines_own() -> None:
    devices = ("place:lab/3", "cpu:0", "GPU-1,GPU-2", "place:lab")
    assert [place_of(device) for device in devices] == ["lab", "", "", ""]
    assert [is_card(device) for device in devices[:3]] == [False, False, True]
    assert [label_of(device) for device in devices] == ["lab/3", *devices[1:]]
