"""Why a program failed, by the end of its output.

Owns the choice of one line, and of one traceback, past the advice and the reports that launchers print after the
program's own words: Hydra's hint at its full traces, torchrun's summary of its ranks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tuned.core.text import printable

REASON = 200
"""Characters of the longest reason."""

TRACEBACK = "Traceback (most recent call last)"
"""The first line of one."""

_HYDRA = re.compile(r"Set the environment variable HYDRA_FULL_ERROR=1\b.*")
_WARNING = re.compile(r"\S+:\d+: \w*Warning: ")
_ELASTIC = re.compile(r"(?:[EWI]\d{4} \S+ \d+ )?\S*torch/distributed/(?:elastic|run)")
_RANK = re.compile(r"\[rank\d+\]: ?")
_SIGNAL = "was ended by signal"
_ROOT = re.compile(r"Root Cause.*?rank\s*:\s*(\d+).*?exitcode\s*:\s*(-?\d+)", re.DOTALL)


def last_error_line(tail: str) -> str:
    """The fault by the output's end: at most 200 printable characters.

    Returns:
        The last line with something on it. After a traceback whose message runs over several lines, such as torch's,
        the line that names the exception stands in front of it. Of torchrun's ranks the one that failed first counts.
    """
    lines = [printable(line) for line in tail.splitlines()]
    own, ranks = _before_torchrun(lines)
    if ranks and not own:
        return ranks
    block = _hydra_block(own)
    if block is not None:
        own = block
    filled = [line for line in own if line.strip()]
    if not filled:
        return ""
    last = filled[-1].strip()
    named = _exception_line(filled, first=bool(ranks))
    if ranks and named:
        return named[:REASON]
    if ranks:  # what it printed last may be its fault, or nothing of the kind
        return ranks if _SIGNAL in ranks else f"{ranks}: {last}"[:REASON]
    if block is not None and not named:
        return next((line for line in filled if not line[0].isspace()), last)[:REASON]
    if not named or named == last:
        return last[:REASON]
    return f"{named[: REASON - 60]} ... {last}"[:REASON]


def last_traceback(tail: str) -> str:
    """The last Python traceback in the output, torchrun's own left out, or its last 20 lines when there is none."""
    lines = tail.splitlines()
    own, ranks = _before_torchrun(lines)
    text = "\n".join(own) if ranks and own else tail
    start = text.rfind(TRACEBACK)
    return text[start:] if start >= 0 else "\n".join(tail.splitlines()[-20:])


def _before_torchrun(lines: Sequence[str]) -> tuple[list[str], str]:
    """The lines of the program itself, and a summary of torchrun's own report; empty where torchrun did not fail."""
    failed = next((i for i, line in enumerate(lines) if "ChildFailedError" in line and ".errors." in line), None)
    if failed is None:
        return list(lines), ""
    begin = max((i for i in range(failed) if TRACEBACK in lines[i] and not _RANK.match(lines[i])), default=failed)
    own = [_RANK.sub("", line, count=1) for line in lines[:begin] if not _ELASTIC.match(line)]
    root = _ROOT.search("\n".join(lines[failed:]))
    summary = f"rank {root[1]} {_ended(int(root[2]))}" if root else "a rank failed"
    return (own if any(line.strip() for line in own) else []), summary


def _ended(code: int) -> str:
    return f"ended with exit code {code}" if code >= 0 else f"{_SIGNAL} {-code}"


def _hydra_block(lines: Sequence[str]) -> list[str] | None:
    """The lines above Hydra's advice: all with a traceback, or else its message, behind a blank line or a warning."""
    advice = next((i for i in range(len(lines) - 1, -1, -1) if _HYDRA.fullmatch(lines[i].strip())), None)
    if advice is None:
        return None
    above = list(lines[:advice])
    while above and not above[-1].strip():
        above.pop()
    if any(TRACEBACK in line for line in above):
        return above
    starts = (i + 1 for i in range(len(above) - 1, -1, -1) if not above[i].strip() or _WARNING.match(above[i]))
    return above[next(starts, 0) :]


def _exception_line(lines: Sequence[str], first: bool = False) -> str:
    """The line `Name: message` of the last (or the first) traceback; empty when there is none."""
    starts = [i for i, line in enumerate(lines) if line.startswith(TRACEBACK)]
    for line in lines[starts[0 if first else -1] + 1 :] if starts else ():
        if not line[0].isspace():
            return line.strip()
    return ""
