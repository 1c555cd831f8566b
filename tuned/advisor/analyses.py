"""The analyses' process: `python -I -m tuned.advisor.analyses`, a JSON line in, a JSON line out.

Owns its loop and the form of requests: `{"id", "kind", "data", "others", "options"}` to `{"id", "result"}` or
`{"id", "error", "kind"}`. It is a process beside the advisor's own, because an analysis can take seconds and no
suggestion must wait for one. It keeps nothing between two requests.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

# Thread pools read these once, when numpy is first imported; trials need the cores more.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["MPLBACKEND"] = "agg"

from tuned.advisor.serve import reserve_stdout  # noqa: E402
from tuned.core.errors import InvalidInput  # noqa: E402
from tuned.playbook.kinds import analysis  # noqa: E402
from tuned.playbook.question import Question  # noqa: E402
from tuned.playbook.study_data import StudyData  # noqa: E402

log = logging.getLogger(__name__)

MOST_MEMORY = 2 * 2**30
NICENESS = 5


def answer_line(line: bytes) -> bytes:
    """The answer to one request as a line; whatever goes wrong is an answer too."""
    identity: Any = None
    try:
        request = json.loads(line)
        identity = request["id"]
        question = Question(
            StudyData.from_dict(request["data"]),
            dict(request.get("options", {})),
            tuple(StudyData.from_dict(other) for other in request.get("others", ())),
        )
        return _line({"id": identity, "result": analysis(request["kind"])(question).to_dict()})
    except InvalidInput as error:
        refusal = {"what": error.what, "where": error.where, "hint": error.hint}
        return _line({"id": identity, "error": str(error), "kind": "bad_request", "refusal": refusal})
    except Exception as error:
        log.exception("an analysis failed")
        return _line({"id": identity, "error": f"{type(error).__name__}: {error}", "kind": "failed"})


def _line(answer: Mapping[str, Any]) -> bytes:
    return json.dumps(answer, allow_nan=False).encode() + b"\n"


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there are no more requests, nobody listens, or the process has grown too large."""
    for line in requests:
        data = memoryview(answer_line(line))
        try:
            while data:
                data = data[answers.write(data) or 0 :]
        except BrokenPipeError:
            return
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > MOST_MEMORY:
            return


def main() -> None:
    """Run on this process's standard streams."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    answers = reserve_stdout()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
