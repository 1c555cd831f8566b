"""Every value that goes into a Hydra override comes out of Hydra as itself."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tuned.core.program.hydra_text import override

AWKWARD = [
    "adam", "a,b", "x=1", "it's", 'say "x"', "null", "10", "1.10", "01", "true", "False", "", " a ", "a b", "[1,2]",
    "{a:1}", "$HOME", "${lr}", r"\${lr}", r"back\slash", "end\\", r"\'", "a:b", "~x", "a/b.c-d", "nan", "-inf", "1e3",
    "x\ty", "ä", "a#b", "%", "a\\\\", "(x)", "?", "*.txt", "@x", "oc.env:HOME", "e1", "_", "a..b", "-",
]  # fmt: skip


def through_hydra(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from hydra.core.override_parser.overrides_parser import OverridesParser
        from omegaconf import OmegaConf

        read = OverridesParser.create().parse_override(text)
        config = OmegaConf.create({})
        OmegaConf.update(config, "x", read.value(), merge=True)
        return config["x"]


@pytest.mark.parametrize("value", [*AWKWARD, 0, -3, 10**15, 0.1, 1e-05, -4.7e-05, 1e22, 3.0, True, False])
def test_a_value_comes_back_as_itself(value: Any) -> None:
    read = through_hydra(override("x", value))
    assert read == value and type(read) is type(value)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12))
@settings(max_examples=300, deadline=None)
@example("a'\\")
def test_any_text_comes_back_as_itself(value: str) -> None:
    assert through_hydra(override("x", value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=100, deadline=None)
def test_any_number_comes_back_as_itself(value: float) -> None:
    assert through_hydra(override("x", value)) == value
