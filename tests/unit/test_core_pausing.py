"""How a running trial is paused at each level."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tuned.core.errors import InvalidInput
from tuned.core.queue.pausing import Choice, Refused, Running, check_level, choose
from tuned.daemon.verbs.pausing import _go_on

DEAF = Running(begun=True, resumable=False, listens=False)
LISTENS = Running(begun=True, resumable=False, listens=True)
RESUMABLE = Running(begun=True, resumable=True, listens=True)


@pytest.mark.parametrize(
    ("level", "trial", "chosen", "how", "says"),
    [
        ("auto", RESUMABLE, "checkpoint", "stop", "keeps what it saved"),
        ("auto", LISTENS, "freeze", "freeze", "loses nothing"),
        ("auto", DEAF, "freeze", "freeze", "its slot and its GPU memory stay taken"),
        ("checkpoint", LISTENS, "checkpoint", "stop", "it has saved nothing so far"),
        ("restart", DEAF, "restart", "stop", "begins anew"),
        ("restart", RESUMABLE, "checkpoint", "stop", "keeps what it saved"),
        ("freeze", RESUMABLE, "freeze", "freeze", "keeps everything, in memory"),
        ("cuda", DEAF, "cuda", "cuda", "GPU memory moved"),
        ("freeze", Running(False, False, False), "restart", "stop", "had not begun"),
    ],
)
def test_choices(level, trial, chosen, how, says) -> None:
    choice = choose(level, trial, cuda_tool=True)
    assert isinstance(choice, Choice)
    assert (choice.level, choice.how) == (chosen, how) and says in choice.effect


def test_refusals_name_what_works() -> None:
    for level, trial, tool, says in (
        ("checkpoint", DEAF, True, "--level freeze, or restart"),
        ("cuda", DEAF, False, "no cuda-checkpoint on this machine"),
        ("cuda", replace(DEAF, on_card=False), True, "it runs on no GPU"),
        ("freeze", Running(True, False, False, frozen=True), True, "frozen already"),
        ("auto", Running(True, False, False, frozen=True), True, "frozen already"),
    ):
        refused = choose(level, trial, cuda_tool=tool)  # type: ignore[arg-type]
        assert isinstance(refused, Refused) and says in refused.why
    with pytest.raises(InvalidInput, match="did you mean freeze"):
        check_level("freze")


def test_who_leaves_a_card_is_not_frozen_on_it() -> None:
    assert isinstance(choose("freeze", DEAF, True, leaves_card=True), Refused)
    for trial, tool, level in (
        (RESUMABLE, True, "checkpoint"), (LISTENS, True, "cuda"), (LISTENS, False, "checkpoint"),
        (DEAF, False, "restart"), (DEAF, True, "cuda"),
    ):  # fmt: skip
        choice = choose("auto", trial, tool, leaves_card=True)
        assert isinstance(choice, Choice) and choice.level == level
    # A frozen trial can still be made to leave.
    choice = choose("checkpoint", Running(True, True, True, frozen=True), False, leaves_card=True)
    assert isinstance(choice, Choice) and choice.how == "stop"


def test_a_paused_study_names_the_trials_that_go_on() -> None:
    assert _go_on("s", [3]) == "s: trial 3 goes on (to pause it too: tunectl pause s/running)"
    assert _go_on("s", list(range(1, 11))).startswith("s: trials 1, 2, 3, 4, 5, 6, 7, 8, ... go on (to pause them too:")
