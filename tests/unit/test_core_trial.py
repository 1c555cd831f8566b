from __future__ import annotations

import math

import pytest

from tuned.core.states import Failure, StopReason
from tuned.core.study import Objective
from tuned.core.trials.last_words import last_error_line, last_traceback
from tuned.core.trials.trial import Outcome, classify_exit, summarise

OK = {"code": 0, "signal": None}
ERROR = {"code": 1, "signal": None}
SIGNAL = {"code": None, "signal": 11}
STOPPED = {"code": None, "signal": 15, "stop_signalled": True}


@pytest.mark.parametrize(
    ("record", "intent", "seen", "event", "failure"),
    [
        (OK, None, False, "exit_ok", None),
        (ERROR, None, False, "exit_error", Failure.ERROR),
        (SIGNAL, None, False, "exit_error", Failure.KILLED),
        ({"code": 0, "timed_out": True, "timeout": 5}, None, False, "exit_error", Failure.TIMEOUT),
        ({"code": None, "signal": 9, "timed_out": True}, None, False, "exit_error", Failure.TIMEOUT),
        # It finished by itself before it knew of the request: a result.
        (OK, StopReason.PRUNE, False, "exit_ok", None),
        (OK, StopReason.CANCEL, False, "exit_ok", None),
        (OK, StopReason.KILL, False, "exit_ok", None),
        (ERROR, StopReason.PAUSE, False, "exit_error", Failure.ERROR),
        # It saw the request, or our signal ended it.
        (OK, StopReason.PAUSE, True, "exit_paused", None),
        (OK, StopReason.PRUNE, True, "exit_pruned", None),
        (STOPPED, StopReason.PRUNE, False, "exit_pruned", None),
        (STOPPED, StopReason.CANCEL, False, "exit_cancelled", None),
        (STOPPED, StopReason.PAUSE, True, "exit_paused", None),
        (STOPPED, StopReason.KILL, False, "exit_error", Failure.KILLED),
        (OK, StopReason.KILL, True, "exit_error", Failure.KILLED),
        # A signal that nobody asked for.
        (STOPPED, None, False, "exit_error", Failure.KILLED),
        (None, None, False, "vanished", Failure.LOST),
        (None, StopReason.CANCEL, True, "vanished", Failure.LOST),
    ],
)
def test_what_an_end_means(record, intent, seen, event, failure):
    outcome = classify_exit(record, intent, seen)
    assert (outcome.event, outcome.failure) == (event, failure)


@pytest.mark.parametrize(
    "tail",
    [
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "RuntimeError: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate",
        "Traceback (most recent call last):\n  x\nMemoryError",
    ],
)
def test_a_lack_of_memory_is_told_from_other_errors(tail):
    outcome = classify_exit(ERROR, None, False, tail)
    assert outcome.failure is Failure.OOM
    assert outcome.reason == tail.splitlines()[-1]


def test_memory_words_do_not_make_a_failure_of_a_clean_end():
    assert classify_exit(OK, None, False, "caught OutOfMemoryError, halving the batch") == Outcome("exit_ok")


def test_the_reason_holds_the_last_line_and_the_code():
    tail = "Traceback (most recent call last):\n  File x\nValueError: bad shape\n\n"
    assert classify_exit({"code": 3}, None, False, tail).reason == "exit code 3: ValueError: bad shape"
    assert classify_exit(SIGNAL, None, False).reason == "ended by signal 11"
    assert "5" in classify_exit({"code": 1, "timed_out": True, "timeout": 5}, None, False).reason


def test_last_error_line():
    assert last_error_line("") == ""
    assert last_error_line(" \n\t\n") == ""
    assert last_error_line("a\n  b  \n\n") == "b"
    assert len(last_error_line("x" * 1000)) == 200


def test_a_message_of_several_lines_is_named_by_its_exception():
    tail = "Traceback (most recent call last):\n  File x\nE: first\n  more\n\nsee the manual\n"
    assert last_error_line(tail) == "E: first ... see the manual"
    assert last_error_line(f"log\n{tail}{tail}".replace("first", "f" * 500)).endswith("f ... see the manual")
    assert last_error_line("Traceback (most recent call last):\n  File x\n") == "File x"


