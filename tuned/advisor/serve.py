"""The advisor's loop: a JSON line in, a JSON line out, until standard input ends.

Owns the two pipes. Standard output is for answers alone: whatever else prints lands on standard error. An error is an
answer, never the end.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
from typing import Any, BinaryIO

from tuned.advisor.messages import BadRequest, read_request
from tuned.advisor.suggesting import Advisor
from tuned.core.errors import NotFound

log = logging.getLogger(__name__)

MOST_MEMORY = 3 * 2**30
"""Bytes of resident memory after which the process ends between two requests; the daemon starts a fresh one."""


def reserve_stdout() -> BinaryIO:
    """Standard output as a private file; descriptor 1 leads to standard error from now on."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more, or nobody listens."""
    advisor = Advisor()
    for line in requests:
        if not line.strip():
            continue
        data = memoryview(json.dumps(answer_line(advisor, line)).encode() + b"\n")
        try:
            while data:
                data = data[answers.write(data) or 0 :]
        except BrokenPipeError:
            return
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > MOST_MEMORY:
            log.warning("ends because it has grown to %d MiB", MOST_MEMORY >> 20)
            return


def answer_line(advisor: Advisor, line: bytes) -> dict[str, Any]:
    """The answer to one line, an error included: `{"id", "error", "kind"}`."""
    identity = None
    try:
        identity, request = read_request(line)
        return {"id": identity, **advisor.answer(request)}
    except BadRequest as error:
        return {"id": error.identity, "error": str(error), "kind": "bad_request"}
    except NotFound as error:
        return {"id": identity, "error": str(error), "kind": "unknown_study"}
    except Exception as error:
        log.exception("a request failed")
        return {"id": identity, "error": f"{type(error).__name__}: {error}", "kind": "failed"}


def main() -> None:
    """Run the advisor on this process's standard streams."""
    answers = reserve_stdout()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    serve(sys.stdin.buffer, answers)
