"""Failed trials by cause: one rule for the summary, the terminal UI and the breaker."""

from __future__ import annotations

from storage.queries import EndedTrial
from tuned.core.states import Failure, TrialState
from tuned.core.trials.causes import by_cause
from tuned.daemon.studies.summary import REASON_LENGTH, SHOWN_CAUSES, failures

OOM = "CUDA out of memory: tried 1{n} MiB at 0x7f{n}a, {n}.5e-3 s"


def ended(number: int, reason: str, failure: Failure | None, state: TrialState = TrialState.FAILED) -> EndedTrial:
    return EndedTrial(number, state, failure, reason)


def test_numbers_do_not_make_another_cause_and_a_kind_does() -> None:
    trials = [ended(n, OOM.format(n=n), Failure.OOM) for n in (1, 2, 3)]
    trials += [ended(4, OOM.format(n=4), Failure.ERROR), ended(5, "", None, TrialState.LOST)]
    trials += [ended(6, "no such file", Failure.ERROR)] * 2
    assert [[trial.number for trial in alike] for alike in by_cause(trials)] == [[3, 2, 1], [6, 6], [5], [4]]


def test_a_summary_tells_failures_by_cause_with_the_words_of_the_newest() -> None:
    trials = [ended(n, OOM.format(n=n), Failure.OOM) for n in (1, 2, 3)]
    trials += [ended(7, "", Failure.KILLED), ended(8, "", None, TrialState.LOST)]
    # A trial that ended well after a failure that was repeated has not failed.
    trials.append(ended(9, "", Failure.OOM, TrialState.COMPLETED))
    assert failures(trials) == [f"{OOM.format(n=3)} (trials 1, 2, 3)", "lost (trial 8)", "killed (trial 7)"]


def test_a_summary_is_short() -> None:
    words = ("a", "b", "c", "d", "e", "f", "g")
    told = failures([ended(n, word * 500, Failure.ERROR) for n, word in enumerate(words)])
    assert len(told) == SHOWN_CAUSES + 1 and told[-1] == "and 2 other causes"
    assert all(len(line) < REASON_LENGTH + 20 for line in told)