HYDRA = "\n\nSet the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.\n"


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (
            "start\n/s/l.py:29: FutureWarning: old\n  cfg.x = 1\nAmbiguous value for argument 'x=a,b'\n1. To use it as",
            "Ambiguous value for argument 'x=a,b'",
        ),
        ("Could not override 'y'.\nTo append to your config use +y=3\n    full_key: y", "Could not override 'y'."),
        (
            "Error executing job\nTraceback (most recent call last):\n  File x\nValueError: bad",
            "ValueError: bad",
        ),
    ],
)
def test_the_reason_of_a_hydra_program_is_no_advice(tail: str, reason: str) -> None:
    assert last_error_line(tail + HYDRA) == reason


TORCHRUN = """\
W1128 22:37:53.905000 22136 torch/distributed/elastic/multiprocessing/api.py:1028] Sending process 22240 closing signal
E1128 22:37:53.909000 22136 torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode: 1) local_rank: 1
Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
    raise ChildFailedError(
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
train.py FAILED
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  rank      : 1 (local_rank: 1)
  exitcode  : 3 (pid: 22241)
  error_file: <N/A>
  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html
============================================================
"""


def test_the_reason_of_torchrun_is_that_of_the_rank_which_failed_first() -> None:
    first = "[rank1]: Traceback (most recent call last):\n[rank1]:   File x\n[rank1]: ValueError: bad\n"
    second = "Traceback (most recent call last):\n  File y\nRuntimeError: Connection closed by peer\n"
    assert last_error_line(f"step 1\n{first}{second}{TORCHRUN}") == "ValueError: bad"
    assert last_error_line(f"cannot open data\n{TORCHRUN}") == "rank 1 ended with exit code 3: cannot open data"
    killed = TORCHRUN.replace("exitcode  : 3", "exitcode  : -11")
    assert last_error_line(f"step 1 loss 0.5\n{killed}") == "rank 1 was ended by signal 11"
    assert last_error_line(TORCHRUN) == "rank 1 ended with exit code 3"
    assert last_traceback(f"{second}{TORCHRUN}").splitlines()[-1] == "RuntimeError: Connection closed by peer"


def test_a_reason_holds_nothing_that_a_terminal_obeys():
    tail = "\x1b[2J\x1b]0;title\x07\x1b[31mfatal\x1b[0m \x9b1m\x08 end\n"
    reason = last_error_line(tail)
    assert reason.isprintable()
    assert reason.startswith("fatal")


def test_a_failure_on_a_full_disk_is_nobodys_fault():
    outcome = classify_exit({"code": 1, "disk_full": True}, None, False, "OSError: no space")
    assert outcome.failure is Failure.LOST
    assert classify_exit({"code": 0, "disk_full": True}, None, False) == Outcome("exit_ok")


def test_last_traceback():
    first, second = "Traceback (most recent call last)\nA: 1", "Traceback (most recent call last)\nB: 2\n"
    assert last_traceback(f"{first}\nnoise\n{second}") == second
    plain = "\n".join(str(i) for i in range(50))
    assert last_traceback(plain).splitlines() == [str(i) for i in range(30, 50)]


@pytest.mark.parametrize(
    ("summary", "direction", "values", "number"),
    [
        ("best", "minimize", [3.0, 1.0, 2.0], 1.0),
        ("best", "maximize", [3.0, 1.0, 2.0], 3.0),
        ("best", "minimize", [3.0, -math.inf, math.nan], 3.0),
        ("best", "maximize", [3.0, math.inf, math.nan], 3.0),
        ("best", "minimize", [1.0, math.inf], 1.0),
        ("best", "maximize", [math.nan, math.inf], math.inf),
        ("last", "minimize", [1.0, 2.0], 2.0),
        ("mean_last", "minimize", [100.0, 1.0, 2.0], 1.5),
        ("mean_last", "minimize", [4.0], 4.0),
    ],
)
def test_one_number_out_of_many(summary, direction, values, number):
    assert summarise(Objective("m", direction, summary, 2), values) == number


def test_no_values_give_no_number():
    for summary in ("best", "last", "mean_last"):
        assert summarise(Objective("m", "minimize", summary, 2), []) is None


def test_a_diverged_trial_says_so():
    for summary in ("best", "last", "mean_last"):
        value = summarise(Objective("m", "minimize", summary, 2), [math.inf, math.nan])
        assert value is not None
        assert math.isnan(value)
