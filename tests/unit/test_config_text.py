from __future__ import annotations

import io
import json
import tomllib
from typing import Any

import pytest
import yaml

from tuned.core.errors import InvalidInput
from tuned.core.program.config_text import set_values

YAML = """\
# a comment
shared: &base
  lr: 1e-3
  warm: on
train:
  <<: *base
  size: 010
other: *base
layers:
  - units: 1
  - units: 2
"a.b": {c: 1}
when: 2020-01-01
made: !project.Thing [1, 2]
"""


def test_yaml_keeps_all_other_spellings() -> None:
    text = set_values(YAML, "yaml", {"train.lr": 0.00001, "layers.1.units": 64, "a.b.c": True}, "run.config.0")
    assert "lr: 1e-3" in text and "warm: on" in text and "size: 010" in text and "!project.Thing" in text
    read = yaml.safe_load(text.replace("!project.Thing ", ""))
    assert read["train"] == {"lr": 1e-05, "warm": True, "size": 8}
    assert read["other"]["lr"] == "1e-3" and read["shared"]["lr"] == "1e-3"
    assert read["layers"] == [{"units": 1}, {"units": 64}] and read["a.b"] == {"c": True}


SHARED = """\
base: &b
  optim: &o
    lr: 0.1
    betas: [0.9, 0.99]
  name: x
train: *b
other:
  <<: *b
  z: 1
list: [*o, *o]
"""


@pytest.mark.parametrize(
    "path", ["train.optim.lr", "other.optim.lr", "other.name", "base.optim.lr", "list.0.lr", "list.1.betas.0"]
)
def test_below_an_alias_a_value_gets_its_own_copy_for_readers_of_both_yaml_versions(path: str) -> None:
    from ruamel.yaml import YAML

    text = set_values(SHARED, "yaml", {path: 0.5}, "run.config.0")
    read = yaml.safe_load(text)
    assert YAML(typ="safe", pure=True).load(io.StringIO(text)) == read
    before = yaml.safe_load(SHARED)
    changed = [at for at, value in leaves(read) if dict(leaves(before)).get(at) != value]
    assert changed == [path] and dict(leaves(read))[path] == 0.5


def leaves(data: Any, prefix: str = "") -> list[tuple[str, Any]]:
    if not isinstance(data, dict | list):
        return [(prefix[1:], data)]
    items = data.items() if isinstance(data, dict) else enumerate(data)
    return [leaf for key, value in items for leaf in leaves(value, f"{prefix}.{key}")]


@pytest.mark.parametrize("value", ["adam", "yes", "1e-3", "", "a: b", "# no", "null", "ä", True, 3, 0.1, 1e-7, 1e22])
def test_values_are_read_back_equal(value: object) -> None:
    values = {"a.b": value}
    assert yaml.safe_load(set_values("a: {b: 0}\n", "yaml", values, "w")) == {"a": {"b": value}}  # type: ignore[arg-type]
    assert json.loads(set_values('{"a": {"b": 0}}', "json", values, "w")) == {"a": {"b": value}}  # type: ignore[arg-type]
    assert tomllib.loads(set_values("[a]\nb = 0\n", "toml", values, "w")) == {"a": {"b": value}}  # type: ignore[arg-type]


def test_toml_of_every_kind_survives() -> None:
    text = """
    when = 2020-01-01T10:00:00Z
    day = 2020-01-01
    at = 10:00:00
    big = 1e100
    none = nan
    list = [1, [2, 3], { a = 1 }]
    [table."dotted.key"]
    x = "line\\nbreak \\u007f"
    [[array]]
    a = 1
    [[array]]
    a = 2
    """
    before = tomllib.loads(text)
    after = tomllib.loads(set_values(text, "toml", {"table.dotted.key.x": 1, "array.1.a": 5}, "w"))
    assert after["table"]["dotted.key"] == {"x": 1} and after["array"] == [{"a": 1}, {"a": 5}]
    for name in ("when", "day", "at", "big", "list"):
        assert after[name] == before[name]


@pytest.mark.parametrize(
    ("form", "text", "path"),
    [
        ("yaml", "a: 1\n", "b"),
        ("yaml", "a: 1\n", "a.b"),
        ("yaml", "a: [1]\n", "a.1"),
        ("json", '{"a": 1}', "b"),
        ("json", '{"a": 1}', "a.b"),
        ("toml", "a = [1]", "a.x"),
    ],
)
def test_a_key_that_is_not_there_is_refused(form: str, text: str, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        set_values(text, form, {path: 1}, "run.config.0")
    assert caught.value.where == f"run.config.0.set.{path}" and "the file has no" in str(caught.value)


@pytest.mark.parametrize(("form", "text"), [("yaml", "a: [1\n"), ("yaml", "- 1\n"), ("json", "{"), ("toml", "a =")])
def test_a_text_that_is_not_of_its_format_is_refused_in_one_line(form: str, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        set_values(text, form, {"a": 1}, "run.config.0")
    assert caught.value.where == "run.config.0.from" and "\n" not in str(caught.value)
