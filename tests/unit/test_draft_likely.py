"""What a draft calls likely where a script says no default."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from tests.unit.test_draft_study import submitted
from tuned.core.draft.likely import with_likely
from tuned.core.draft.ranges import choose
from tuned.core.draft.study_text import draft_study, read_script
from tuned.core.script.option import Option


@pytest.mark.parametrize(
    ("name", "default", "likely"),
    [
        ("lr", None, 1e-3),
        ("optim.learning-rate", None, 1e-3),
        ("beta2", None, 0.999),
        ("weight_decay", None, 1e-2),
        ("lr", 0.1, None),
        ("width", None, None),
        ("lr_decay", None, None),
    ],
)
def test_well_known_options_without_a_default(name: str, default: float | None, likely: float | None) -> None:
    option = Option(name, f"--{name}", "float", default)
    entry: Any = with_likely(choose(option), option).entry or {}
    assert entry.get("likely") == likely


def test_a_draft_says_whose_value_is_likely_and_can_be_submitted() -> None:
    script = (
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('--lr', type=float, required=True)\np.parse_args()\nprint('val loss', loss)\n"
    )
    draft = draft_study(read_script(script, "train.py"))
    assert tomllib.loads(draft.text)["space"]["lr"]["likely"] == 1e-3
    assert "likely: Adam's default in PyTorch" in draft.text
    assert submitted(draft.text, script).space["lr"].likely == 1e-3
