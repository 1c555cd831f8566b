"""Every call of `/v1` that a client makes: its path, what it sends and what comes back.

Owns the routes on the client's side, once for the blocking and the asynchronous client; does no I/O.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from tuned.core.errors import InvalidInput
from tuned.core.names import API
from tuned.core.verbs import BY_NAME

if TYPE_CHECKING:
    from tuned.wire import (
        BestSoFar,
        Changed,
        Collected,
        CommandSubmission,
        DaemonStatus,
        Enqueue,
        Enqueued,
        EventRow,
        LogChunk,
        LogPlace,
        MetricRow,
        PlaceRow,
        SpaceChange,
        SpaceChanged,
        SpacePage,
        StudyPage,
        StudyRow,
        Submission,
        Submitted,
        TrialDetail,
        TrialNumbers,
        TrialRow,
    )

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Call(Generic[T_co]):
    """One request, not yet sent.

    Attributes:
        path: Below `/v1`, each part quoted already.
        query: Values that are None are left out; sequences repeat their name.
        body: A wire dataclass or plain data; None sends no body.
        reply: Name of the wire dataclass that the reply is; None: plain data.
        many: Whether the reply is a list of them.
        timeout: Seconds within which the answer must be complete; None: the client's own limit.
        prefix: Of the path.
    """

    method: str
    path: str
    reply: str | None = None
    many: bool = False
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    timeout: float | None = None
    prefix: str = API

    @property
    def target(self) -> str:
        """Path and query as the request line has them."""
        query = [(k, _query_value(v)) for k, v in self.query.items() if v is not None]
        return self.prefix + self.path + ("?" + urlencode(query, doseq=True) if query else "")

    @property
    def payload(self) -> bytes | None:
        """The body as JSON, or None."""
        return None if self.body is None else json.dumps(_plain(self.body)).encode()

    def read(self, body: bytes) -> T_co:
        """The reply's body, decoded.

        Raises:
            Unavailable: It is not what this call expects.
        """
        data: Any = json.loads(body) if body else None
        if self.reply is not None:
            from tuned.client.decode import decode

            data = decode(self.reply, data, self.many)
        result: T_co = data
        return result

    def undecoded(self) -> Call[Any]:
        """The same call, its reply left as plain data."""
        return replace(self, reply=None)


def _plain(body: Any) -> Any:
    """A body as plain data, without the keys that say nothing: a daemon of an earlier version may not know them."""
    if isinstance(body, (list, tuple)):
        return [_plain(item) for item in body]
    if not is_dataclass(body):
        return body
    told = ((f, getattr(body, f.name)) for f in fields(body))
    return {f.name: _plain(value) for f, value in told if value != _default(f)}


def _default(known: Field[Any]) -> Any:
    return known.default if known.default_factory is MISSING else known.default_factory()


def _query_value(value: Any) -> Any:
    return ("true" if value else "false") if isinstance(value, bool) else value


def _study(name: str) -> str:
    """The path of a study; a name with a slash in it would be another path, since servers decode `%2F`."""
    if not name:
        raise InvalidInput("no study was named", where="study", hint="see: tunectl studies")
    study, slash, _ = name.partition("/")
    if slash:
        hint = f"write: {study}" if study[:1].isalnum() else "see: tunectl studies"
        raise InvalidInput("a study is meant here, not its trials", where=name, hint=hint)
    return "/studies/" + quote(name, safe="")


study_path = _study
"""The same for the calls of other modules."""


def status() -> Call[DaemonStatus]:
    """How the daemon is."""
    return Call("GET", "/status", "DaemonStatus")


def probe_places() -> Call[list[PlaceRow]]:
    """Ask every place how it is; takes as long as a short job there."""
    return Call("POST", "/places/probe", "PlaceRow", many=True, timeout=300.0)


def stop(stop_trials: bool = False) -> Call[Any]:
    """End the daemon; trials go on unless told otherwise."""
    return Call("POST", "/stop", body={"stop_trials": stop_trials})


def collect(dry_run: bool, quota: int | None = None) -> Call[Collected]:
    """Free disk space, or say what would go."""
    return Call("POST", "/gc", "Collected", body={"dry_run": dry_run, "quota": quota}, timeout=600.0)


def submit(submission: Submission) -> Call[Submitted]:
    """Submit a study."""
    return Call("POST", "/studies", "Submitted", body=submission, timeout=120.0)


def check(submission: Submission) -> Call[Submitted]:
    """The reply that submitting this study would get; nothing is kept of it."""
    return replace(submit(submission), query={"dry_run": True})


def submit_command(submission: CommandSubmission) -> Call[Submitted]:
    """Queue one plain command."""
    return Call("POST", "/commands", "Submitted", body=submission, timeout=120.0)


def studies() -> Call[list[StudyRow]]:
    """All studies."""
    return Call("GET", "/studies", "StudyRow", many=True)


def study(name: str) -> Call[StudyPage]:
    """One study with its specification."""
    return Call("GET", _study(name), "StudyPage")


def delete(name: str) -> Call[Changed]:
    """Delete a study with its trials."""
    return Call("DELETE", _study(name), "Changed")


def trials(
    study: str,
    *,
    state: Sequence[str] | None = None,
    filter: str | None = None,
    sort: str | None = None,
    descending: bool | None = None,
    limit: int | None = None,
    offset: int | None = None,
    metrics: bool | None = None,
) -> Call[list[TrialRow]]:
    """Trials of a study, a page at a time; with `metrics`, each with the last value of all that it reported."""
    query = {"state": state, "filter": filter, "sort": sort, "descending": descending, "limit": limit, "offset": offset}
    query["metrics"] = metrics
    return Call("GET", _study(study) + "/trials", "TrialRow", many=True, query=query)


def trial_numbers(
    study: str,
    *,
    filter: str | None = None,
    sort: str | None = None,
    descending: bool | None = None,
    limit: int | None = None,
) -> Call[TrialNumbers]:
    """Numbers of a study's trials in an order, and how many pass the filter."""
    query = {"filter": filter, "sort": sort, "descending": descending, "limit": limit}
    return Call("GET", _study(study) + "/trial-numbers", "TrialNumbers", query=query)


