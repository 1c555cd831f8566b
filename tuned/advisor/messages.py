"""Messages between daemon and advisor: one JSON object a line, each answer with its request's `id`.

Owns the fields. It imports `core` alone, so the daemon can use it without any numerics.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuned.core.errors import InvalidInput
from tuned.core.space import Point, SearchSpace
from tuned.core.states import Failure, TrialState
from tuned.core.study import Direction, sign_of
from tuned.protocol import decode_number, encode_number

METHODS = ("auto", "grid", "random", "sobol", "bayesian", "evolution")


@dataclass(frozen=True, slots=True)
class ObjectiveLine:
    """A metric that the study improves or, with a `bound`, must keep: at most (`minimize`) or at least (`maximize`)."""

    metric: str
    direction: Direction
    bound: float | None = None

    @property
    def sign(self) -> float:
        """Factor that makes smaller values better."""
        return sign_of(self.direction)

    def holds(self, value: float) -> bool:
        """Whether a value is within the bound, if there is one."""
        return self.bound is None or self.sign * value <= self.sign * self.bound


@dataclass(frozen=True, slots=True)
class TrialLine:
    """A trial as the advisor knows it; `values` is empty until it has ended, and may hold non-finite numbers.

    `rungs` is what early stopping has seen of it: rung -> the first objective's summary there, finite; `folds` the same
    of cross-validation: fold -> the first objective there. `memory` is its peak in bytes; None when that is not known.
    `stopped_by`: as `tuned.core.states.StoppedBy` spells it.
    """

    number: int
    params: Point
    state: TrialState
    values: dict[str, float] = field(default_factory=dict)
    failure: Failure | None = None
    origin: str = ""
    rungs: dict[int, float] = field(default_factory=dict)
    memory: float | None = None
    folds: dict[int, float] = field(default_factory=dict)
    stopped_by: str = ""


@dataclass(frozen=True, slots=True)
class DefineStudy:
    """`study`: begin or replace a study; what was known of it is forgotten.

    `memory_limit` is what a trial can have, in bytes; None when nobody knows. `prior` are finished trials of earlier
    studies, under numbers of their own below zero.
    """

    study: int
    space: SearchSpace
    objectives: tuple[ObjectiveLine, ...]
    seed: int = 0
    method: str = "auto"
    memory_limit: float | None = None
    prior: tuple[TrialLine, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateTrials:
    """`trials`: add or replace trials by number."""

    study: int
    rows: tuple[TrialLine, ...]


@dataclass(frozen=True, slots=True)
class Suggest:
    """`suggest`: points for the trial of this number and those after it; without a `method`, by the study's own.

    With a `cut`, trials with a higher number count as still out, whatever has become of them.
    """

    study: int
    number: int
    method: str = ""
    count: int = 1
    cut: int | None = None


@dataclass(frozen=True, slots=True)
class Forget:
    """`forget`: the study is over."""

    study: int


@dataclass(frozen=True, slots=True)
class Ping:
    """`ping`: answer when ready; the first one imports Ax, which takes seconds."""


Request = DefineStudy | UpdateTrials | Suggest | Forget | Ping


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The answer to `suggest`.

    Attributes:
        params: A whole point of the space; None when every point has been used up.
        origin: `bayesian`, `evolution`, `sobol`, `random`, or `fallback` when the model could not be used.
        why: One sentence, with the numbers behind it.
        predicted: Metric -> (mean, standard error) of the model at this point; None without a model.
        cpu_s: Seconds of processor time that it took.
    """

    params: Point | None
    origin: str = ""
    why: str = ""
    predicted: dict[str, tuple[float, float]] | None = None
    cpu_s: float = 0.0

    def to_answer(self) -> dict[str, Any]:
        """Its fields as an answer; `{"exhausted": true}` without a point."""
        if self.params is None:
            return {"exhausted": True, "why": self.why, "cpu_s": self.cpu_s}
        predicted = None
        if self.predicted is not None:
            predicted = {metric: [mean, sem] for metric, (mean, sem) in self.predicted.items()}
        return {
            "params": self.params,
            "origin": self.origin,
            "why": self.why,
            "predicted": predicted,
            "cpu_s": self.cpu_s,
        }

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Suggestion:
        """Read the text of `to_answer`."""
        predicted = answer.get("predicted")
        return cls(
            None if answer.get("exhausted") else dict(answer["params"]),
            answer.get("origin", ""),
            answer.get("why", ""),
            None if predicted is None else {m: (mean, sem) for m, (mean, sem) in predicted.items()},
            answer.get("cpu_s", 0.0),
        )


