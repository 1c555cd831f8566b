"""What a steering verb says it has done, on one line for each target."""

from __future__ import annotations

import pytest

from tuned.cli.verbs.steer import _tell
from tuned.wire import Changed


@pytest.mark.parametrize(("effect", "told"), [
    ("s/1: checkpoint: keeps what it saved", "s/1: paused by checkpoint: keeps what it saved"),
    ("s/1: waits at its rung until you resume it", "s/1: paused; waits at its rung until you resume it"),
    ("s/1: is being stopped already, and stays paused", "s/1: paused; is being stopped already, and stays paused"),
])  # fmt: skip
def test_a_sentence_is_not_read_as_the_name_of_a_level(
    effect: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It read "paused by is being stopped already"."""
    _tell(Changed(["s/1"], [], [effect]), "paused")
    assert capsys.readouterr().out.strip() == told
