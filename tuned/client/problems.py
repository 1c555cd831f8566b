"""The daemon's refusals as the error tree's exceptions.

Owns which HTTP status means which class, and the two errors that only a client can meet.
"""

from __future__ import annotations

import json
import os

from tuned.core.errors import Conflict, InvalidInput, NotFound, NotYet, TunedError, Unavailable
from tuned.protocol import ENV_ATTEMPT

_BY_STATUS: dict[int, type[TunedError]] = {
    400: InvalidInput,
    404: NotFound,
    409: Conflict,
    422: InvalidInput,
    503: Unavailable,
}

SILENT = "no daemon answers"
OUTSIDE = "run tunectl daemon start outside of the trial"
"""The remedy where a trial cannot start the daemon itself."""


class NoDaemon(Unavailable):
    """Nothing answers on the socket: what was asked has not been done."""

    def __init__(self, socket: str | os.PathLike[str], why: str = SILENT) -> None:
        hint = OUTSIDE if os.environ.get(ENV_ATTEMPT) else "start one with: tunectl daemon start"
        super().__init__(why, where=os.fspath(socket), hint=hint)


class DaemonEnded(NoDaemon):
    """The daemon went away in the middle of a call: what was asked may have been done or not."""


class EventsGone(Unavailable):
    """The events after the given number are no longer kept: take a snapshot and follow from now."""


class StreamLost(Unavailable):
    """The event stream broke off and could not be taken up again."""


def problem(status: int, body: bytes) -> TunedError:
    """The exception for a reply with an error status.

    Args:
        status: HTTP status, 400 or above.
        body: The reply's body: a problem document, or whatever a broken daemon sent.
    """
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict) or "detail" not in document:
        return Unavailable(f"the daemon answered with HTTP status {status}", hint="see: tunectl daemon logs")
    kind = EventsGone if status == 410 else _BY_STATUS.get(status, Unavailable)
    if document.get("title") == NotYet.__name__:
        kind = NotYet
    what = document["detail"] if isinstance(document["detail"], str) else json.dumps(document["detail"])
    hint = document.get("hint")
    if status >= 500 and not hint:
        hint = "see: tunectl daemon logs"
    return kind(what, where=document.get("where") or None, hint=hint or None)