def to_request(request: Request) -> dict[str, Any]:
    """A request as plain data, without its `id`."""
    match request:
        case DefineStudy(study, space, objectives, seed, method, limit, prior):
            listed = [{"metric": o.metric, "direction": o.direction, "bound": o.bound} for o in objectives]
            return {
                "op": "study", "study": study, "space": space.to_dict(), "objectives": listed, "seed": seed,
                "method": method, "memory_limit": limit, "prior": [_row(row) for row in prior],
            }  # fmt: skip
        case UpdateTrials(study, rows):
            return {"op": "trials", "study": study, "rows": [_row(row) for row in rows]}
        case Suggest(study, number, method, count, cut):
            return {
                "op": "suggest", "study": study, "number": number, "method": method, "count": count, "cut": cut,
            }  # fmt: skip
        case Forget(study):
            return {"op": "forget", "study": study}
        case Ping():
            return {"op": "ping"}


def _row(row: TrialLine) -> dict[str, Any]:
    return {
        "number": row.number,
        "params": row.params,
        "state": str(row.state),
        "values": {metric: encode_number(value) for metric, value in row.values.items()},
        "failure": None if row.failure is None else str(row.failure),
        "origin": row.origin,
        "rungs": {str(rung): value for rung, value in row.rungs.items()},
        "memory": row.memory,
        "folds": {str(fold): encode_number(value) for fold, value in row.folds.items()},
        "stopped_by": row.stopped_by,
    }


def read_request(line: bytes) -> tuple[Any, Request]:
    """The `id` and the request of a line.

    Raises:
        BadRequest: The line is no request; it carries the id as far as there is one.
    """
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRequest(None, f"no JSON: {error}") from error
    if not isinstance(data, dict):
        raise BadRequest(None, "no JSON object")
    identity = data.get("id")
    try:
        return identity, _request(data)
    except (KeyError, TypeError, ValueError, AttributeError, InvalidInput) as error:
        raise BadRequest(identity, f"no {data.get('op')!r} request: {type(error).__name__} {error}") from error


class BadRequest(InvalidInput):
    """A line that is no request; `identity` is its `id`, if any."""

    def __init__(self, identity: Any, what: str) -> None:
        super().__init__(what)
        self.identity = identity


def _request(data: Mapping[str, Any]) -> Request:
    match data["op"]:
        case "study":
            method = data.get("method", "auto")
            if method not in METHODS:
                raise ValueError(f"method {method!r}")
            return DefineStudy(
                _whole(data["study"]),
                SearchSpace.from_dict(data["space"]),
                tuple(_objective(o) for o in data["objectives"]),
                _whole(data.get("seed", 0)),
                method,
                _size(data.get("memory_limit")),
                tuple(_trial(row) for row in data.get("prior", ())),
            )
        case "trials":
            return UpdateTrials(_whole(data["study"]), tuple(_trial(row) for row in data["rows"]))
        case "suggest":
            cut = data.get("cut")
            return Suggest(
                _whole(data["study"]),
                _whole(data["number"]),
                str(data.get("method", "")),
                _whole(data.get("count", 1)),
                None if cut is None else _whole(cut),
            )
        case "forget":
            return Forget(_whole(data["study"]))
        case "ping":
            return Ping()
    raise ValueError(f"op {data['op']!r}")


def _objective(data: Mapping[str, Any]) -> ObjectiveLine:
    if data["direction"] not in ("minimize", "maximize"):
        raise ValueError(f"direction {data['direction']!r}")
    bound = data.get("bound")
    return ObjectiveLine(str(data["metric"]), data["direction"], None if bound is None else decode_number(bound))


def _trial(data: Mapping[str, Any]) -> TrialLine:
    failure = data.get("failure")
    return TrialLine(
        _whole(data["number"]),
        dict(data["params"]),
        TrialState(data["state"]),
        {str(metric): decode_number(value) for metric, value in data.get("values", {}).items()},
        None if failure is None else Failure(failure),
        str(data.get("origin", "")),
        {int(rung): decode_number(value) for rung, value in data.get("rungs", {}).items()},
        _size(data.get("memory")),
        {int(fold): decode_number(value) for fold, value in data.get("folds", {}).items()},
        str(data.get("stopped_by", "")),
    )


def _size(value: Any) -> float | None:
    return None if value is None else float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is no whole number")
    return value
