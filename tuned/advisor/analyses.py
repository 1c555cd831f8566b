"""The analyses' process: `python -I -m tuned.advisor.analyses`, a JSON line in, a JSON line out.

Owns its loop and the form of requests: `{"id", "kind", "studies", "options"}` and then, for each of so many studies, a
line for the study, a line for each trial and `null`; the answer is `{"id", "result"}` or `{"id", "error", "kind"}`. It
is a process beside the advisor's own, because an analysis can take seconds and no suggestion must wait for one. Nothing
is kept between two requests.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, BinaryIO

# Thread pools read these once, when numpy is first imported; trials need the cores more.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["MPLBACKEND"] = "agg"

from tuned.advisor.serve import reserve_stdout  # noqa: E402
from tuned.analyses.bounds import with_bounds  # noqa: E402
from tuned.analyses.kinds import analysis  # noqa: E402
from tuned.analyses.question import Question  # noqa: E402
from tuned.analyses.study_data import StudyData  # noqa: E402
from tuned.core.errors import InvalidInput  # noqa: E402

log = logging.getLogger(__name__)

MOST_MEMORY = 2 * 2**30
NICENESS = 5
END = b"null\n"


def answer(requests: Iterator[bytes], first: bytes) -> bytes:
    """The answer to one request as a line; whatever goes wrong is an answer too."""
    identity: Any = None
    try:
        request = json.loads(first)
        identity = request["id"]
        # All lines are taken before any is read: the next request begins behind them, whatever is wrong with one.
        texts = [list(takewhile(lambda text: text != END, requests)) for _ in range(request["studies"])]
        studies = [_study(lines) for lines in texts]
        question = Question(studies[0], dict(request["options"]), tuple(studies[1:]))
        found = with_bounds(analysis(request["kind"])(question), studies[0])
        return _line({"id": identity, "result": found.to_dict()})
    except InvalidInput as error:
        refusal = {"what": error.what, "where": error.where, "hint": error.hint}
        return _line({"id": identity, "error": str(error), "kind": "bad_request", "refusal": refusal})
    except Exception as error:
        log.exception("an analysis failed")
        return _line({"id": identity, "error": f"{type(error).__name__}: {error}", "kind": "failed"})


def _study(lines: Sequence[bytes]) -> StudyData:
    return StudyData.from_dict({**json.loads(lines[0]), "trials": [json.loads(text) for text in lines[1:]]})


def _line(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, allow_nan=False).encode() + b"\n"


def serve(requests: Iterator[bytes], answers: BinaryIO) -> None:
    """Answer until there are no more requests, nobody listens, or the process has grown too large."""
    for line in requests:
        data = memoryview(answer(requests, line))
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
    serve(iter(sys.stdin.buffer), answers)


if __name__ == "__main__":
    main()