def best(study: str, top: int | None = None) -> Call[list[TrialRow]]:
    """The best finished trials, best first; without `top` the best one, or all that none beats in every objective."""
    return Call("GET", _study(study) + "/best", "TrialRow", many=True, query={"top": top})


def trial(study: str, number: int) -> Call[TrialDetail]:
    """One trial with what only its own page shows."""
    return Call("GET", f"{_study(study)}/trials/{number}", "TrialDetail")


def log(
    study: str,
    number: int,
    *,
    offset: int = 0,
    limit: int = 65536,
    attempt: int | None = None,
    before: int | None = None,
) -> Call[LogChunk]:
    """A piece of a trial's output from byte `offset`; `-N`: the last N bytes; `before`: the lines that end there."""
    query = {"offset": offset, "limit": limit, "attempt": attempt, "before": before}
    return Call("GET", f"{_study(study)}/trials/{number}/log", "LogChunk", query=query)


def find_in_log(study: str, number: int, text: str, *, offset: int = 0, up: bool = False) -> Call[LogPlace]:
    """The next line of a trial's output with a text, from byte `offset` on, or upwards before it."""
    query = {"text": text, "offset": offset, "up": up}
    return Call("GET", f"{_study(study)}/trials/{number}/log/find", "LogPlace", query=query)


def metrics(target: str, name: str | None = None, points: int | None = None) -> Call[list[MetricRow]]:
    """Observations of the target's trials, of all metrics or of the one named; about `points` of each, if given."""
    return Call("GET", "/metrics", "MetricRow", many=True, query={"target": target, "name": name, "points": points})


def trends(study: str, numbers: Sequence[int], points: int | None = None) -> Call[list[MetricRow]]:
    """The first objective of several trials, in about so many points each."""
    query = {"number": list(numbers), "points": points}
    return Call("GET", _study(study) + "/trends", "MetricRow", many=True, query=query)


def best_so_far(study: str) -> Call[BestSoFar]:
    """Where the best value of a study improved."""
    return Call("GET", _study(study) + "/best-so-far", "BestSoFar")


def enqueue(study: str, request: Enqueue) -> Call[Enqueued]:
    """Queue points of the user's own."""
    return Call("POST", _study(study) + "/enqueue", "Enqueued", body=request)


def space(study: str) -> Call[SpacePage]:
    """The versions of a study's search space."""
    return Call("GET", study_path(study) + "/space", "SpacePage")


def change_space(study: str, change: SpaceChange) -> Call[SpaceChanged]:
    """Edit a study's search space while it runs."""
    return Call("POST", study_path(study) + "/space", "SpaceChanged", body=change)


def act(verb: str, targets: Sequence[str]) -> Call[Changed]:
    """Apply one of `tuned.core.verbs.STEERING`, by name."""
    if verb not in BY_NAME or not BY_NAME[verb].done:
        raise ValueError(verb)
    return Call("POST", f"/{verb}", "Changed", body={"targets": list(targets)})


def priority(targets: Sequence[str], value: int, relative: bool = False) -> Call[Changed]:
    """Set the targets' priority, or move it by `value`."""
    body = {"targets": list(targets), "priority": value, "relative": relative}
    return Call("POST", "/priority", "Changed", body=body)


def analysis(
    study: str, kind: str, options: Mapping[str, str] | None = None, others: Sequence[str] = ()
) -> Call[dict[str, Any]]:
    """Verdicts, tables and figures on a study, as plain data; `tuned.analyses.answer.Answer.from_dict` reads them."""
    given = [f"{name}={value}" for name, value in (options or {}).items()]
    query = {"option": given, "other": list(others)}
    return Call("GET", f"{study_path(study)}/analysis/{quote(kind, safe='')}", query=query, timeout=300.0)


def queue() -> Call[list[TrialRow]]:
    """Live and queued trials in running order."""
    return Call("GET", "/queue", "TrialRow", many=True)


def events_list(
    study: str | None = None,
    after: int | None = None,
    limit: int | None = None,
    latest: bool | None = None,
    since: float | None = None,
) -> Call[list[EventRow]]:
    """Past events: the first ones after a number or a moment (unix seconds), or the latest."""
    query = {"study": study, "after": after, "limit": limit, "latest": latest, "since": since}
    return Call("GET", "/events/list", "EventRow", many=True, query=query)


def events(study: str | None = None, after: int | None = None) -> Call[EventRow]:
    """The event stream; it is read by `tuned.client.stream`, not as one document."""
    return Call("GET", "/events", "EventRow", query={"study": study, "after": after})
